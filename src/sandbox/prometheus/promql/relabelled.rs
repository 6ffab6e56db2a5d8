//! Functions that change labels.

use super::evaluate::{SAME_LABELS, Sample};
use crate::sandbox::prometheus::labels::anchored;

/// `label_replace` or `label_join`, by the texts that follow the vector.
pub(super) fn of(
    name: &str,
    mut samples: Vec<Sample>,
    texts: &[String],
) -> Result<Vec<Sample>, String> {
    match (name, texts) {
        ("label_replace", [target, template, source, pattern]) => {
            let pattern = anchored(pattern)
                .map_err(|_| format!("invalid regular expression in label_replace(): {pattern}"))?;
            for sample in &mut samples {
                let value = sample.labels.get(source).to_owned();
                if let Some(captures) = pattern.captures(&value) {
                    let mut new = String::new();
                    captures.expand(template, &mut new);
                    sample.labels.set(target, new);
                }
            }
        }
        (_, [target, separator, sources @ ..]) => {
            for sample in &mut samples {
                let values: Vec<&str> = sources.iter().map(|s| sample.labels.get(s)).collect();
                let joined = values.join(separator);
                sample.labels.set(target, joined);
            }
        }
        _ => {}
    }
    let mut seen = std::collections::HashSet::new();
    if samples.iter().all(|s| seen.insert(&s.labels)) {
        return Ok(samples);
    }
    Err(SAME_LABELS.to_owned())
}
