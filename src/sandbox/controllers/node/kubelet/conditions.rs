//! The conditions of a Pod, with the times at which they became so.
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/kubelet/status/generate.go>

use serde_json::{Value, json};

use super::{
    Look,
    life::{Life, Sandbox},
    name_of,
};
use crate::sandbox::pointer::items;

/// The kubelet's own conditions; others keep theirs.
const OWN: [&str; 5] = [
    "PodReadyToStartContainers",
    "Initialized",
    "Ready",
    "ContainersReady",
    "PodScheduled",
];

/// Conditions as they are gathered.
struct Gathered<'a> {
    before: &'a [Value],
    now: String,
    generation: &'a Value,
    all: Vec<Value>,
}

impl Gathered<'_> {
    fn add(&mut self, kind: &str, holds: bool, reason: &str, message: &str) {
        let status = if holds { "True" } else { "False" };
        let old = self.before.iter().find(|c| c["type"] == kind);
        let since = old
            .filter(|c| c["status"] == status)
            .map_or_else(|| json!(self.now), |c| c["lastTransitionTime"].clone());
        let mut condition = json!({
            "type": kind, "status": status, "lastProbeTime": null, "lastTransitionTime": since,
            "observedGeneration": self.generation,
        });
        for (field, text) in [("reason", reason), ("message", message)] {
            if !text.is_empty() {
                condition[field] = json!(text);
            }
        }
        self.all.push(condition);
    }
}

/// All conditions.
pub(super) fn of(
    look: &Look<'_>,
    life: &Life,
    phase: &str,
    (inits, of_inits): (&[Value], &[Value]),
    containers: &[Value],
) -> Value {
    let pod = look.pod;
    let mut out = Gathered {
        before: items(&pod["status"]["conditions"]),
        now: look.cluster.stamp(),
        generation: &pod["metadata"]["generation"],
        all: Vec::new(),
    };
    let connected = matches!(life.sandbox, Sandbox::Ready(_));
    out.add("PodReadyToStartContainers", connected, "", "");
    let incomplete: Vec<&str> = inits
        .iter()
        .zip(of_inits)
        .filter(|(spec, status)| {
            let sidecar = spec["restartPolicy"] == "Always";
            let done = if sidecar {
                &status["started"]
            } else {
                &status["ready"]
            };
            *done != true
        })
        .map(|(spec, _)| name_of(spec))
        .collect();
    let begun = containers.iter().any(|c| c.get("containerID").is_some());
    if phase == "Succeeded" {
        out.add("Initialized", true, "PodCompleted", "");
    } else if incomplete.is_empty() || begun {
        out.add("Initialized", true, "", "");
    } else {
        let message = format!(
            "containers with incomplete status: [{}]",
            incomplete.join(" ")
        );
        out.add("Initialized", false, "ContainersNotInitialized", &message);
    }
    let sidecars = inits
        .iter()
        .zip(of_inits)
        .filter(|(spec, _)| spec["restartPolicy"] == "Always");
    let specs = items(&pod["spec"]["containers"]).iter().zip(containers);
    let unready: Vec<&str> = sidecars
        .chain(specs)
        .filter(|(_, status)| status["ready"] != true)
        .map(|(spec, _)| name_of(spec))
        .collect();
    ready(&mut out, pod, phase, &unready, containers);
    out.add("PodScheduled", true, "", "");
    let others = out
        .before
        .iter()
        .filter(|c| !OWN.iter().any(|own| c["type"] == *own));
    out.all.extend(others.cloned());
    json!(out.all)
}

/// Whether the containers are ready, and the Pod with them.
fn ready(out: &mut Gathered<'_>, pod: &Value, phase: &str, unready: &[&str], containers: &[Value]) {
    let message = format!("containers with unready status: [{}]", unready.join(" "));
    let gates = items(&pod["spec"]["readinessGates"])
        .iter()
        .filter_map(|g| g["conditionType"].as_str());
    let missing: Vec<String> = gates
        .filter(|g| {
            !out.before
                .iter()
                .any(|c| c["type"] == *g && c["status"] == "True")
        })
        .map(|g| format!("corresponding condition of pod readiness gate \"{g}\" does not exist."))
        .collect();
    for kind in ["Ready", "ContainersReady"] {
        match phase {
            "Succeeded" => out.add(kind, false, "PodCompleted", ""),
            "Failed" if !is_unknown(containers) => out.add(kind, false, "PodFailed", ""),
            _ if !unready.is_empty() => out.add(kind, false, "ContainersNotReady", &message),
            _ if kind == "Ready" && !missing.is_empty() => {
                out.add(kind, false, "ReadinessGatesNotReady", &missing.join(", "));
            }
            _ => out.add(kind, true, "", ""),
        }
    }
}

/// Whether containers were never found: their Pod was deleted before they ran.
fn is_unknown(containers: &[Value]) -> bool {
    containers
        .iter()
        .any(|c| c["state"]["terminated"]["reason"] == "ContainerStatusUnknown")
}
