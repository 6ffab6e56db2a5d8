//! The configuration of a Prometheus, as far as it is followed.
//! <https://prometheus.io/docs/prometheus/latest/configuration/configuration/>

use serde_json::Value;

use super::{labels::Labels, number, relabel::Rule};

/// A configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// How often targets are scraped, in milliseconds.
    pub interval: i64,
    /// How often rules are evaluated.
    pub evaluation: i64,
    /// What is scraped.
    pub jobs: Vec<Job>,
    /// Its text.
    pub text: String,
}

/// Where targets come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Endpoints, or their slices, of namespaces; of all where none is named.
    Endpoints(Vec<String>),
    /// Pods of namespaces.
    Pods(Vec<String>),
    /// Addresses, with labels of their own.
    Static(Vec<String>, Labels),
}

/// Targets that are found and scraped in one way.
#[derive(Debug, Clone)]
pub struct Job {
    /// Its name.
    pub name: String,
    /// How often, in milliseconds.
    pub interval: i64,
    /// How long a scrape may take.
    pub timeout: i64,
    /// The path.
    pub path: String,
    /// `http` or `https`.
    pub scheme: String,
    /// Whether labels of samples win over those of the target.
    pub honor_labels: bool,
    /// How many samples a scrape may give; zero for any.
    pub sample_limit: usize,
    /// Where targets come from.
    pub sources: Vec<Source>,
    /// What is done with the labels of targets.
    pub relabel: Vec<Rule>,
    /// What is done with the labels of samples.
    pub metric_relabel: Vec<Rule>,
}

const MINUTE: i64 = 60_000;

impl Config {
    /// Reads a configuration.
    pub fn parse(text: &str) -> Result<Self, String> {
        let value: Value = serde_yaml::from_str(text).map_err(|e| e.to_string())?;
        let global = &value["global"];
        let interval = duration(&global["scrape_interval"])?.unwrap_or(MINUTE);
        let jobs = value["scrape_configs"].as_array().into_iter().flatten();
        Ok(Self {
            interval,
            evaluation: duration(&global["evaluation_interval"])?.unwrap_or(MINUTE),
            jobs: jobs
                .map(|job| Job::parse(job, global, interval))
                .collect::<Result<_, _>>()?,
            text: text.to_owned(),
        })
    }
}

impl Job {
    fn parse(job: &Value, global: &Value, interval: i64) -> Result<Self, String> {
        let interval = duration(&job["scrape_interval"])?.unwrap_or(interval);
        let global = duration(&global["scrape_timeout"])?.unwrap_or(10_000);
        let timeout = duration(&job["scrape_timeout"])?.unwrap_or(global);
        let text = |field: &str, otherwise: &str| {
            let value = job[field].as_str().filter(|t| !t.is_empty());
            value.unwrap_or(otherwise).to_owned()
        };
        let rules = |field: &str| -> Result<Vec<Rule>, String> {
            let all = job[field].as_array().into_iter().flatten();
            all.map(Rule::parse).collect()
        };
        Ok(Self {
            name: text("job_name", ""),
            interval,
            timeout: timeout.min(interval),
            path: text("metrics_path", "/metrics"),
            scheme: text("scheme", "http"),
            honor_labels: job["honor_labels"].as_bool().unwrap_or_default(),
            sample_limit: usize::try_from(job["sample_limit"].as_u64().unwrap_or_default())
                .unwrap_or_default(),
            sources: sources(job),
            relabel: rules("relabel_configs")?,
            metric_relabel: rules("metric_relabel_configs")?,
        })
    }
}

fn sources(job: &Value) -> Vec<Source> {
    let strings = |value: &Value| -> Vec<String> {
        let all = value.as_array().into_iter().flatten();
        all.filter_map(|v| v.as_str().map(str::to_owned)).collect()
    };
    let found = job["kubernetes_sd_configs"]
        .as_array()
        .into_iter()
        .flatten();
    let found = found.map(|sd| {
        let namespaces = strings(&sd["namespaces"]["names"]);
        match sd["role"].as_str() {
            Some("pod") => Source::Pods(namespaces),
            _ => Source::Endpoints(namespaces),
        }
    });
    let fixed = job["static_configs"].as_array().into_iter().flatten();
    let fixed = fixed.map(|of| {
        let labels = of["labels"].as_object().into_iter().flatten();
        let labels = labels.map(|(n, v)| (n.as_str(), v.as_str().unwrap_or_default()));
        Source::Static(strings(&of["targets"]), labels.collect())
    });
    found.chain(fixed).collect()
}

fn duration(value: &Value) -> Result<Option<i64>, String> {
    let Some(text) = value.as_str() else {
        return Ok(None);
    };
    let found = number::duration(text).filter(|d| *d > 0);
    let why = || format!("not a valid duration string: {text:?}");
    found.map(Some).ok_or_else(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_global() {
        let config = Config::parse(
            "global: {scrape_interval: 10s}\nscrape_configs:\n- job_name: a\n  kubernetes_sd_configs: [{role: endpoints, namespaces: {names: [x]}}]\n- job_name: b\n  scrape_interval: 5s\n  static_configs: [{targets: ['h:1'], labels: {l: v}}]\n",
        )
        .unwrap();
        assert_eq!((config.evaluation, config.jobs.len()), (MINUTE, 2));
        let (a, b) = (&config.jobs[0], &config.jobs[1]);
        assert_eq!(
            (a.interval, a.timeout, a.path.as_str()),
            (10_000, 10_000, "/metrics")
        );
        assert_eq!(a.sources, [Source::Endpoints(vec!["x".to_owned()])]);
        assert_eq!((b.interval, b.timeout), (5_000, 5_000));
        assert!(Config::parse("global: {scrape_interval: 1x}").is_err());
        assert!(Config::parse("a: [").is_err());
    }
}
