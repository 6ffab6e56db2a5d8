//! Builds from their configurations.
//! <https://github.com/openshift/openshift-apiserver/blob/main/pkg/build/apiserver/buildgenerator/generator.go>

use serde_json::{Value, json};

use super::{
    build::{self, CLONE_OF, CONFIG, NUMBER, OLD_CONFIG, POLICY},
    images, stream, text,
};
use crate::sandbox::{
    registry::Resource,
    status::{About, Cause, Refusal},
    verbs::{Api, How, name},
};

/// The longest value of a label.
const LONGEST_LABEL: usize = 63;

fn resource(api: &Api, plural: &str) -> Result<std::sync::Arc<Resource>, Refusal> {
    let found = api.registry().get("build.openshift.io", "v1", plural);
    found.ok_or_else(Refusal::no_resource)
}

/// Starts a Build of a configuration, as a `BuildRequest` asks for it.
pub fn instantiate(
    api: &Api,
    namespace: &str,
    wanted: &str,
    request: &Value,
    how: &How,
) -> Result<Value, Refusal> {
    let configs = resource(api, "buildconfigs")?;
    let asked = name(request);
    let config = api
        .get(&configs, Some(namespace), asked)
        .map_err(|refusal| Refusal::forbidden(configs.about(), wanted, &refusal.message))?;
    let mut config = (*config).clone();
    let from = resolve(
        api,
        namespace,
        &build::strategy(&config).unwrap_or(&Value::Null)["from"],
    )?;
    already_built(&config, request)?;
    let number = config["status"]["lastVersion"].as_i64().unwrap_or_default() + 1;
    config["status"]["lastVersion"] = json!(number);
    note_images(api, namespace, &mut config);
    if !how.dry_run {
        write_config(api, &config, how)?;
    }
    let mut build = of_config(&config, number, request, &api.clock.stamp());
    set_from(&mut build, from);
    let made = api.create(&*resource(api, "builds")?, Some(namespace), build, how)?;
    Ok((*made.object).clone())
}

/// Starts a Build like another one.
pub fn clone(api: &Api, namespace: &str, wanted: &str, how: &How) -> Result<Value, Refusal> {
    let (builds, configs) = (resource(api, "builds")?, resource(api, "buildconfigs")?);
    let before = api.get(&builds, Some(namespace), wanted)?;
    let named = text(&before, "/status/config/name");
    let config = api.get(&configs, Some(namespace), named).ok();
    let mut build = json!({
        "apiVersion": "build.openshift.io/v1", "kind": "Build",
        "metadata": {
            "name": format!("{wanted}-1"), "namespace": namespace,
            "labels": before["metadata"]["labels"], "annotations": before["metadata"]["annotations"],
            "ownerReferences": before["metadata"]["ownerReferences"],
        },
        "spec": before["spec"],
        "status": new_status(&before["status"]["config"], &api.clock.stamp()),
    });
    if let Some(spec) = build["spec"].as_object_mut() {
        spec.remove("triggeredBy");
    }
    build["metadata"]["annotations"][CLONE_OF] = json!(wanted);
    if let Some(config) = config {
        let mut config = (*config).clone();
        let number = config["status"]["lastVersion"].as_i64().unwrap_or_default() + 1;
        config["status"]["lastVersion"] = json!(number);
        build["metadata"]["name"] = json!(format!("{named}-{number}"));
        build["metadata"]["annotations"][NUMBER] = json!(number.to_string());
        write_config(api, &config, how)?;
    }
    let made = api.create(&builds, Some(namespace), build, how)?;
    Ok((*made.object).clone())
}

fn write_config(api: &Api, config: &Value, how: &How) -> Result<(), Refusal> {
    let namespace = config["metadata"]["namespace"].as_str();
    let configs = resource(api, "buildconfigs")?;
    api.update(&configs, namespace, name(config), config.clone(), how)?;
    Ok(())
}

/// The image of a reference, by digest; none where nothing is referred to.
pub fn resolve(api: &Api, namespace: &str, from: &Value) -> Result<Option<String>, Refusal> {
    let given = text(from, "/name");
    let of = match text(from, "/namespace") {
        "" => namespace,
        given => given,
    };
    let refused = |why: &str| {
        let kind = text(from, "/kind");
        let message = format!("Error resolving {kind} {given} in namespace {of}: {why}");
        Err(unresolved(kind, given, &message))
    };
    match from["kind"].as_str() {
        Some("DockerImage") => Ok(Some(given.to_owned())),
        Some("ImageStreamTag") => {
            let (stream, tag) = given.split_once(':').unwrap_or((given, "latest"));
            let Some(found) = images::find(api, of, stream) else {
                return refused(&format!(
                    "imagestreams.image.openshift.io \"{stream}\" not found"
                ));
            };
            match stream::pull_spec(&found, tag) {
                Some(image) => Ok(Some(image)),
                None => refused("unable to find latest tagged image"),
            }
        }
        Some("ImageStreamImage") => {
            let (_, id) = given.split_once('@').unwrap_or(("", given));
            match images::image(api, id) {
                Some(image) => Ok(Some(text(&image, "/dockerImageReference").to_owned())),
                None => refused("unable to find image"),
            }
        }
        _ => Ok(None),
    }
}

fn unresolved(kind: &str, name: &str, message: &str) -> Refusal {
    let about = About {
        group: "",
        resource: kind,
    };
    let cause = Cause {
        reason: "FieldValueNotFound",
        message: message.to_owned(),
        field: "from".to_owned(),
    };
    let mut refusal = Refusal::invalid(about, name, vec![cause]);
    message.clone_into(&mut refusal.message);
    refusal
}

/// Refuses a Build for an image for which there was one.
fn already_built(config: &Value, request: &Value) -> Result<(), Refusal> {
    let image = text(request, "/triggeredByImage/name");
    let known = super::list(config, "/status/imageChangeTriggers");
    if image.is_empty() || !known.iter().any(|t| t["lastTriggeredImageID"] == image) {
        return Ok(());
    }
    let metadata = &config["metadata"];
    let (namespace, name) = (text(metadata, "/namespace"), text(metadata, "/name"));
    Err(Refusal::unexpected(format!(
        "Internal error occurred: build config {namespace}/{name} has already instantiated a build for imageid {image}"
    )))
}

/// Notes in a configuration's status the images of its triggers, which this Build is with.
fn note_images(api: &Api, namespace: &str, config: &mut Value) {
    let references = build::trigger_references(config);
    if references.is_empty() {
        return;
    }
    let noted = references.iter().map(|from| {
        let image = resolve(api, namespace, from).ok().flatten();
        let mut reference = json!({"name": from["name"]});
        if !text(from, "/namespace").is_empty() {
            reference["namespace"] = from["namespace"].clone();
        }
        json!({"lastTriggeredImageID": image, "from": reference, "lastTriggerTime": null})
    });
    config["status"]["imageChangeTriggers"] = noted.collect();
}

fn new_status(config: &Value, now: &str) -> Value {
    json!({
        "phase": "New", "config": config, "output": {},
        "conditions": [{
            "type": "New", "status": "True", "lastUpdateTime": now, "lastTransitionTime": now,
        }],
    })
}

fn short(label: &str) -> String {
    label.chars().take(LONGEST_LABEL).collect()
}

/// The Build of a configuration with a number.
fn of_config(config: &Value, number: i64, request: &Value, now: &str) -> Value {
    let (metadata, spec) = (&config["metadata"], &config["spec"]);
    let of = name(config);
    let mut labels = metadata["labels"].clone();
    for (label, value) in [
        (OLD_CONFIG, short(of)),
        (CONFIG, short(of)),
        (POLICY, text(spec, "/runPolicy").to_owned()),
    ] {
        labels[label] = json!(value);
    }
    let mut build_spec = json!({});
    for field in [
        "source",
        "strategy",
        "output",
        "resources",
        "postCommit",
        "completionDeadlineSeconds",
        "nodeSelector",
        "mountTrustedCA",
    ] {
        if let Some(value) = spec.get(field) {
            build_spec[field] = value.clone();
        }
    }
    let account = text(spec, "/serviceAccount");
    build_spec["serviceAccount"] = json!(if account.is_empty() {
        "builder"
    } else {
        account
    });
    for field in ["revision", "binary"] {
        if request[field].is_object() {
            match field {
                "binary" => build_spec["source"][field] = request[field].clone(),
                _ => build_spec[field] = request[field].clone(),
            }
        }
    }
    build_spec["triggeredBy"] = match request["triggeredBy"].as_array() {
        Some(causes) if !causes.is_empty() => request["triggeredBy"].clone(),
        _ => json!([{"message": "Manually triggered"}]),
    };
    add_environment(&mut build_spec, &request["env"]);
    let reference = json!({
        "kind": "BuildConfig", "namespace": metadata["namespace"], "name": of,
    });
    json!({
        "apiVersion": "build.openshift.io/v1", "kind": "Build",
        "metadata": {
            "name": format!("{of}-{number}"), "namespace": metadata["namespace"], "labels": labels,
            "annotations": {CONFIG: of, NUMBER: number.to_string()},
            "ownerReferences": [{
                "apiVersion": "build.openshift.io/v1", "kind": "BuildConfig", "name": of,
                "uid": metadata["uid"], "controller": true,
            }],
        },
        "spec": build_spec, "status": new_status(&reference, now),
    })
}

fn add_environment(spec: &mut Value, given: &Value) {
    let Some(given) = given.as_array().filter(|g| !g.is_empty()) else {
        return;
    };
    for field in ["sourceStrategy", "dockerStrategy", "customStrategy"] {
        let strategy = &mut spec["strategy"][field];
        if !strategy.is_object() {
            continue;
        }
        let mut all = strategy["env"].as_array().cloned().unwrap_or_default();
        all.retain(|v| !given.iter().any(|g| g["name"] == v["name"]));
        all.extend(given.iter().cloned());
        strategy["env"] = json!(all);
    }
    if let Some(strategy) = spec["strategy"].as_object_mut() {
        strategy.retain(|_, v| !v.is_null());
    }
}

/// A Build is of an image, not of a tag that may stand for another one tomorrow.
fn set_from(build: &mut Value, from: Option<String>) {
    let Some(image) = from else { return };
    for field in ["sourceStrategy", "dockerStrategy", "customStrategy"] {
        if build["spec"]["strategy"][field]["from"].is_object() {
            build["spec"]["strategy"][field]["from"] =
                json!({"kind": "DockerImage", "name": image});
        }
    }
    if let Some(strategy) = build["spec"]["strategy"].as_object_mut() {
        strategy.retain(|_, v| !v.is_null());
    }
}
