//! Actions: one key each.

use super::check::{list_of, object, object_of};
use crate::lab::{
    fields::{Fields, Problems, string},
    model::{Action, Verb},
    yaml::Node,
};

const VERBS: [&str; 10] = [
    "project", "apply", "ensure", "delete", "patch", "scale", "restart", "build", "rollback",
    "wait",
];
const KEYS: [&str; 11] = [
    "project", "apply", "ensure", "delete", "patch", "scale", "restart", "build", "rollback",
    "wait", "when",
];

/// One action. The objects of a manifest are filled in by the loader, which knows where the files are.
pub(super) fn action(node: &Node, p: &Problems) -> Option<Action> {
    let f = Fields::of(node, &KEYS, p);
    let named: Vec<&str> = VERBS.into_iter().filter(|v| f.get(v).is_some()).collect();
    let [name] = named[..] else {
        p.say(
            node.place,
            format!("an action has one of {}", VERBS.join(", ")),
        );
        return None;
    };
    let value = f.get(name)?;
    let verb = match name {
        "project" => Verb::Project(string(value, p)?),
        "apply" => Verb::Apply(string(value, p)?, Vec::new()),
        "ensure" => Verb::Ensure(string(value, p)?, Vec::new()),
        "delete" => delete(value, p),
        "patch" => {
            let f = Fields::of(value, &["apiVersion", "kind", "name", "in", "merge"], p);
            f.need("merge");
            Verb::Patch(object_of(&f), f.json("merge").unwrap_or_default())
        }
        "scale" => {
            let f = Fields::of(value, &["apiVersion", "kind", "name", "in", "replicas"], p);
            f.need("replicas");
            Verb::Scale(object_of(&f), f.number("replicas").unwrap_or_default())
        }
        "restart" => Verb::Restart(object(value, p)),
        "build" | "rollback" => {
            let f = Fields::of(value, &["name", "in"], p);
            let (namespace, object) = (f.string("in"), f.string("name"));
            if name == "build" {
                Verb::Build(namespace, object)
            } else {
                Verb::Rollback(namespace, object)
            }
        }
        _ => Verb::Wait(string(value, p)?),
    };
    Some(Action {
        verb,
        when: super::when(f.get("when"), p),
    })
}

fn delete(node: &Node, p: &Problems) -> Verb {
    let keys = ["apiVersion", "kind", "name", "in", "selector", "limit"];
    let f = Fields::of(node, &keys, p);
    if f.get("name").is_some() {
        if let Some(extra) = f.get("selector").or_else(|| f.get("limit")) {
            p.say(
                extra.place,
                "an object is deleted by name or by selector, not both",
            );
        }
        return Verb::Delete(object_of(&f));
    }
    f.need("selector");
    Verb::DeleteSome(list_of(&f), f.number("limit"))
}
