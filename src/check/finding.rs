//! The words of a finding: expected, observed, the command that shows it.

use serde_json::Value;

use super::{cause::Known, matching::Mismatch, object::name, ready::State, verdict::Finding};
use crate::lab::{
    model::{Count, ListRef, ObjectRef},
    text::Text,
};

/// A value as a person writes it: short, on one line.
pub(crate) fn show(value: &Value) -> String {
    const LONGEST: usize = 120;
    let text = value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned);
    if text.chars().count() <= LONGEST {
        return text;
    }
    let short: String = text.chars().take(LONGEST).collect();
    format!("{short}…")
}

/// `kubectl get KIND NAME -n NS -o yaml`.
pub(crate) fn get_command(client: &str, object: &ObjectRef) -> String {
    let namespace = object
        .namespace
        .as_ref()
        .map_or_else(String::new, |n| format!(" -n {n}"));
    format!(
        "{client} get {} {}{namespace} -o yaml",
        resource(&object.api_version, &object.kind),
        object.name
    )
}

/// A kind as a client takes it: with its group where that is not Kubernetes' own, since two groups may have one kind.
fn resource(api_version: &str, kind: &str) -> String {
    let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
    let own = !group.contains('.') || group.ends_with(".k8s.io");
    let kind = kind.to_lowercase();
    if own { kind } else { format!("{kind}.{group}") }
}

fn list_command(client: &str, list: &ListRef) -> String {
    let selector = list
        .label_selector
        .as_ref()
        .map_or_else(String::new, |s| format!(" -l '{s}'"));
    let namespace = list
        .namespace
        .as_ref()
        .map_or_else(String::new, |n| format!(" -n {n}"));
    let resource = resource(&list.api_version, &list.kind);
    format!("{client} get {resource}{selector}{namespace}")
}

/// The reference of one item of a list.
pub(crate) fn reference(list: &ListRef, item: &Value) -> ObjectRef {
    ObjectRef {
        api_version: list.api_version.clone(),
        kind: list.kind.clone(),
        namespace: list.namespace.clone(),
        name: name(item).to_owned(),
    }
}

fn label(object: &ObjectRef) -> String {
    format!("{} {}", object.kind, object.name)
}

fn place(namespace: Option<&String>) -> (String, String) {
    namespace.map_or_else(Default::default, |n| {
        (format!(" in project {n}"), format!("プロジェクト {n} の "))
    })
}

pub(crate) fn missing(object: &ObjectRef, client: &str) -> Finding {
    let (en, ja) = place(object.namespace.as_ref());
    let kind = &object.kind;
    let all = ListRef {
        api_version: object.api_version.clone(),
        kind: object.kind.clone(),
        namespace: object.namespace.clone(),
        label_selector: None,
        field_selector: None,
    };
    Finding {
        expected: Text::new(
            format!("{}{en}", label(object)),
            format!("{ja}{}", label(object)),
        ),
        observed: Text::new(
            format!("there is no {kind} of that name"),
            format!("その名前の {kind} はありません"),
        ),
        see: Some(list_command(client, &all)),
        objects: vec![object.clone()],
        ..Finding::default()
    }
}

/// A Namespace that this user may not see, which RBAC does not tell from one that does not exist.
pub(crate) fn unseen(namespace: &ObjectRef, client: &str) -> Finding {
    let name = &namespace.name;
    Finding {
        observed: Text::new(
            "there is none of that name, or it is not yours",
            "その名前のものはないか、あなたのものではありません",
        ),
        see: Some(format!("{client} auth can-i get pods -n {name}")),
        ..missing(namespace, client)
    }
}

pub(crate) fn still_there(object: &ObjectRef, client: &str) -> Finding {
    Finding {
        expected: Text::new(
            format!("no {}", label(object)),
            format!("{} がないこと", label(object)),
        ),
        observed: Text::new("it is still there", "まだあります"),
        see: Some(get_command(client, object)),
        objects: vec![object.clone()],
        ..Finding::default()
    }
}

pub(crate) fn differs(object: &ObjectRef, differences: &[Mismatch], client: &str) -> Finding {
    let wanted: Vec<String> = differences
        .iter()
        .map(|d| format!("{} = {}", d.path, show(&d.expected)))
        .collect();
    let seen = |nothing: &str| -> String {
        let parts: Vec<String> = differences
            .iter()
            .map(|d| {
                format!(
                    "{} = {}",
                    d.path,
                    d.actual.as_ref().map_or_else(|| nothing.to_owned(), show)
                )
            })
            .collect();
        parts.join(", ")
    };
    Finding {
        expected: Text::same(wanted.join(", ")),
        observed: Text::new(seen("(not set)"), seen("(なし)")),
        see: Some(get_command(client, object)),
        objects: vec![object.clone()],
        ..Finding::default()
    }
}

/// A CEL condition that does not hold: in the words of the check, with the values that it looks at.
pub(crate) fn untrue(
    reference: &ObjectRef,
    object: &Value,
    title: &Text,
    expression: &str,
    client: &str,
) -> Finding {
    let paths = paths(expression);
    let values = |nothing: &str| {
        let all = paths.iter().map(|path| looked_at(object, path, nothing));
        all.collect::<Vec<_>>().join("\n")
    };
    let observed = if paths.is_empty() {
        Text::new(
            format!("that is not true of {}", label(reference)),
            format!("{} では成り立ちません", label(reference)),
        )
    } else {
        Text::new(values("(nothing)"), values("(なし)"))
    };
    Finding {
        expected: title.clone(),
        observed,
        see: Some(get_command(client, reference)),
        objects: vec![reference.clone()],
        ..Finding::default()
    }
}

/// The fields of `self` that an expression names, each once.
fn paths(expression: &str) -> Vec<Vec<String>> {
    let mut found: Vec<Vec<String>> = Vec::new();
    for rest in expression.split("self.").skip(1) {
        let end = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '_'))
            .unwrap_or(rest.len());
        let mut path: Vec<String> = rest[..end].split('.').map(str::to_owned).collect();
        if rest[end..].starts_with('(') {
            // The last part is a function of what stands before it.
            path.pop();
        }
        path.retain(|part| !part.is_empty());
        let known = found.iter().any(|f| f.starts_with(&path));
        if !path.is_empty() && !known {
            found.retain(|f| !path.starts_with(f));
            found.push(path);
        }
    }
    found
}

/// `spec.ports = […]`, as far as the object has it.
fn looked_at(object: &Value, path: &[String], nothing: &str) -> String {
    let mut value = object;
    let mut there = Vec::new();
    for part in path {
        there.push(part.as_str());
        match value.get(part) {
            Some(found) => value = found,
            None => return format!("{} = {nothing}", there.join(".")),
        }
    }
    format!("{} = {}", there.join("."), show(value))
}

pub(crate) fn untrue_of_list(list: &ListRef, title: &Text, client: &str) -> Finding {
    Finding {
        expected: title.clone(),
        observed: Text::new(
            format!("that is not true of these {}s", list.kind),
            format!("これらの {} では成り立ちません", list.kind),
        ),
        see: Some(list_command(client, list)),
        ..Finding::default()
    }
}

pub(crate) fn not_ready(
    object: &ObjectRef,
    state: State,
    cause: Option<Known>,
    client: &str,
) -> Finding {
    let describe = |o: &ObjectRef| {
        get_command(client, o)
            .replace(" get ", " describe ")
            .replace(" -o yaml", "")
    };
    Finding {
        expected: state.expected,
        observed: state.observed,
        see: Some(describe(object)),
        next: cause.as_ref().map(|c| c.next.clone()),
        cause: cause.map(|c| c.cause),
        objects: vec![object.clone()],
    }
}

pub(crate) fn none_found(list: &ListRef, client: &str) -> Finding {
    let selector = list.label_selector.as_deref().unwrap_or_default();
    let (en, ja) = place(list.namespace.as_ref());
    let with = if selector.is_empty() {
        String::new()
    } else {
        format!(" with {selector}")
    };
    Finding {
        expected: Text::new(
            format!("at least one {}{with}{en}", list.kind),
            format!("{ja}{} {selector} が 1 つ以上", list.kind),
        ),
        observed: Text::new("there is none", "1 つもありません"),
        see: Some(list_command(client, list)),
        ..Finding::default()
    }
}

pub(crate) fn unwanted(list: &ListRef, item: &Value, client: &str) -> Finding {
    let object = reference(list, item);
    Finding {
        expected: Text::new(
            format!("no such {}", list.kind),
            format!("該当する {} がないこと", list.kind),
        ),
        observed: Text::new(label(&object), format!("{} があります", label(&object))),
        see: Some(get_command(client, &object)),
        objects: vec![object],
        ..Finding::default()
    }
}

pub(crate) fn wrong_count(list: &ListRef, count: &Count, number: usize, client: &str) -> Finding {
    let (en, ja) = match (count.equal, count.min, count.max) {
        (Some(n), ..) => (format!("exactly {n}"), format!("ちょうど {n}")),
        (None, Some(a), Some(b)) => (format!("{a} to {b}"), format!("{a} 〜 {b}")),
        (None, Some(a), None) => (format!("at least {a}"), format!("{a} 以上")),
        (None, None, b) => {
            let b = b.unwrap_or_default();
            (format!("at most {b}"), format!("{b} 以下"))
        }
    };
    Finding {
        expected: Text::new(format!("{en} {}", list.kind), format!("{} {ja}", list.kind)),
        observed: Text::same(number.to_string()),
        see: Some(list_command(client, list)),
        ..Finding::default()
    }
}

/// How a wrong answer is mended.
pub(crate) fn answer_again(step: &str) -> Text {
    Text::new(
        format!("look again, or ask `ccnr lab hint`; then `ccnr lab answer {step} VALUE`"),
        format!("もう一度確認するか、`ccnr lab hint` を見てから `ccnr lab answer {step} VALUE`"),
    )
}

pub(crate) fn unanswered(step: &str) -> Finding {
    Finding {
        expected: Text::new("your answer", "あなたの答え"),
        observed: Text::new("none yet", "まだありません"),
        see: Some(format!("ccnr lab answer {step} VALUE")),
        ..Finding::default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_fields_that_an_expression_looks_at() {
        let expression =
            "has(self.spec.ports) && self.spec.ports.exists(p, p.port == 80) && self.kind == 'A'";
        let found = paths(expression);
        assert_eq!(found, [vec!["spec", "ports"], vec!["kind"]]);
        let object = json!({"spec": {"ports": [{"port": 81}]}});
        assert_eq!(
            looked_at(&object, &found[0], "(nothing)"),
            r#"spec.ports = [{"port":81}]"#
        );
        assert_eq!(
            looked_at(&object, &found[1], "(nothing)"),
            "kind = (nothing)"
        );
    }
}
