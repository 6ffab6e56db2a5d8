//! Label and field selectors, matched here instead of by the API server.
//! <https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors>

use serde_json::Value;

/// Whether an object has these labels. A selector that makes no sense selects nothing.
pub(super) fn labels_match(selector: Option<&str>, object: &Value) -> bool {
    let labels = &object["metadata"]["labels"];
    let value = |key: &str| labels[key].as_str();
    parts(selector.unwrap_or_default()).all(|part| requirement(part, value))
}

/// Whether the fields of an object are as a field selector says.
pub(super) fn fields_match(selector: Option<&str>, object: &Value) -> bool {
    let value = |path: &str| {
        let pointer = format!("/{}", path.replace('.', "/"));
        object.pointer(&pointer).and_then(Value::as_str)
    };
    parts(selector.unwrap_or_default()).all(|part| equality(part, value).unwrap_or(false))
}

/// The requirements of a selector: what commas part, but for those in parentheses.
fn parts(selector: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_usize;
    selector
        .split(move |c| {
            match c {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            c == ',' && depth == 0
        })
        .map(str::trim)
        .filter(|part| !part.is_empty())
}

fn requirement<'a>(part: &str, value: impl Fn(&str) -> Option<&'a str>) -> bool {
    if let Some(outcome) = equality(part, &value) {
        return outcome;
    }
    if let Some(key) = part.strip_prefix('!') {
        return value(key.trim()).is_none();
    }
    let Some((left, set)) = part.split_once('(') else {
        return value(part).is_some();
    };
    let within = |found: &str| {
        let set = set.trim_end().trim_end_matches(')');
        set.split(',').any(|one| one.trim() == found)
    };
    let mut words = left.split_whitespace();
    match (words.next(), words.next()) {
        (Some(key), Some("in")) => value(key).is_some_and(within),
        (Some(key), Some("notin")) => !value(key).is_some_and(within),
        _ => false,
    }
}

/// `a=b`, `a==b` or `a!=b`; none where it is none of these.
fn equality<'a>(part: &str, value: impl Fn(&str) -> Option<&'a str>) -> Option<bool> {
    if let Some((key, wanted)) = part.split_once("!=") {
        return Some(value(key.trim()) != Some(wanted.trim()));
    }
    let (key, wanted) = part.split_once('=')?;
    let wanted = wanted.strip_prefix('=').unwrap_or(wanted).trim();
    Some(value(key.trim()) == Some(wanted))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_form_of_label_selector_is_matched() {
        let pod = json!({"metadata": {"labels": {"app": "web", "tier": "front"}}});
        let matches = |selector: &str| labels_match(Some(selector), &pod);
        for yes in [
            "",
            "app=web",
            "app==web",
            "app=web,tier!=back",
            "other!=x",
            "app",
            "!other",
            "app in (api, web),tier",
            "app notin (api)",
            "other notin (a,b)",
        ] {
            assert!(matches(yes), "{yes}");
        }
        for no in [
            "app=api",
            "!app",
            "other",
            "app in (api)",
            "app notin (web,api)",
            "app near (web)",
        ] {
            assert!(!matches(no), "{no}");
        }
        assert!(labels_match(None, &pod));
    }

    #[test]
    fn fields_are_followed_by_their_path() {
        let event = json!({"involvedObject": {"kind": "Pod"}, "type": "Warning"});
        assert!(fields_match(
            Some("involvedObject.kind=Pod,type=Warning"),
            &event
        ));
        assert!(!fields_match(
            Some("involvedObject.kind=Pod,type!=Warning"),
            &event
        ));
    }
}
