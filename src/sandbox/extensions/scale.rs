//! The scale subresource of custom resources: where its numbers are in their objects.
//! <https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#scale-subresource>

use serde_json::{Value, json};

/// Paths of fields, as steps.
#[derive(Debug, Clone)]
pub struct Scale {
    /// How many replicas are wanted.
    pub wanted: Vec<String>,
    /// How many there are.
    pub there: Vec<String>,
    /// The selector of their Pods, as text.
    pub selector: Option<Vec<String>>,
}

impl Scale {
    /// Reads the subresource of a CRD.
    pub(super) fn of(given: &Value) -> Option<Self> {
        let path = |field: &str| {
            let text = given[field].as_str()?;
            let steps = text.trim_start_matches('.').split('.');
            Some(steps.map(str::to_owned).collect::<Vec<_>>())
        };
        Some(Self {
            wanted: path("specReplicasPath")?,
            there: path("statusReplicasPath")?,
            selector: path("labelSelectorPath"),
        })
    }

    /// How many replicas an object wants; none where it does not say.
    #[must_use]
    pub fn replicas(&self, object: &Value) -> Option<i64> {
        at(object, &self.wanted)?.as_i64()
    }

    /// How many replicas there are.
    #[must_use]
    pub fn found(&self, object: &Value) -> i64 {
        let found = at(object, &self.there).and_then(Value::as_i64);
        found.unwrap_or_default()
    }

    /// The selector of the Pods; empty where there is none.
    #[must_use]
    pub fn selector(&self, object: &Value) -> String {
        let found = self.selector.as_ref().and_then(|path| at(object, path));
        found.and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// Wants another number.
    pub fn set(&self, object: &mut Value, replicas: i64) {
        let mut here = object;
        for step in &self.wanted {
            if !here.is_object() {
                *here = json!({});
            }
            here = &mut here[step.as_str()];
        }
        *here = json!(replicas);
    }

    /// As refusals name the field of the number that is wanted.
    #[must_use]
    pub fn shown(&self) -> String {
        format!(".{}", self.wanted.join("."))
    }
}

fn at<'a>(object: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(object, |v, step| v.get(step))
}
