//! Answers as Prometheus writes them.

use serde::{Serialize, Serializer, ser::SerializeMap as _};

use crate::sandbox::{
    go,
    prometheus::{
        labels::Labels,
        number::{Number, seconds, written},
        promql::evaluate::{Answer, Sample, Series},
        storage::Point,
    },
};

/// What kind of error an answer tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorType {
    /// The request is wrong.
    BadData,
    /// The query can't be answered.
    Execution,
    /// There is no such thing.
    NotFound,
}

impl ErrorType {
    fn name(self) -> &'static str {
        match self {
            Self::BadData => "bad_data",
            Self::Execution => "execution",
            Self::NotFound => "not_found",
        }
    }

    fn status(self) -> u16 {
        match self {
            Self::BadData => 400,
            Self::Execution => 422,
            Self::NotFound => 404,
        }
    }
}

/// An answer: HTTP status, type, text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The HTTP status.
    pub status: u16,
    /// The type of the text.
    pub kind: &'static str,
    /// The text.
    pub text: String,
}

const JSON: &str = "application/json";

impl Page {
    /// Plain text.
    #[must_use]
    pub fn text(status: u16, text: impl Into<String>) -> Self {
        Self {
            status,
            kind: "text/plain; charset=utf-8",
            text: text.into(),
        }
    }

    /// A page for a browser.
    #[must_use]
    pub fn html(text: String) -> Self {
        Self {
            status: 200,
            kind: "text/html; charset=utf-8",
            text,
        }
    }

    /// Data.
    #[must_use]
    pub fn data(data: &impl Serialize) -> Self {
        #[derive(Serialize)]
        struct Body<'a, T> {
            status: &'static str,
            data: &'a T,
        }
        Self::json(
            200,
            &Body {
                status: "success",
                data,
            },
        )
    }

    /// An error.
    #[must_use]
    pub fn error(kind: ErrorType, error: &str) -> Self {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Body<'a> {
            status: &'static str,
            error_type: &'static str,
            error: &'a str,
        }
        let body = Body {
            status: "error",
            error_type: kind.name(),
            error,
        };
        Self::json(kind.status(), &body)
    }

    /// In JSON, angle brackets are written as Go does it.
    fn json(status: u16, body: &impl Serialize) -> Self {
        let text = serde_json::to_string(body).unwrap_or_default();
        Self {
            status,
            kind: JSON,
            text: go::html_safe(&text),
        }
    }
}

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

/// A sample: seconds, and the value as text.
struct Pair(i64, f64);

impl Serialize for Pair {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value = written(self.1);
        if self.0 % 1000 == 0 {
            (self.0 / 1000, value).serialize(serializer)
        } else {
            (Number(seconds(self.0)), value).serialize(serializer)
        }
    }
}

#[derive(Serialize)]
struct Instant<'a> {
    metric: &'a Labels,
    value: Pair,
}

#[derive(Serialize)]
struct Ranged<'a> {
    metric: &'a Labels,
    values: Vec<Pair>,
}

/// The result of a query, asked for at a time.
pub struct Outcome(pub Answer, pub i64);

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        let time = self.1;
        match &self.0 {
            Answer::Scalar(value) => {
                map.serialize_entry("resultType", "scalar")?;
                map.serialize_entry("result", &Pair(time, *value))?;
            }
            Answer::Text(text) => {
                map.serialize_entry("resultType", "string")?;
                let second = if time % 1000 == 0 {
                    serde_json::json!([time / 1000, text])
                } else {
                    serde_json::json!([Number(seconds(time)), text])
                };
                map.serialize_entry("result", &second)?;
            }
            Answer::Vector(samples) => {
                let one = |s: &Sample| (s.labels.clone(), s.value);
                let all: Vec<(Labels, f64)> = samples.iter().map(one).collect();
                let all: Vec<Instant<'_>> = all
                    .iter()
                    .map(|(metric, value)| Instant {
                        metric,
                        value: Pair(time, *value),
                    })
                    .collect();
                map.serialize_entry("resultType", "vector")?;
                map.serialize_entry("result", &all)?;
            }
            Answer::Matrix(series) => {
                let one = |s: &'_ Series| -> Vec<Pair> {
                    s.points.iter().map(|p: &Point| Pair(p.0, p.1)).collect()
                };
                let all: Vec<Ranged<'_>> = series
                    .iter()
                    .map(|s| Ranged {
                        metric: &s.labels,
                        values: one(s),
                    })
                    .collect();
                map.serialize_entry("resultType", "matrix")?;
                map.serialize_entry("result", &all)?;
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::sandbox::prometheus::{
        number::{millis, read},
        promql::{evaluate::Engine, parse},
        storage::Storage,
    };

    const LOOKBACK: i64 = 30_000;
    const INTERVAL: i64 = 10_000;

    fn recorded() -> (Value, Storage) {
        let text = include_str!("../../../../tests/prometheus/answers.json");
        let recorded: Value = serde_json::from_str(text).unwrap();
        let mut storage = Storage::default();
        for series in recorded["series"].as_array().unwrap() {
            let pairs = series["metric"].as_object().unwrap().iter();
            let labels: Labels = pairs
                .map(|(n, v)| (n.as_str(), v.as_str().unwrap()))
                .collect();
            for point in series["values"].as_array().unwrap() {
                let time = millis(point[0].as_f64().unwrap()).unwrap();
                storage.append(&labels, time, read(point[1].as_str().unwrap()).unwrap());
            }
        }
        (recorded, storage)
    }

    fn time(value: &Value) -> i64 {
        millis(value.as_f64().unwrap()).unwrap()
    }

    /// Whether two answers say the same, but for rounding and for the order of what has none.
    fn same(a: &Value, b: &Value) -> bool {
        match (a, b) {
            (Value::String(x), Value::String(y)) => match (read(x), read(y)) {
                (Some(x), Some(y)) if x.is_finite() && y.is_finite() => {
                    (x - y).abs() <= 1e-9 * x.abs().max(y.abs()).max(1e-6)
                }
                _ => x == y,
            },
            (Value::Array(x), Value::Array(y)) => {
                x.len() == y.len() && x.iter().zip(y).all(|(x, y)| same(x, y))
            }
            (Value::Object(x), Value::Object(y)) => {
                x.len() == y.len() && x.iter().all(|(k, v)| y.get(k).is_some_and(|w| same(v, w)))
            }
            (Value::Number(x), Value::Number(y)) => x.as_f64() == y.as_f64(),
            _ => a == b,
        }
    }

    fn sorted(mut answer: Value, query: &str) -> Value {
        let ordered = query.starts_with("sort") || query.contains("topk");
        if let Some(all) = answer["data"]["result"].as_array_mut()
            && all.iter().all(Value::is_object)
            && !ordered
        {
            all.sort_by_key(|one| one["metric"].to_string());
        }
        answer
    }

    #[test]
    fn queries_give_what_the_real_prometheus_gave_of_the_same_samples() {
        let (recorded, storage) = recorded();
        let at = time(&recorded["time"]);
        let mut wrong = Vec::new();
        let mut check = |query: &str, page: &Page, wanted: &Value| {
            let got: Value = serde_json::from_str(&page.text).unwrap();
            if !same(&sorted(got, query), &sorted(wanted.clone(), query)) {
                wrong.push(format!(
                    "{query}\n  got    {}\n  wanted {wanted}",
                    page.text
                ));
            }
        };
        let page = |answer: Result<Answer, String>| match answer {
            Ok(answer) => Page::data(&Outcome(answer, at)),
            Err(error) => Page::error(ErrorType::Execution, &error),
        };
        for one in recorded["answers"].as_array().unwrap() {
            let query = one["query"].as_str().unwrap();
            let engine = Engine::new(&storage, LOOKBACK, INTERVAL);
            let mut wanted = one["answer"].clone();
            if let Some(wanted) = wanted.as_object_mut() {
                wanted.remove("infos");
                wanted.remove("warnings");
            }
            let answer = engine.instant(&parse(query).unwrap(), at);
            check(query, &page(answer), &wanted);
        }
        for one in recorded["ranges"].as_array().unwrap() {
            let query = one["query"].as_str().unwrap();
            let (start, end) = (time(&one["start"]), time(&one["end"]));
            let engine = Engine::new(&storage, LOOKBACK, INTERVAL);
            let answer = engine.range(&parse(query).unwrap(), start, end, 15_000);
            check(query, &page(answer.map(Answer::Matrix)), &one["answer"]);
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
