//! The names of CRDs: accepted where no other one of the group has them.
//! <https://github.com/kubernetes/apiextensions-apiserver/blob/master/pkg/controller/status/naming_controller.go>

use std::{collections::BTreeSet, sync::Arc};

use serde_json::{Value, json};

/// What a CRD is to say of its names and of being established, among all others; nothing where it says so already.
pub(super) fn decide(crd: &Value, all: &[Arc<Value>], now: &str) -> Option<Value> {
    let (wanted, before) = (&crd["spec"]["names"], &crd["status"]["acceptedNames"]);
    let taken = Taken::by_others(crd, all);
    let mut accepted = before.as_object().cloned().unwrap_or_default();
    let mut conflict = None;
    for (field, reason) in [
        ("plural", "PluralConflict"),
        ("singular", "SingularConflict"),
        ("shortNames", "ShortNamesConflict"),
        ("kind", "KindConflict"),
        ("listKind", "ListKindConflict"),
    ] {
        match taken.problem(field, &wanted[field], &before[field]) {
            Some(message) => conflict = Some((reason, message)),
            None => put(&mut accepted, field, &wanted[field]),
        }
    }
    put(&mut accepted, "categories", &wanted["categories"]);
    let accepted = Value::Object(accepted);
    let mut new = crd.clone();
    new["status"]["acceptedNames"] = accepted;
    let (names, established) = match &conflict {
        None => (
            ("True", "NoConflicts", "no conflicts found"),
            (
                "True",
                "InitialNamesAccepted",
                "the initial names have been accepted",
            ),
        ),
        Some((reason, message)) => (
            ("False", *reason, message.as_str()),
            ("False", "NotAccepted", "not all names are accepted"),
        ),
    };
    set_condition(&mut new, "NamesAccepted", names, now);
    // What is established once stays so.
    if !super::is_served(crd) {
        set_condition(&mut new, "Established", established, now);
    }
    (new["status"] != crd["status"]).then(|| new["status"].take())
}

/// The names that other CRDs of a group have.
#[derive(Default)]
struct Taken {
    resources: BTreeSet<String>,
    kinds: BTreeSet<String>,
}

impl Taken {
    fn by_others(crd: &Value, all: &[Arc<Value>]) -> Self {
        let mut taken = Self::default();
        let others = all.iter().filter(|o| {
            o["spec"]["group"] == crd["spec"]["group"]
                && o["metadata"]["name"] != crd["metadata"]["name"]
        });
        for other in others {
            let names = &other["status"]["acceptedNames"];
            let text = |field: &str| names[field].as_str().map(str::to_owned);
            taken.resources.extend(text("plural"));
            taken.resources.extend(text("singular"));
            let short = names["shortNames"].as_array().into_iter().flatten();
            taken
                .resources
                .extend(short.filter_map(|s| s.as_str().map(str::to_owned)));
            taken.kinds.extend(text("kind"));
            taken.kinds.extend(text("listKind"));
        }
        taken
    }

    /// What is wrong with one of the names that are wanted.
    fn problem(&self, field: &str, wanted: &Value, before: &Value) -> Option<String> {
        let used = if matches!(field, "kind" | "listKind") {
            &self.kinds
        } else {
            &self.resources
        };
        let conflict = |name: &str| {
            used.contains(name)
                .then(|| format!("\"{name}\" is already in use"))
        };
        if wanted == before {
            return None;
        }
        match wanted {
            Value::Array(names) => {
                let own = before.as_array().map_or(&[][..], Vec::as_slice);
                let new = names.iter().filter(|n| !own.contains(n));
                let all: Vec<String> = new.filter_map(|n| n.as_str().and_then(conflict)).collect();
                match all.as_slice() {
                    [] => None,
                    [one] => Some(one.clone()),
                    several => Some(format!("[{}]", several.join(", "))),
                }
            }
            name => name.as_str().and_then(conflict),
        }
    }
}

fn put(names: &mut serde_json::Map<String, Value>, field: &str, value: &Value) {
    if value.is_null() {
        names.remove(field);
    } else {
        names.insert(field.to_owned(), value.clone());
    }
}

/// Sets a condition; its time changes with its status.
pub(super) fn set_condition(
    crd: &mut Value,
    kind: &str,
    (status, reason, message): (&str, &str, &str),
    now: &str,
) {
    let new = |since: &Value| json!({"type": kind, "status": status, "lastTransitionTime": since, "reason": reason, "message": message});
    if !crd["status"]["conditions"].is_array() {
        crd["status"]["conditions"] = json!([]);
    }
    let Some(all) = crd["status"]["conditions"].as_array_mut() else {
        return;
    };
    match all.iter_mut().find(|c| c["type"] == kind) {
        Some(found) if found["status"] == status => {
            let since = found["lastTransitionTime"].clone();
            *found = new(&since);
        }
        Some(found) => *found = new(&json!(now)),
        None => all.push(new(&json!(now))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crd(name: &str, kind: &str) -> Value {
        json!({
            "metadata": {"name": name},
            "spec": {"group": "a.test", "names": {"plural": name, "singular": kind.to_lowercase(), "kind": kind, "listKind": format!("{kind}List")}},
            "status": {"acceptedNames": {"plural": "", "kind": ""}, "conditions": null},
        })
    }

    #[test]
    fn a_name_that_is_taken_is_not_accepted_and_one_that_is_freed_is() {
        let mut first = crd("as", "A");
        first["status"] = decide(&first, &[], "now").unwrap();
        let conditions = &first["status"]["conditions"];
        assert_eq!(conditions[0]["reason"], "NoConflicts");
        assert_eq!(conditions[1]["reason"], "InitialNamesAccepted");
        assert_eq!(decide(&first, &[], "later"), None);
        let mut second = crd("bs", "A");
        second["status"] = decide(&second, &[Arc::new(first)], "now").unwrap();
        let conditions = &second["status"]["conditions"];
        assert_eq!(conditions[0]["reason"], "ListKindConflict");
        assert_eq!(conditions[0]["message"], "\"AList\" is already in use");
        assert_eq!(conditions[1]["message"], "not all names are accepted");
        assert_eq!(
            second["status"]["acceptedNames"],
            json!({"plural": "bs", "kind": ""})
        );
        let freed = decide(&second, &[], "later").unwrap();
        assert_eq!(freed["conditions"][0]["lastTransitionTime"], "later");
        assert_eq!(freed["acceptedNames"]["kind"], "A");
    }
}
