//! `ConfigMaps` and Secrets.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Map, Value, json};

use super::found::{Found, entries};
use crate::sandbox::status::Cause;

/// What is said of a key that is none.
const NO_KEY: &str = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";

/// A key that is a file's name.
fn key(field: &str, key: &str, found: &mut Found) {
    let right = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let at = format!("{field}[{key}]");
    if key.len() > 253 {
        found.invalid(&at, &json!(key), "must be no more than 253 characters");
    }
    if key.is_empty() || !key.chars().all(right) {
        found.invalid(&at, &json!(key), NO_KEY);
    }
    let why = match key {
        "." => "must not be '.'",
        ".." => "must not be '..'",
        key if key.starts_with("..") => "must not start with '..'",
        _ => return,
    };
    found.invalid(&at, &json!(key), why);
}

/// The most that all values of one object take, in bytes.
/// <https://github.com/kubernetes/api/blob/master/core/v1/types.go> (`MaxSecretSize`)
const MOST: usize = 1 << 20;

/// How many bytes values in base64 stand for.
fn decoded(values: &Value) -> usize {
    let values = entries(values).filter_map(|(_, v)| BASE64.decode(v.as_str()?).ok());
    values.map(|bytes| bytes.len()).sum()
}

/// A `ConfigMap`.
pub(super) fn config_map(object: &Value, found: &mut Found) {
    for (name, _) in entries(&object["data"]) {
        key("data", name, found);
        if object["binaryData"].get(name).is_some() {
            let why = "duplicate of key present in binaryData";
            found.invalid(format!("data[{name}]"), &json!(name), why);
        }
    }
    for (name, _) in entries(&object["binaryData"]) {
        key("binaryData", name, found);
    }
    let texts = entries(&object["data"]).filter_map(|(_, v)| v.as_str());
    if texts.map(str::len).sum::<usize>() + decoded(&object["binaryData"]) > MOST {
        found.0.push(Cause::too_long("[]", MOST));
    }
}

/// A Secret: one of a known type has to have some keys.
pub(super) fn secret(object: &Value, found: &mut Found) {
    for (name, _) in entries(&object["data"]) {
        key("data", name, found);
    }
    if decoded(&object["data"]) > MOST {
        found.0.push(Cause::too_long("data", MOST));
    }
    let has = |key: &str| object["data"].get(key).is_some();
    match object["type"].as_str().unwrap_or_default() {
        "kubernetes.io/service-account-token" => {
            let account = "kubernetes.io/service-account.name";
            if object["metadata"]["annotations"][account].is_null() {
                found.required(format!("metadata.annotations[{account}]"), "");
            }
        }
        "kubernetes.io/dockercfg" => docker(object, ".dockercfg", found),
        "kubernetes.io/dockerconfigjson" => docker(object, ".dockerconfigjson", found),
        "kubernetes.io/basic-auth" if !has("username") && !has("password") => {
            found.required("data[username]", "");
            found.required("data[password]", "");
        }
        "kubernetes.io/ssh-auth" if !has("ssh-privatekey") => {
            found.required("data[ssh-privatekey]", "");
        }
        "kubernetes.io/tls" => {
            for key in ["tls.crt", "tls.key"].into_iter().filter(|key| !has(key)) {
                found.required(format!("data[{key}]"), "");
            }
        }
        _ => {}
    }
}

/// The passwords of registries: JSON.
fn docker(object: &Value, key: &str, found: &mut Found) {
    let at = format!("data[{key}]");
    let Some(text) = object["data"][key].as_str() else {
        found.required(at, "");
        return;
    };
    let bytes = BASE64.decode(text).unwrap_or_default();
    let Err(problem) = serde_json::from_slice::<Map<String, Value>>(&bytes) else {
        return;
    };
    let why = if problem.is_eof() {
        "unexpected end of JSON input".to_owned()
    } else {
        let first = bytes.iter().find(|b| !b.is_ascii_whitespace());
        let first = char::from(first.copied().unwrap_or_default());
        format!("invalid character '{first}' looking for beginning of value")
    };
    found.invalid(at, &json!("<secret contents redacted>"), &why);
}
