//! Targets, and how they are scraped.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    config::Job,
    discovery::ADDRESS,
    exposition::{self, Exposition, Metadata},
    labels::{Labels, NAME},
    number::{count, seconds},
    relabel::{hash, relabelled},
    storage::{Storage, stale},
    world::{Fetched, Unreachable, World},
};

/// What is scraped.
#[derive(Debug, Clone)]
pub struct Target {
    /// What was known of it when it was found.
    pub discovered: Labels,
    /// The labels of its samples.
    pub labels: Labels,
    scheme: String,
    address: String,
    path: String,
    /// When it was scraped last.
    pub scraped: Option<i64>,
    /// How long that took, in milliseconds.
    pub took: i64,
    /// What was wrong then.
    pub error: String,
    /// When it is scraped next.
    pub next: i64,
    series: BTreeSet<Labels>,
    /// Type and help of its metrics.
    pub metadata: BTreeMap<String, Metadata>,
}

/// The metrics that every scrape gives of itself.
const REPORTED: [&str; 5] = [
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
];

impl Target {
    /// A target of a job, or none if a rule drops it; then what was known of it.
    pub fn of(job: &Job, found: Labels) -> Result<Self, Labels> {
        let mut labels = found;
        labels.set("job", job.name.as_str());
        labels.set("__scheme__", job.scheme.as_str());
        labels.set("__metrics_path__", job.path.as_str());
        labels.set(
            "__scrape_interval__",
            super::number::written_duration(job.interval),
        );
        labels.set(
            "__scrape_timeout__",
            super::number::written_duration(job.timeout),
        );
        let discovered = labels.clone();
        let Some(mut labels) = relabelled(labels, &job.relabel) else {
            return Err(discovered);
        };
        let address = labels.get(ADDRESS).to_owned();
        if address.is_empty() {
            return Err(discovered);
        }
        let (scheme, path) = (
            labels.get("__scheme__").to_owned(),
            labels.get("__metrics_path__").to_owned(),
        );
        labels.retain(|name| !name.starts_with("__"));
        if labels.get("instance").is_empty() {
            labels.set("instance", address.as_str());
        }
        Ok(Self {
            discovered,
            labels,
            scheme,
            address,
            path,
            scraped: None,
            took: 0,
            error: String::new(),
            next: 0,
            series: BTreeSet::new(),
            metadata: BTreeMap::new(),
        })
    }

    /// The address of its page.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}{}", self.scheme, self.address, self.path)
    }

    /// What makes it the same target after it is found again.
    #[must_use]
    pub fn identity(&self) -> (Labels, String) {
        (self.labels.clone(), self.url())
    }

    /// Its state, as the API names it.
    #[must_use]
    pub fn health(&self) -> &'static str {
        match self.scraped {
            None => "unknown",
            Some(_) if self.error.is_empty() => "up",
            Some(_) => "down",
        }
    }

    /// Plans the first scrape after a time: targets are spread over the interval, each always at the same place.
    pub fn plan(&mut self, now: i64, interval: i64) {
        let interval = interval.max(1);
        let place =
            hash(&format!("{}{}", self.labels.shown(), self.url())) % interval.unsigned_abs();
        let place = i64::try_from(place).unwrap_or_default();
        let passed = (now - place).rem_euclid(interval);
        self.next = now + (interval - passed) % interval;
    }

    /// Scrapes it.
    pub fn scrape(&mut self, job: &Job, world: &dyn World, storage: &mut Storage, now: i64) {
        let outcome = self.fetch(job, world);
        self.scraped = Some(now);
        self.took = match &outcome {
            // It answers in milliseconds, more for more samples.
            Ok(page) => 3 + i64::try_from(page.samples.len() / 25).unwrap_or_default(),
            Err((_, took)) => *took,
        };
        let (page, up) = match outcome {
            Ok(page) => (page, 1.0),
            Err((error, _)) => {
                self.error = error;
                (Exposition::default(), 0.0)
            }
        };
        if up > 0.0 {
            self.error.clear();
            self.metadata.clone_from(&page.metadata);
        }
        let scraped = page.samples.len();
        let mut series = BTreeSet::new();
        for (labels, value) in page.samples {
            let labels = self.labelled(labels, job.honor_labels);
            if let Some(labels) = relabelled(labels, &job.metric_relabel) {
                storage.append(&labels, now, value);
                series.insert(labels);
            }
        }
        let added = series.difference(&self.series).count();
        for gone in self.series.difference(&series) {
            storage.append(gone, now, stale());
        }
        let kept = series.len();
        self.series = series;
        let reported = [
            up,
            seconds(self.took),
            count(scraped),
            count(kept),
            count(added),
        ];
        for (name, value) in REPORTED.iter().zip(reported) {
            let mut labels = self.labels.clone();
            labels.set(NAME, *name);
            storage.append(&labels, now, value);
        }
        self.next = now + job.interval;
    }

    /// Ends its series.
    pub fn end(&self, storage: &mut Storage, at: i64) {
        for labels in &self.series {
            storage.append(labels, at, stale());
        }
        for name in REPORTED {
            let mut labels = self.labels.clone();
            labels.set(NAME, name);
            storage.append(&labels, at, stale());
        }
    }

    /// Its page, or what is wrong and how long that took to see.
    fn fetch(&self, job: &Job, world: &dyn World) -> Result<Exposition, (String, i64)> {
        let url = self.url();
        let page = world.get(&self.scheme, &self.address, &self.path);
        let page = page.map_err(|why| match why {
            Unreachable::Refused => {
                let address = &self.address;
                (
                    format!("Get \"{url}\": dial tcp {address}: connect: connection refused"),
                    1,
                )
            }
            Unreachable::Silent => (
                format!("Get \"{url}\": context deadline exceeded"),
                job.timeout,
            ),
            Unreachable::NoTls => (
                format!("Get \"{url}\": http: server gave HTTP response to HTTPS client"),
                2,
            ),
        })?;
        read(&page, job).map_err(|error| (error, 2))
    }

    /// A sample's labels with those of the target, which win unless the job says otherwise.
    fn labelled(&self, mut labels: Labels, honor: bool) -> Labels {
        for (name, value) in self.labels.iter() {
            let own = labels.get(name).to_owned();
            if honor && !own.is_empty() {
                continue;
            }
            if !own.is_empty() {
                let mut exported = format!("exported_{name}");
                while !labels.get(&exported).is_empty() {
                    exported = format!("exported_{exported}");
                }
                labels.set(&exported, own);
            }
            labels.set(name, value);
        }
        labels
    }
}

/// Reads a page.
fn read(page: &Fetched, job: &Job) -> Result<Exposition, String> {
    if page.status != 200 {
        let reason = http::StatusCode::from_u16(page.status);
        let reason = reason.ok().and_then(|s| s.canonical_reason());
        return Err(format!(
            "server returned HTTP status {} {}",
            page.status,
            reason.unwrap_or_default()
        ));
    }
    let kind = page.content_type.as_str();
    if kind.is_empty() {
        return Err("non-compliant scrape target sending blank Content-Type and no fallback_scrape_protocol specified for target".to_owned());
    }
    if !kind.starts_with("text/plain") && !kind.starts_with("application/openmetrics-text") {
        return Err(format!(
            "received unsupported Content-Type {kind:?} and no fallback_scrape_protocol specified for target"
        ));
    }
    let found = exposition::parse(&page.body)?;
    if job.sample_limit > 0 && found.samples.len() > job.sample_limit {
        return Err("sample limit exceeded".to_owned());
    }
    Ok(found)
}
