//! Rules: queries that Prometheus asks itself, for new series and for alerts.
//! <https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/>

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    labels::{Labels, NAME},
    number::{self, seconds},
    promql::{
        self,
        ast::Expr,
        evaluate::{Answer, Engine, Sample},
    },
    relabel::hash,
    storage::{Storage, stale},
};

/// Rules that are evaluated one after the other.
#[derive(Debug, Clone)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// The file that it is in.
    pub file: String,
    /// How often, in milliseconds.
    pub interval: i64,
    /// The rules.
    pub rules: Vec<Rule>,
    /// When it was evaluated last.
    pub evaluated: Option<i64>,
    /// When it is evaluated next.
    pub next: i64,
}

/// A rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The alert's name, or that of the new metric.
    pub name: String,
    /// Whether it is an alert.
    pub alerts: bool,
    /// The query.
    pub query: String,
    expr: Expr,
    /// How long it has to last until an alert fires.
    pub holds: i64,
    /// How long an alert goes on after that.
    pub keeps: i64,
    /// Labels that it gives.
    pub labels: Labels,
    /// Words for people.
    pub annotations: Labels,
    /// What was wrong the last time.
    pub error: String,
    /// The alerts that are on.
    pub active: BTreeMap<Labels, Alert>,
    written: Vec<Labels>,
}

/// An alert that is on.
#[derive(Debug, Clone)]
pub struct Alert {
    /// Since when.
    pub since: i64,
    /// Whether it fires.
    pub firing: bool,
    /// The value of its query.
    pub value: f64,
    /// Its words.
    pub annotations: Labels,
    /// When its query gave something last.
    seen: i64,
}

/// How an engine is to look at samples.
#[derive(Debug, Clone, Copy)]
pub struct Looking {
    /// How old samples may be.
    pub lookback: i64,
    /// How often subqueries ask that don't say it.
    pub interval: i64,
}

/// Reads the groups of a file.
pub fn groups(file: &str, text: &str, interval: i64) -> Result<Vec<Group>, String> {
    let value: Value = serde_yaml::from_str(text).map_err(|e| e.to_string())?;
    let all = value["groups"].as_array().into_iter().flatten();
    all.map(|group| {
        let rules = group["rules"].as_array().into_iter().flatten();
        Ok(Group {
            name: group["name"].as_str().unwrap_or_default().to_owned(),
            file: file.to_owned(),
            interval: duration(&group["interval"], interval),
            rules: rules.map(Rule::parse).collect::<Result<_, String>>()?,
            evaluated: None,
            next: 0,
        })
    })
    .collect()
}

impl Group {
    /// Plans the first evaluation after a time.
    pub fn plan(&mut self, now: i64) {
        let interval = self.interval.max(1);
        let place = hash(&format!("{};{}", self.file, self.name)) % interval.unsigned_abs();
        let place = i64::try_from(place).unwrap_or_default();
        let passed = (now - place).rem_euclid(interval);
        self.next = now + (interval - passed) % interval;
    }

    /// Evaluates its rules.
    pub fn evaluate(&mut self, storage: &mut Storage, looking: Looking, now: i64) {
        for rule in &mut self.rules {
            rule.evaluate(storage, looking, now);
        }
        self.evaluated = Some(now);
        self.next = now + self.interval.max(1);
    }

    /// Takes over what is known of the same group before a reload.
    pub fn follow(&mut self, before: &Self) {
        self.evaluated = before.evaluated;
        self.next = before.next;
        for rule in &mut self.rules {
            let same = |old: &&Rule| {
                old.name == rule.name && old.query == rule.query && old.labels == rule.labels
            };
            if let Some(old) = before.rules.iter().find(same) {
                rule.active.clone_from(&old.active);
                rule.written.clone_from(&old.written);
            }
        }
    }
}

impl Rule {
    fn parse(rule: &Value) -> Result<Self, String> {
        let text = |field: &str| rule[field].as_str().unwrap_or_default();
        let pairs = |field: &str| -> Labels {
            let all = rule[field].as_object().into_iter().flatten();
            all.map(|(n, v)| (n.as_str(), v.as_str().unwrap_or_default()))
                .collect()
        };
        let query = match &rule["expr"] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let expr = promql::parse(&query).map_err(|fault| fault.told(&query))?;
        let alerts = !text("alert").is_empty();
        Ok(Self {
            name: text(if alerts { "alert" } else { "record" }).to_owned(),
            alerts,
            query,
            expr,
            holds: duration(&rule["for"], 0),
            keeps: duration(&rule["keep_firing_for"], 0),
            labels: pairs("labels"),
            annotations: pairs("annotations"),
            error: String::new(),
            active: BTreeMap::new(),
            written: Vec::new(),
        })
    }

    /// Its state: that of its alert which is worst.
    #[must_use]
    pub fn state(&self) -> &'static str {
        if self.active.values().any(|a| a.firing) {
            "firing"
        } else if self.active.is_empty() {
            "inactive"
        } else {
            "pending"
        }
    }

    fn evaluate(&mut self, storage: &mut Storage, looking: Looking, now: i64) {
        let engine = Engine::new(storage, looking.lookback, looking.interval);
        let samples = match engine.instant(&self.expr, now) {
            Ok(Answer::Vector(samples)) => samples,
            Ok(Answer::Scalar(value)) => vec![Sample {
                labels: Labels::default(),
                value,
                time: now,
            }],
            Ok(_) => Vec::new(),
            Err(error) => {
                self.error = error;
                return;
            }
        };
        self.error.clear();
        let series = if self.alerts {
            self.alert(samples, now)
        } else {
            self.record(samples)
        };
        for gone in &self.written {
            if !series.iter().any(|(labels, _)| labels == gone) {
                storage.append(gone, now, stale());
            }
        }
        for (labels, value) in &series {
            storage.append(labels, now, *value);
        }
        self.written = series.into_iter().map(|(labels, _)| labels).collect();
    }

    fn record(&self, samples: Vec<Sample>) -> Vec<(Labels, f64)> {
        let named = |mut sample: Sample| {
            sample.labels.set(NAME, self.name.as_str());
            for (name, value) in self.labels.iter() {
                sample.labels.set(name, value);
            }
            (sample.labels, sample.value)
        };
        samples.into_iter().map(named).collect()
    }

    /// Moves its alerts on, and gives the series that tell of them.
    fn alert(&mut self, samples: Vec<Sample>, now: i64) -> Vec<(Labels, f64)> {
        for sample in samples {
            let words = |text: &str| expanded(text, &sample);
            let mut labels = sample.labels.clone().without(NAME);
            for (name, value) in self.labels.iter() {
                labels.set(name, words(value));
            }
            labels.set("alertname", self.name.as_str());
            let annotations = self
                .annotations
                .iter()
                .map(|(n, v)| (n, words(v)))
                .collect();
            let alert = self.active.entry(labels).or_insert_with(|| Alert {
                since: now,
                firing: false,
                value: sample.value,
                annotations: Labels::default(),
                seen: now,
            });
            (alert.value, alert.annotations, alert.seen) = (sample.value, annotations, now);
        }
        let (holds, keeps) = (self.holds, self.keeps);
        self.active
            .retain(|_, alert| alert.seen == now || (alert.firing && now - alert.seen < keeps));
        let mut series = Vec::new();
        for (labels, alert) in &mut self.active {
            alert.firing |= now - alert.since >= holds;
            let mut state = labels.clone();
            state.set(NAME, "ALERTS");
            state.set(
                "alertstate",
                if alert.firing { "firing" } else { "pending" },
            );
            series.push((state, 1.0));
            let mut since = labels.clone();
            since.set(NAME, "ALERTS_FOR_STATE");
            series.push((since, seconds(alert.since).floor()));
        }
        series
    }
}

/// A text with `{{ $labels.x }}` and `{{ $value }}` filled in; what else templates can do is left as it stands.
fn expanded(text: &str, sample: &Sample) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((inside, behind)) = after.split_once("}}") else {
            break;
        };
        out.push_str(before);
        match filled(inside.trim(), sample) {
            Some(value) => out.push_str(&value),
            None => {
                out.push_str("{{");
                out.push_str(inside);
                out.push_str("}}");
            }
        }
        rest = behind;
    }
    out.push_str(rest);
    out
}

fn filled(inside: &str, sample: &Sample) -> Option<String> {
    let mut parts = inside.split('|').map(str::trim);
    let first = parts.next()?;
    if let Some(name) = first.strip_prefix("$labels.") {
        return Some(sample.labels.get(name).to_owned());
    }
    if first != "$value" && first != ".Value" {
        return None;
    }
    let value = sample.value;
    Some(match parts.next() {
        None => number::written(value),
        Some("humanizePercentage") => format!("{}%", rounded(value * 100.0)),
        Some("humanize") => rounded(value),
        Some(_) => return None,
    })
}

/// Four digits, as far as they say something.
fn rounded(value: f64) -> String {
    let digits = 3_i32.saturating_sub(if value.abs() >= 1000.0 {
        3
    } else if value.abs() >= 100.0 {
        2
    } else {
        i32::from(value.abs() >= 10.0)
    });
    let factor = 10_f64.powi(digits);
    number::written((value * factor).round() / factor)
}

fn duration(value: &Value, otherwise: i64) -> i64 {
    let text = value.as_str().unwrap_or_default();
    number::duration(text).unwrap_or(otherwise)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOKING: Looking = Looking {
        lookback: 300_000,
        interval: 60_000,
    };

    fn group(text: &str) -> Group {
        groups("f.yaml", text, 10_000).unwrap().remove(0)
    }

    #[test]
    fn an_alert_is_pending_until_it_has_lasted() {
        let mut storage = Storage::default();
        let mut group = group(
            "groups:\n- name: g\n  rules:\n  - alert: High\n    expr: a > 1\n    for: 15s\n    labels: {severity: warning}\n    annotations: {summary: '{{ $labels.x }} is {{ $value }}{{ nothing }}'}\n",
        );
        let states = |group: &Group| group.rules[0].state();
        let series = Labels::of(&[(NAME, "a"), ("x", "y")]);
        let mut at = |time: i64, value: f64, group: &mut Group| {
            storage.append(&series, time, value);
            group.evaluate(&mut storage, LOOKING, time);
            storage.clone()
        };
        at(10_000, 2.0, &mut group);
        assert_eq!(states(&group), "pending");
        at(20_000, 2.0, &mut group);
        assert_eq!(states(&group), "pending");
        let storage = at(30_000, 3.0, &mut group);
        assert_eq!(states(&group), "firing");
        let alert = group.rules[0].active.values().next().unwrap();
        assert_eq!(alert.annotations.get("summary"), "y is 3{{ nothing }}");
        let expr = promql::parse(
            "ALERTS{alertname=\"High\",alertstate=\"firing\",severity=\"warning\",x=\"y\"}",
        )
        .unwrap();
        let answer = |storage: &Storage, time| {
            let engine = Engine::new(storage, 300_000, 60_000);
            match engine.instant(&expr, time).unwrap() {
                Answer::Vector(samples) => samples.len(),
                _ => 0,
            }
        };
        assert_eq!(answer(&storage, 30_000), 1);
        let mut storage = storage;
        storage.append(&series, 40_000, 0.0);
        group.evaluate(&mut storage, LOOKING, 40_000);
        assert_eq!((states(&group), answer(&storage, 40_000)), ("inactive", 0));
    }

    #[test]
    fn a_wrong_query_is_told() {
        let error = groups(
            "f",
            "groups: [{name: g, rules: [{alert: a, expr: 'sum('}]}]",
            1,
        );
        assert_eq!(
            error.unwrap_err(),
            "1:5: parse error: unclosed left parenthesis"
        );
    }
}
