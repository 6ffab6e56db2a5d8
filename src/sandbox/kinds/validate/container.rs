//! Containers.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    found::{Found, each, entries, is_empty, text_of},
    resources,
};
use crate::sandbox::names;

/// What the containers of a Pod have wrong; gives their names.
pub(super) fn all<'a>(
    spec: &'a Value,
    at: &str,
    volumes: &BTreeSet<&str>,
    found: &mut Found,
) -> BTreeSet<&'a str> {
    let mut names = BTreeSet::new();
    if is_empty(&spec["containers"]) {
        found.required(format!("{at}.containers"), "");
    }
    for (i, container) in each(&spec["containers"]) {
        let at = format!("{at}.containers[{i}]");
        common(container, &at, volumes, found);
        unique(container, &at, &mut names, found);
        hooks(container, &at, found);
    }
    names
}

/// What the containers have wrong that run first.
pub(super) fn initial<'a>(
    spec: &'a Value,
    at: &str,
    volumes: &BTreeSet<&str>,
    mut names: BTreeSet<&'a str>,
    found: &mut Found,
) {
    for (i, container) in each(&spec["initContainers"]) {
        let at = format!("{at}.initContainers[{i}]");
        common(container, &at, volumes, found);
        unique(container, &at, &mut names, found);
        // One that is started again runs beside the others, and may have what they have.
        if container["restartPolicy"] == "Always" {
            hooks(container, &at, found);
        }
    }
}

/// What the images of a Pod have wrong, which those of a template may have: something else sets them later.
pub(super) fn images(spec: &Value, found: &mut Found) {
    for list in ["containers", "initContainers"] {
        for (i, container) in each(&spec[list]) {
            let image = container["image"].as_str().unwrap_or_default();
            if image.trim() != image {
                let why = "must not have leading or trailing whitespace";
                found.invalid(format!("spec.{list}[{i}].image"), &container["image"], why);
            }
        }
    }
}

fn unique<'a>(container: &'a Value, at: &str, names: &mut BTreeSet<&'a str>, found: &mut Found) {
    let name = container["name"].as_str().unwrap_or_default();
    if !name.is_empty() && !names.insert(name) {
        found.duplicate(format!("{at}.name"), &container["name"]);
    }
}

fn common(container: &Value, at: &str, volumes: &BTreeSet<&str>, found: &mut Found) {
    if is_empty(&container["name"]) {
        found.required(format!("{at}.name"), "");
    } else {
        found.label_name(format!("{at}.name"), &container["name"]);
    }
    // A template may hold a blank: something else sets the image later.
    found.text(format!("{at}.image"), &container["image"]);
    found.optional_of(
        format!("{at}.terminationMessagePolicy"),
        &container["terminationMessagePolicy"],
        &["FallbackToLogsOnError", "File"],
    );
    ports(&container["ports"], &format!("{at}.ports"), found);
    environment(&container["env"], &format!("{at}.env"), found);
    sources(&container["envFrom"], &format!("{at}.envFrom"), found);
    mounts(
        &container["volumeMounts"],
        &format!("{at}.volumeMounts"),
        volumes,
        found,
    );
    found.optional_of(
        format!("{at}.imagePullPolicy"),
        &container["imagePullPolicy"],
        &["Always", "IfNotPresent", "Never"],
    );
    resources::of_container(&container["resources"], &format!("{at}.resources"), found);
}

fn ports(ports: &Value, at: &str, found: &mut Found) {
    let mut names = BTreeSet::new();
    for (i, port) in each(ports) {
        let at = format!("{at}[{i}]");
        if let Some(name) = port["name"].as_str().filter(|n| !n.is_empty()) {
            let mut right = true;
            for problem in names::port_problems(name) {
                found.invalid(format!("{at}.name"), &port["name"], problem);
                right = false;
            }
            if right && !names.insert(name) {
                found.duplicate(format!("{at}.name"), &port["name"]);
            }
        }
        match port["containerPort"].as_i64() {
            None | Some(0) => found.required(format!("{at}.containerPort"), ""),
            Some(_) => found.port(format!("{at}.containerPort"), &port["containerPort"]),
        }
        if port["hostPort"].as_i64().is_some_and(|p| p != 0) {
            found.port(format!("{at}.hostPort"), &port["hostPort"]);
        }
        found.one_of(
            format!("{at}.protocol"),
            &port["protocol"],
            &["SCTP", "TCP", "UDP"],
        );
    }
}

fn environment(variables: &Value, at: &str, found: &mut Found) {
    const NO_NAME: &str = "a valid environment variable name must consist only of printable ASCII characters other than '='";
    for (i, variable) in each(variables) {
        let at = format!("{at}[{i}]");
        let name = variable["name"].as_str().unwrap_or_default();
        if name.is_empty() {
            found.required(format!("{at}.name"), "");
        } else if name
            .chars()
            .any(|c| c == '=' || !(c.is_ascii_graphic() || c == ' '))
        {
            found.invalid(format!("{at}.name"), &variable["name"], NO_NAME);
        }
        if !variable["valueFrom"].is_null() {
            value_from(variable, &format!("{at}.valueFrom"), found);
        }
    }
}

fn value_from(variable: &Value, at: &str, found: &mut Found) {
    let from = &variable["valueFrom"];
    let mut sources = 0;
    for kind in [
        "fieldRef",
        "resourceFieldRef",
        "configMapKeyRef",
        "secretKeyRef",
    ] {
        let of = &from[kind];
        if of.is_null() {
            continue;
        }
        sources += 1;
        let needed: &[&str] = match kind {
            "fieldRef" => &["fieldPath"],
            "resourceFieldRef" => &["resource"],
            _ => &["name", "key"],
        };
        for field in needed {
            found.text(format!("{at}.{kind}.{field}"), &of[*field]);
        }
    }
    let why = match sources {
        0 => {
            "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`"
        }
        _ if !is_empty(&variable["value"]) => "may not be specified when `value` is not empty",
        1 => return,
        _ => "may not have more than one field specified at a time",
    };
    found.invalid(at, &json!(""), why);
}

fn sources(sources: &Value, at: &str, found: &mut Found) {
    for (i, source) in each(sources) {
        let mut given = 0;
        for kind in ["configMapRef", "secretRef"] {
            if !source[kind].is_null() {
                given += 1;
                found.text(format!("{at}[{i}].{kind}.name"), &source[kind]["name"]);
            }
        }
        let why = match given {
            0 => "must specify one of: `configMapRef` or `secretRef`",
            1 => continue,
            _ => "may not have more than one field specified at a time",
        };
        found.invalid(at, &json!(""), why);
    }
}

fn mounts(mounts: &Value, at: &str, volumes: &BTreeSet<&str>, found: &mut Found) {
    let mut paths = BTreeSet::new();
    for (i, mount) in each(mounts) {
        let at = format!("{at}[{i}]");
        let name = mount["name"].as_str().unwrap_or_default();
        found.text(format!("{at}.name"), &mount["name"]);
        if !volumes.contains(name) {
            found.worded(
                "FieldValueNotFound",
                format!("{at}.name"),
                format!("Not found: \"{name}\""),
            );
        }
        found.text(format!("{at}.mountPath"), &mount["mountPath"]);
        if !paths.insert(mount["mountPath"].as_str().unwrap_or_default()) {
            found.invalid(
                format!("{at}.mountPath"),
                &mount["mountPath"],
                "must be unique",
            );
        }
    }
}

/// Probes, and what is done after the start and before the end.
fn hooks(container: &Value, at: &str, found: &mut Found) {
    for (hook, of) in entries(&container["lifecycle"]) {
        handler(of, &format!("{at}.lifecycle.{hook}"), found);
    }
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        let of = &container[probe];
        if of.is_null() {
            continue;
        }
        let at = format!("{at}.{probe}");
        handler(of, &at, found);
        for field in [
            "initialDelaySeconds",
            "timeoutSeconds",
            "periodSeconds",
            "successThreshold",
            "failureThreshold",
        ] {
            found.natural(format!("{at}.{field}"), &of[field]);
        }
        let grace = &of["terminationGracePeriodSeconds"];
        if grace.as_i64().is_some_and(|g| g <= 0) {
            let why = "must be greater than 0";
            found.invalid(format!("{at}.terminationGracePeriodSeconds"), grace, why);
        }
        if probe != "readinessProbe" && of["successThreshold"].as_i64().is_some_and(|n| n > 1) {
            found.invalid(
                format!("{at}.successThreshold"),
                &of["successThreshold"],
                "must be 1",
            );
        }
    }
}

fn handler(of: &Value, at: &str, found: &mut Found) {
    let mut given = false;
    for kind in ["exec", "httpGet", "tcpSocket", "grpc", "sleep"] {
        let action = &of[kind];
        if action.is_null() {
            continue;
        }
        let at = format!("{at}.{kind}");
        if given {
            found.forbidden(at, "may not specify more than 1 handler type");
            continue;
        }
        given = true;
        match kind {
            "exec" if is_empty(&action["command"]) => found.required(format!("{at}.command"), ""),
            "httpGet" => {
                found.text(format!("{at}.path"), &action["path"]);
                found.port_or_name(&format!("{at}.port"), text_or_zero(&action["port"]));
                found.one_of(
                    format!("{at}.scheme"),
                    text_of(&action["scheme"]),
                    &["HTTP", "HTTPS"],
                );
            }
            "tcpSocket" => found.port_or_name(&format!("{at}.port"), text_or_zero(&action["port"])),
            "grpc" => found.port(format!("{at}.port"), &action["port"]),
            _ => {}
        }
    }
    if !given {
        found.required(at, "must specify a handler type");
    }
}

/// A port as Go prints it: one that is not given is zero.
fn text_or_zero(value: &Value) -> &Value {
    static ZERO: std::sync::LazyLock<Value> = std::sync::LazyLock::new(|| json!(0));
    if value.is_null() { &ZERO } else { value }
}
