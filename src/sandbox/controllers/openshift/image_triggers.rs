//! Workloads that follow the tag of an image stream: the image that it stands for is put into their containers.
//! <https://github.com/openshift/library-go/blob/master/pkg/image/trigger/trigger.go>

use serde_json::{Value, json};

use super::{PROGRAM, STREAMS, keys, text};
use crate::sandbox::{
    controllers::{
        Controller, Outcome,
        cluster::{Cluster, DEPLOYMENTS, Kind, STATEFUL_SETS, is_going},
    },
    openshift::{images, stream},
    store::{Change, Key},
};

/// What says which tags are followed.
const ANNOTATION: &str = "image.openshift.io/triggers";
/// The kinds that can follow tags; the first letter tells them apart in keys.
const KINDS: [Kind; 4] = [
    DEPLOYMENTS,
    STATEFUL_SETS,
    Kind::new("apps", "v1", "daemonsets"),
    Kind::new("batch", "v1", "cronjobs"),
];

/// Puts images into workloads.
#[derive(Debug)]
pub(super) struct ImageTriggers;

impl Controller for ImageTriggers {
    fn name(&self) -> &'static str {
        "image-trigger-controller"
    }

    fn program(&self) -> &'static str {
        PROGRAM
    }

    fn touched(&self, cluster: &Cluster<'_>, change: &Change) -> Vec<Key> {
        if let Some(kind) = KINDS.iter().find(|k| k.is_of(change)) {
            let follows = change
                .after
                .as_ref()
                .is_some_and(|o| annotation(o).is_some());
            let key = follows.then(|| with_kind(*kind, change.key.clone()));
            return key.into_iter().collect();
        }
        if !STREAMS.is_of(change) {
            return Vec::new();
        }
        let follows = |o: &Value| annotation(o).is_some_and(|a| a.contains(change.key.1.as_str()));
        let all = KINDS.into_iter().flat_map(|kind| {
            let keys = keys(cluster, kind, None, follows);
            keys.into_iter().map(move |key| with_kind(kind, key))
        });
        all.collect()
    }

    fn reconcile(&mut self, cluster: &Cluster<'_>, key: &Key) -> Outcome {
        let (namespace, rest) = (&key.0, &key.1);
        let (plural, name) = rest.split_once('/').unwrap_or(("", rest));
        let Some(kind) = KINDS.into_iter().find(|k| k.plural == plural) else {
            return Ok(None);
        };
        let Some(found) = cluster.get(kind, namespace, name).filter(|o| !is_going(o)) else {
            return Ok(None);
        };
        let mut object = (*found).clone();
        for trigger in triggers(&found) {
            let from = match text(&trigger, "/from/namespace") {
                "" => namespace.as_str(),
                given => given,
            };
            let (of, tag) = text(&trigger, "/from/name")
                .split_once(':')
                .unwrap_or_default();
            let source = images::find(cluster.api, from, of);
            let Some(image) = source.and_then(|s| stream::pull_spec(&s, tag)) else {
                continue;
            };
            if let Some(container) = container(&mut object, text(&trigger, "/fieldPath")) {
                // The path is the user's: what it leads to may be anything.
                if let Some(container) = container.as_object_mut() {
                    container.insert("image".to_owned(), json!(image));
                }
            }
        }
        if object != *found {
            cluster.update(kind, object)?;
        }
        Ok(None)
    }
}

/// The kind is told with the name, which has no slash.
fn with_kind(kind: Kind, key: Key) -> Key {
    (key.0, format!("{}/{}", kind.plural, key.1))
}

fn annotation(object: &Value) -> Option<&str> {
    object["metadata"]["annotations"][ANNOTATION].as_str()
}

/// The triggers that hold; what can't be read is none.
fn triggers(object: &Value) -> Vec<Value> {
    let read = annotation(object).and_then(|a| serde_json::from_str(a).ok());
    let mut all: Vec<Value> = read.unwrap_or_default();
    all.retain(|t| {
        // The console writes other names and types of the same.
        let paused = ["paused", "pause"]
            .iter()
            .any(|f| t[*f] == true || t[*f] == "true");
        text(t, "/from/kind") == "ImageStreamTag" && !paused
    });
    all
}

/// The container that a path such as `spec.template.spec.containers[?(@.name=="web")].image` leads to.
fn container<'a>(object: &'a mut Value, path: &str) -> Option<&'a mut Value> {
    let path = path.strip_suffix(".image")?;
    let (place, which) = path.strip_suffix(']')?.split_once('[')?;
    let pointer = format!("/{}", place.replace('.', "/"));
    let all = object.pointer_mut(&pointer)?.as_array_mut()?;
    if let Ok(index) = which.parse::<usize>() {
        return all.get_mut(index);
    }
    let rest = which.trim_start_matches(['?', '(', '@', '.']);
    let name = rest
        .strip_prefix("name")?
        .trim_start()
        .trim_start_matches('=')
        .trim_start();
    let name = name.trim_end_matches(')').trim_matches(['"', '\'']);
    all.iter_mut().find(|c| c["name"] == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_path_leads_to_its_container() {
        let mut object = json!({"spec": {"template": {"spec": {"containers": [{"name": "a"}, {"name": "web"}]}}}});
        for path in [
            "spec.template.spec.containers[?(@.name==\"web\")].image",
            "spec.template.spec.containers[?(@.name=='web')].image",
            "spec.template.spec.containers[@name='web'].image",
            "spec.template.spec.containers[1].image",
        ] {
            let found = container(&mut object, path.replace("@name", "@.name").as_str());
            assert_eq!(found.unwrap()["name"], "web", "{path}");
        }
        for path in [
            "",
            "spec",
            "spec.template.spec.containers[7].image",
            "spec.containers[0].image",
        ] {
            assert!(container(&mut object, path).is_none(), "{path}");
        }
    }

    #[test]
    fn paused_and_broken_triggers_are_none() {
        let of =
            |text: &str| triggers(&json!({"metadata": {"annotations": {ANNOTATION: text}}})).len();
        let trigger =
            |more: &str| format!(r#"[{{"from":{{"kind":"ImageStreamTag","name":"a:b"}}{more}}}]"#);
        assert_eq!(of(&trigger("")), 1);
        assert_eq!(of(&trigger(r#","pause":"false""#)), 1);
        assert_eq!(of(&trigger(r#","paused":true"#)), 0);
        assert_eq!(of(&trigger(r#","pause":"true""#)), 0);
        assert_eq!(of("not json"), 0);
    }
}
