//! The restricted policy: as little as a Pod needs.
//! <https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted>

use serde_json::Value;

use super::{
    Violation,
    baseline::{self, setters},
    containers, items, named, plural, quoted, sorted, these,
};

/// Volumes that hold nothing of the node.
const VOLUMES: [&str; 9] = [
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
];

/// What the policy does not allow, besides the baseline.
pub(super) fn violations(spec: &Value) -> Vec<Violation> {
    let checks = [
        escalation,
        capabilities,
        volumes,
        non_root,
        root_user,
        seccomp,
    ];
    checks.into_iter().filter_map(|check| check(spec)).collect()
}

fn context(container: &Value) -> &Value {
    &container["securityContext"]
}

fn escalation(spec: &Value) -> Option<Violation> {
    let names = named(spec, |c| context(c)["allowPrivilegeEscalation"] != false);
    (!names.is_empty()).then(|| {
        let who = these(&names);
        let detail = format!("{who} must set securityContext.allowPrivilegeEscalation=false");
        Violation::new("allowPrivilegeEscalation != false", detail)
    })
}

fn capabilities(spec: &Value) -> Option<Violation> {
    let of = |c: &Value, list: &str| {
        let all = items(&context(c)["capabilities"], list).iter();
        all.filter_map(|v| v.as_str().map(str::to_owned))
            .collect::<Vec<_>>()
    };
    let added = |c: &Value| {
        let mut added = of(c, "add");
        added.retain(|c| c != "NET_BIND_SERVICE");
        added
    };
    let mut details = Vec::new();
    let keep = named(spec, |c| !of(c, "drop").iter().any(|d| d == "ALL"));
    if !keep.is_empty() {
        let who = these(&keep);
        details.push(format!(
            "{who} must set securityContext.capabilities.drop=[\"ALL\"]"
        ));
    }
    let add = named(spec, |c| !added(c).is_empty());
    if !add.is_empty() {
        let (who, what) = (
            these(&add),
            quoted(&sorted(containers(spec).flat_map(added))),
        );
        details.push(format!(
            "{who} must not include {what} in securityContext.capabilities.add"
        ));
    }
    (!details.is_empty()).then(|| Violation::new("unrestricted capabilities", details.join("; ")))
}

fn volumes(spec: &Value) -> Option<Violation> {
    let kind = |volume: &Value| {
        let mut fields = volume
            .as_object()
            .into_iter()
            .flatten()
            .map(|(k, _)| k.clone());
        fields
            .find(|k| k != "name")
            .unwrap_or_else(|| "unknown".to_owned())
    };
    let all = items(spec, "volumes").iter();
    let wrong: Vec<&Value> = all
        .filter(|v| !VOLUMES.contains(&kind(v).as_str()))
        .collect();
    if wrong.is_empty() {
        return None;
    }
    let text = |v: &&Value| v["name"].as_str().unwrap_or_default().to_owned();
    let names: Vec<String> = wrong.iter().map(text).collect();
    let kinds = sorted(wrong.iter().map(|v| kind(v)));
    let verb = if names.len() == 1 { "uses" } else { "use" };
    let detail = format!(
        "{} {} {verb} {} {}",
        plural("volume", names.len()),
        quoted(&names),
        plural("restricted volume type", kinds.len()),
        quoted(&kinds)
    );
    Some(Violation::new("restricted volume types", detail))
}

fn non_root(spec: &Value) -> Option<Violation> {
    const REASON: &str = "runAsNonRoot != true";
    let field = |v: &Value| context(v)["runAsNonRoot"].as_bool();
    let (pod, wrong) = (field(spec), named(spec, |c| field(c) == Some(false)));
    if pod == Some(false) || !wrong.is_empty() {
        let who = setters(pod == Some(false), &wrong);
        let detail = format!("{who} must not set securityContext.runAsNonRoot=false");
        return Some(Violation::new(REASON, detail));
    }
    let silent = named(spec, |c| field(c).is_none() && pod != Some(true));
    (!silent.is_empty()).then(|| {
        let who = these(&silent);
        let detail = format!("pod or {who} must set securityContext.runAsNonRoot=true");
        Violation::new(REASON, detail)
    })
}

fn root_user(spec: &Value) -> Option<Violation> {
    let root = |v: &Value| context(v)["runAsUser"] == 0;
    let names = named(spec, root);
    (root(spec) || !names.is_empty()).then(|| {
        let who = setters(root(spec), &names);
        Violation::new("runAsUser=0", format!("{who} must not set runAsUser=0"))
    })
}

fn seccomp(spec: &Value) -> Option<Violation> {
    if let Some(wrong) = baseline::seccomp(spec) {
        return Some(wrong);
    }
    let set = |v: &Value| context(v)["seccompProfile"].is_object();
    let silent = named(spec, |c| !set(c) && !set(spec));
    (!silent.is_empty()).then(|| {
        let who = these(&silent);
        let detail = format!(
            "pod or {who} must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\""
        );
        Violation::new("seccompProfile", detail)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_set_wrong_goes_before_what_is_not_set() {
        let spec = json!({
            "securityContext": {"runAsNonRoot": false, "runAsUser": 0, "seccompProfile": {"type": "Unconfined"}},
            "volumes": [{"name": "v", "nfs": {}}],
            "containers": [{"name": "a", "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"], "add": ["KILL"]}}}],
        });
        let told: Vec<String> = violations(&spec).into_iter().map(|v| v.detail).collect();
        assert_eq!(
            told,
            [
                "container \"a\" must not include \"KILL\" in securityContext.capabilities.add",
                "volume \"v\" uses restricted volume type \"nfs\"",
                "pod must not set securityContext.runAsNonRoot=false",
                "pod must not set runAsUser=0",
                "pod must not set securityContext.seccompProfile.type to \"Unconfined\"",
            ]
        );
    }
}
