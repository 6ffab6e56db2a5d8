//! What a project may use: the hard limits of its quota, and the limits that containers get which name none.
#![allow(clippy::cast_precision_loss)] // No class has so many projects.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// The hard limits of one project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// By resource, as in a `ResourceQuota`'s `spec.hard`.
    pub hard: BTreeMap<String, String>,
    /// What a container gets that names nothing: request, then limit, of CPU and memory.
    pub defaults: Defaults,
}

/// The requests and limits of a container that names none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Defaults {
    /// CPU that is requested.
    pub cpu: &'static str,
    /// Memory that is requested.
    pub memory: &'static str,
    /// The most CPU.
    pub most_cpu: &'static str,
    /// The most memory.
    pub most_memory: &'static str,
}

/// What containers get in every size: an operator, a Prometheus or a JVM of the labs fits.
const DEFAULTS: Defaults = Defaults {
    cpu: "20m",
    memory: "64Mi",
    most_cpu: "500m",
    most_memory: "512Mi",
};

/// The sizes, with their CPU and memory requests, their CPU and memory limits, Pods, claims and storage.
const SIZES: [(&str, [&str; 7]); 3] = [
    ("small", ["500m", "1Gi", "2", "2Gi", "10", "2", "2Gi"]),
    ("medium", ["1", "2Gi", "4", "4Gi", "20", "5", "10Gi"]),
    ("large", ["2", "4Gi", "8", "8Gi", "40", "10", "20Gi"]),
];

/// The resources of a size, in the order of [`SIZES`].
const RESOURCES: [&str; 7] = [
    "requests.cpu",
    "requests.memory",
    "limits.cpu",
    "limits.memory",
    "pods",
    "persistentvolumeclaims",
    "requests.storage",
];

impl Budget {
    /// The names of the sizes.
    #[must_use]
    pub fn sizes() -> [&'static str; 3] {
        SIZES.map(|(name, _)| name)
    }

    /// The budget of a size.
    #[must_use]
    pub fn of_size(size: &str) -> Option<Self> {
        let (_, values) = SIZES.iter().find(|(name, _)| *name == size)?;
        let pairs = RESOURCES.iter().zip(values);
        Some(Self::explicit(
            pairs
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
        ))
    }

    /// A budget of these hard limits.
    #[must_use]
    pub fn explicit(hard: BTreeMap<String, String>) -> Self {
        Self {
            hard,
            defaults: DEFAULTS,
        }
    }

    /// The limits of `LimitRange`, for containers that name none: a quota of CPU or memory refuses Pods without.
    #[must_use]
    pub fn limits(&self) -> Value {
        let d = self.defaults;
        json!([{
            "type": "Container",
            "defaultRequest": {"cpu": d.cpu, "memory": d.memory},
            "default": {"cpu": d.most_cpu, "memory": d.most_memory},
        }])
    }

    /// The hard limits, so many times.
    #[must_use]
    pub fn times(&self, count: usize) -> BTreeMap<String, String> {
        let many = |(resource, text): (&String, &String)| {
            let total = amount(text).map(|each| each * count as f64);
            let text = total.map_or_else(|| text.clone(), |total| written(resource, total));
            (resource.clone(), text)
        };
        self.hard.iter().map(many).collect()
    }

    /// How much of a resource so many projects may ask for, in its base unit: cores, bytes, objects.
    #[must_use]
    pub fn sum(&self, resource: &str, projects: usize) -> Option<f64> {
        Some(amount(self.hard.get(resource)?)? * projects as f64)
    }
}

/// A quantity of Kubernetes as a number; none where it is none.
/// <https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/>
#[must_use]
pub fn amount(text: &str) -> Option<f64> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.');
    let (number, suffix) = text.split_at(end.unwrap_or(text.len()));
    let factor = match suffix {
        "" => 1.0,
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "Ki" => 1024.0,
        "Mi" => 1024.0 * 1024.0,
        "Gi" => 1024.0 * 1024.0 * 1024.0,
        "Ti" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    number.parse::<f64>().ok().map(|n| n * factor)
}

/// Whether two quantities are the same: the API server writes `1000m` as `1`.
#[must_use]
pub fn same(a: &str, b: &str) -> bool {
    let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * a.abs().max(b.abs());
    a == b || amount(a).zip(amount(b)).is_some_and(|(a, b)| near(a, b))
}

/// A quantity in the form that the API server would write: thousandths of CPU, whole mebibytes, a count.
fn written(resource: &str, total: f64) -> String {
    if resource.ends_with("cpu") {
        let milli = (total * 1000.0).round();
        if milli % 1000.0 == 0.0 {
            return format!("{}", milli / 1000.0);
        }
        return format!("{milli}m");
    }
    let mebi = total / (1024.0 * 1024.0);
    if mebi >= 1024.0 && mebi % 1024.0 == 0.0 {
        return format!("{}Gi", mebi / 1024.0);
    }
    if mebi >= 1.0 && mebi % 1.0 == 0.0 {
        return format!("{mebi}Mi");
    }
    format!("{total}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_compared_by_what_they_are_worth() {
        assert!(same("1000m", "1"));
        assert!(same("1Gi", "1024Mi"));
        assert!(!same("1G", "1Gi"));
        assert!(same("odd", "odd"));
        assert!(!same("odd", "1"));
    }

    #[test]
    fn a_size_is_known_and_multiplied() {
        let medium = Budget::of_size("medium").unwrap();
        let four = medium.times(4);
        assert_eq!(four["requests.cpu"], "4");
        assert_eq!(four["requests.memory"], "8Gi");
        assert_eq!(four["pods"], "80");
        let small = Budget::of_size("small").unwrap();
        assert_eq!(small.times(3)["requests.cpu"], "1500m");
        assert_eq!(Budget::of_size("huge"), None);
    }
}
