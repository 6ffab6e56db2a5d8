//! The rows of all other kinds.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{age, joined, list, number, selector, text};

pub(super) fn cell(
    (group, plural): (&str, &str),
    column: &str,
    object: &Value,
    now: Timestamp,
) -> Option<Value> {
    match (group, plural) {
        ("", "services") => service(column, object),
        ("" | "events.k8s.io", "events") => event(column, object, now),
        ("", "nodes") => node(column, object),
        ("", "persistentvolumes" | "persistentvolumeclaims") => volume(plural, column, object),
        ("rbac.authorization.k8s.io", _) => binding(column, object),
        ("networking.k8s.io", _) => network(plural, column, object),
        ("autoscaling", _) => autoscaler(column, object),
        ("discovery.k8s.io", _) => slice(column, object),
        _ => other(plural, column, object),
    }
}

fn other(plural: &str, column: &str, object: &Value) -> Option<Value> {
    let keys = |field: &str| object[field].as_object().map_or(0, serde_json::Map::len);
    Some(match (plural, column) {
        ("configmaps", "Data") => json!(keys("data") + keys("binaryData")),
        ("secrets", "Data") => json!(keys("data")),
        ("secrets", "Type") => json!(text(object, "/type")?),
        ("serviceaccounts", "Secrets") => json!(list(object, "/secrets").len()),
        ("namespaces", "Status") => json!(text(object, "/status/phase")?),
        ("endpoints", "Endpoints") => endpoints(object)?,
        ("resourcequotas", "Request") => quota(object, false),
        ("resourcequotas", "Limit") => quota(object, true),
        ("apiservices", "Service") => match object["spec"].get("service") {
            Some(service) => {
                let text = |field: &str| service[field].as_str().unwrap_or_default();
                json!(format!("{}/{}", text("namespace"), text("name")))
            }
            None => json!("Local"),
        },
        ("apiservices", "Available") => available(object),
        ("leases", "Holder") => json!(text(object, "/spec/holderIdentity").unwrap_or_default()),
        ("storageclasses", "Provisioner") => json!(text(object, "/provisioner")?),
        ("storageclasses", "ReclaimPolicy") => json!(text(object, "/reclaimPolicy")?),
        ("storageclasses", "VolumeBindingMode") => json!(text(object, "/volumeBindingMode")?),
        ("storageclasses", "AllowVolumeExpansion") => {
            json!(if object["allowVolumeExpansion"] == true {
                "true"
            } else {
                "false"
            })
        }
        ("priorityclasses", "Value") => json!(number(object, "/value")),
        ("priorityclasses", "Global-Default") => json!(object["globalDefault"] == true),
        ("priorityclasses", "PreemptionPolicy") => json!(text(object, "/preemptionPolicy")?),
        ("poddisruptionbudgets", "Min Available") => bound(&object["spec"]["minAvailable"]),
        ("poddisruptionbudgets", "Max Unavailable") => bound(&object["spec"]["maxUnavailable"]),
        ("poddisruptionbudgets", "Allowed Disruptions") => {
            json!(number(object, "/status/disruptionsAllowed"))
        }
        _ => return None,
    })
}

fn bound(value: &Value) -> Value {
    match value {
        Value::Null => json!("N/A"),
        Value::String(text) => json!(text),
        number => json!(number.to_string()),
    }
}

/// Whether an API service is available, and why it is not.
fn available(object: &Value) -> Value {
    let all = list(object, "/status/conditions").iter();
    let told = all.rev().find(|c| c["type"] == "Available");
    let text = |field: &str| told.and_then(|c| c[field].as_str()).unwrap_or_default();
    match text("status") {
        "" => json!("Unknown"),
        "True" => json!("True"),
        status => json!(format!("{status} ({})", text("reason"))),
    }
}

/// What a quota has used, of requests or of limits.
fn quota(object: &Value, limits: bool) -> Value {
    let mut told = Vec::new();
    for (name, hard) in object["status"]["hard"].as_object().into_iter().flatten() {
        if name.starts_with("limits") == limits {
            let used = text(
                &object["status"]["used"],
                &format!("/{}", name.replace('/', "~1")),
            )
            .unwrap_or("0");
            told.push(format!(
                "{name}: {used}/{}",
                hard.as_str().unwrap_or_default()
            ));
        }
    }
    json!(told.join(", "))
}

/// The first addresses, and how many more there are.
fn endpoints(object: &Value) -> Option<Value> {
    let mut all = Vec::new();
    for subset in list(object, "/subsets") {
        for port in list(subset, "/ports") {
            for address in list(subset, "/addresses") {
                all.push(format!(
                    "{}:{}",
                    text(address, "/ip").unwrap_or_default(),
                    number(port, "/port")
                ));
            }
        }
    }
    short(&all, ",")
}

fn short(all: &[String], comma: &str) -> Option<Value> {
    const SHOWN: usize = 3;
    let first = all
        .get(..SHOWN.min(all.len()))
        .unwrap_or_default()
        .join(comma);
    match all.len() {
        0 => None,
        n if n > SHOWN => Some(json!(format!("{first} + {} more...", n - SHOWN))),
        _ => Some(json!(first)),
    }
}

fn service(column: &str, service: &Value) -> Option<Value> {
    let kind = text(service, "/spec/type").unwrap_or("ClusterIP");
    Some(match column {
        "Type" => json!(kind),
        "Cluster-IP" => json!(text(service, "/spec/clusterIP")?),
        "External-IP" => {
            let outside = list(service, "/spec/externalIPs")
                .iter()
                .filter_map(Value::as_str);
            let mut all: Vec<&str> = outside.collect();
            for ingress in list(service, "/status/loadBalancer/ingress") {
                all.extend(text(ingress, "/ip").or_else(|| text(ingress, "/hostname")));
            }
            match kind {
                "ExternalName" => json!(text(service, "/spec/externalName")?),
                "LoadBalancer" if all.is_empty() => json!("<pending>"),
                _ => joined(all.into_iter().map(str::to_owned))?,
            }
        }
        "Port(s)" => joined(list(service, "/spec/ports").iter().map(|port| {
            let number = self::number(port, "/port");
            let protocol = text(port, "/protocol").unwrap_or("TCP");
            match self::number(port, "/nodePort") {
                0 => format!("{number}/{protocol}"),
                node => format!("{number}:{node}/{protocol}"),
            }
        }))?,
        "Selector" => selector(&service["spec"]["selector"])?,
        _ => return None,
    })
}

fn event(column: &str, event: &Value, now: Timestamp) -> Option<Value> {
    let about = &event["involvedObject"];
    let first = &event["firstTimestamp"];
    let last = &event["lastTimestamp"];
    let of = |time: &Value| {
        if time.is_null() {
            age::since(&event["eventTime"], now)
        } else {
            age::since(time, now)
        }
    };
    Some(match column {
        "Last Seen" => json!(of(last)),
        "First Seen" => json!(of(first)),
        "Type" => json!(text(event, "/type")?),
        "Reason" => json!(text(event, "/reason")?),
        "Object" => {
            let kind = text(about, "/kind").unwrap_or_default().to_lowercase();
            json!(format!(
                "{kind}/{}",
                text(about, "/name").unwrap_or_default()
            ))
        }
        "Subobject" => json!(text(about, "/fieldPath").unwrap_or_default()),
        "Source" => {
            let from =
                text(event, "/source/component").or_else(|| text(event, "/reportingComponent"));
            let host = text(event, "/source/host");
            json!(
                [from, host]
                    .into_iter()
                    .flatten()
                    .collect::<Vec<_>>()
                    .join(", ")
            )
        }
        "Message" => json!(text(event, "/message").unwrap_or_default().trim()),
        "Count" => json!(number(event, "/count").max(1).to_string()),
        _ => return None,
    })
}

fn node(column: &str, node: &Value) -> Option<Value> {
    let address = |kind: &str| {
        let found = list(node, "/status/addresses")
            .iter()
            .find(|a| a["type"] == kind)?;
        text(found, "/address").map(|a| json!(a))
    };
    let info = |field: &str| text(node, &format!("/status/nodeInfo/{field}")).map(|t| json!(t));
    match column {
        "Status" => {
            let ready = list(node, "/status/conditions")
                .iter()
                .find(|c| c["type"] == "Ready");
            let mut told = match ready {
                Some(c) if c["status"] == "True" => "Ready",
                Some(_) => "NotReady",
                None => "Unknown",
            }
            .to_owned();
            if node["spec"]["unschedulable"] == true {
                told.push_str(",SchedulingDisabled");
            }
            Some(json!(told))
        }
        "Roles" => {
            let labels = node["metadata"]["labels"].as_object().into_iter().flatten();
            let roles = labels.filter_map(|(k, _)| k.strip_prefix("node-role.kubernetes.io/"));
            joined(roles.map(str::to_owned))
        }
        "Version" => info("kubeletVersion"),
        "Internal-IP" => address("InternalIP"),
        "External-IP" => address("ExternalIP"),
        "OS-Image" => info("osImage"),
        "Kernel-Version" => info("kernelVersion"),
        "Container-Runtime" => info("containerRuntimeVersion"),
        _ => None,
    }
}

fn volume(plural: &str, column: &str, object: &Value) -> Option<Value> {
    let claim = plural == "persistentvolumeclaims";
    let at = |pointer: &str| json!(text(object, pointer).unwrap_or_default());
    let modes = |pointer: &str| {
        let short = |mode: &Value| match mode.as_str() {
            Some("ReadWriteOnce") => "RWO",
            Some("ReadOnlyMany") => "ROX",
            Some("ReadWriteMany") => "RWX",
            _ => "RWOP",
        };
        let all: Vec<&str> = list(object, pointer).iter().map(short).collect();
        json!(all.join(","))
    };
    Some(match column {
        "Status" if object["metadata"]["deletionTimestamp"].is_string() => json!("Terminating"),
        "Status" => at("/status/phase"),
        "Volume" => at("/spec/volumeName"),
        "Capacity" if claim => at("/status/capacity/storage"),
        "Capacity" => at("/spec/capacity/storage"),
        "Access Modes" if claim => modes("/status/accessModes"),
        "Access Modes" => modes("/spec/accessModes"),
        "StorageClass" => at("/spec/storageClassName"),
        "VolumeAttributesClass" => {
            json!(text(object, "/spec/volumeAttributesClassName").unwrap_or("<unset>"))
        }
        "VolumeMode" => json!(text(object, "/spec/volumeMode").unwrap_or("<unset>")),
        "Reclaim Policy" => at("/spec/persistentVolumeReclaimPolicy"),
        "Claim" => match text(object, "/spec/claimRef/name") {
            Some(name) => json!(format!(
                "{}/{name}",
                text(object, "/spec/claimRef/namespace").unwrap_or_default()
            )),
            None => json!(""),
        },
        "Reason" => at("/status/reason"),
        _ => return None,
    })
}

/// What an object refers to at a pointer: `KIND/NAME`.
fn referred(object: &Value, pointer: &str) -> String {
    let part = |field| text(object, &format!("{pointer}/{field}")).unwrap_or_default();
    format!("{}/{}", part("kind"), part("name"))
}

fn binding(column: &str, object: &Value) -> Option<Value> {
    let subjects = |kind: &str| {
        let all = list(object, "/subjects")
            .iter()
            .filter(move |s| s["kind"] == kind);
        let told = all.map(|s| {
            let name = text(s, "/name").unwrap_or_default();
            match text(s, "/namespace") {
                Some(namespace) if s["kind"] == "ServiceAccount" => format!("{namespace}/{name}"),
                _ => name.to_owned(),
            }
        });
        json!(told.collect::<Vec<_>>().join(", "))
    };
    Some(match column {
        "Role" => json!(referred(object, "/roleRef")),
        "Users" => subjects("User"),
        "Groups" => subjects("Group"),
        "ServiceAccounts" => subjects("ServiceAccount"),
        _ => return None,
    })
}

fn network(plural: &str, column: &str, object: &Value) -> Option<Value> {
    Some(match (plural, column) {
        ("networkpolicies", "Pod-Selector") => selector(&object["spec"]["podSelector"])?,
        ("ingresses", "Class") => json!(text(object, "/spec/ingressClassName")?),
        ("ingresses", "Hosts") => {
            let hosts: Vec<String> = list(object, "/spec/rules")
                .iter()
                .filter_map(|r| text(r, "/host").map(str::to_owned))
                .collect();
            short(&hosts, ",").unwrap_or(json!("*"))
        }
        ("ingresses", "Address") => {
            let all = list(object, "/status/loadBalancer/ingress").iter();
            let told = all.filter_map(|i| text(i, "/ip").or_else(|| text(i, "/hostname")));
            json!(told.collect::<Vec<_>>().join(","))
        }
        ("ingresses", "Ports") => json!(if list(object, "/spec/tls").is_empty() {
            "80"
        } else {
            "80, 443"
        }),
        ("ingressclasses", "Controller") => json!(text(object, "/spec/controller")?),
        _ => return None,
    })
}

fn autoscaler(column: &str, object: &Value) -> Option<Value> {
    Some(match column {
        "Reference" => json!(referred(object, "/spec/scaleTargetRef")),
        "Targets" => targets(object)?,
        "MinPods" => match object["spec"]["minReplicas"].as_i64() {
            Some(least) => json!(least.to_string()),
            None => json!("<unset>"),
        },
        "MaxPods" => json!(number(object, "/spec/maxReplicas")),
        "Replicas" => json!(number(object, "/status/currentReplicas")),
        _ => return None,
    })
}

/// What is measured, against what is wanted: of resources alone.
fn targets(object: &Value) -> Option<Value> {
    let current = list(object, "/status/currentMetrics");
    let told = list(object, "/spec/metrics")
        .iter()
        .enumerate()
        .map(|(i, metric)| {
            let name = text(metric, "/resource/name").unwrap_or_default();
            let now = current.get(i);
            match metric
                .pointer("/resource/target/averageUtilization")
                .and_then(Value::as_i64)
            {
                Some(wanted) => {
                    let now = now
                        .and_then(|m| m.pointer("/resource/current/averageUtilization")?.as_i64());
                    let now = now.map_or_else(|| "<unknown>".to_owned(), |n| format!("{n}%"));
                    format!("{name}: {now}/{wanted}%")
                }
                None => {
                    let wanted = text(metric, "/resource/target/averageValue").unwrap_or_default();
                    let now = now
                        .and_then(|m| text(m, "/resource/current/averageValue"))
                        .unwrap_or("<unknown>");
                    format!("{name}: {now}/{wanted}")
                }
            }
        });
    let all: Vec<String> = told.collect();
    short(&all, ", ")
}

fn slice(column: &str, object: &Value) -> Option<Value> {
    Some(match column {
        "AddressType" => json!(text(object, "/addressType")?),
        "Ports" => {
            let ports: Vec<String> = list(object, "/ports")
                .iter()
                .map(|p| number(p, "/port").to_string())
                .collect();
            short(&ports, ",").unwrap_or(json!("<unset>"))
        }
        "Endpoints" => {
            let all: Vec<String> = list(object, "/endpoints")
                .iter()
                .flat_map(|e| {
                    list(e, "/addresses")
                        .iter()
                        .filter_map(|a| a.as_str().map(str::to_owned))
                })
                .collect();
            short(&all, ",").unwrap_or(json!("<unset>"))
        }
        _ => return None,
    })
}
