//! What constraints do not allow, in the words of the real server.
//! <https://github.com/openshift/apiserver-library-go/tree/master/pkg/securitycontextconstraints>

use serde_json::Value;

use super::{Allowed, effective, items, strategy, users};
use crate::sandbox::verbs::name;

/// What is wrong with a Pod that was filled in.
pub(super) fn problems(constraints: &Value, allowed: &Allowed, pod: &Value) -> Vec<String> {
    let check = Check {
        constraints,
        allowed,
        pod,
    };
    let mut out = check.of_pod();
    for list in ["initContainers", "containers"] {
        for (i, container) in items(&pod["spec"], list).iter().enumerate() {
            out.extend(check.of_container(&format!("{list}[{i}]"), container));
        }
    }
    out
}

struct Check<'a> {
    constraints: &'a Value,
    allowed: &'a Allowed,
    pod: &'a Value,
}

impl Check<'_> {
    fn forbids(&self, field: &str) -> bool {
        self.constraints[field] != true
    }

    fn problem(&self, field: &str, value: &str, why: &str) -> String {
        let called = name(self.constraints);
        format!("provider {called}: .{field}: Invalid value: {value}: {why}")
    }

    fn of_pod(&self) -> Vec<String> {
        let spec = &self.pod["spec"];
        let context = &spec["securityContext"];
        let place = |field: &str| format!("spec.securityContext.{field}");
        let mut out = Vec::new();
        if strategy(self.constraints, "fsGroup") == "MustRunAs"
            && let Some(group) = context["fsGroup"].as_i64()
            && group != self.allowed.groups.0
        {
            out.push(self.group(&place("fsGroup"), group));
        }
        if strategy(self.constraints, "supplementalGroups") == "MustRunAs" {
            let (first, last) = self.allowed.groups;
            let given = items(context, "supplementalGroups");
            let given = given.iter().filter_map(Value::as_i64);
            let wrong = given.filter(|g| !(first..=last).contains(g));
            out.extend(wrong.map(|g| self.group(&place("supplementalGroups"), g)));
        }
        out.extend(self.level(&place("seLinuxOptions.level"), &context["seLinuxOptions"]));
        let key = "seccomp.security.alpha.kubernetes.io/pod";
        out.extend(self.seccomp(key, &context["seccompProfile"]));
        for (field, rule, what) in [
            ("hostNetwork", "allowHostNetwork", "Host network"),
            ("hostPID", "allowHostPID", "Host PID"),
            ("hostIPC", "allowHostIPC", "Host IPC"),
        ] {
            if spec[field] == true && self.forbids(rule) {
                let why = format!("{what} is not allowed to be used");
                out.push(self.problem(&place(field), "true", &why));
            }
        }
        out.extend(self.volumes());
        out
    }

    fn group(&self, field: &str, group: i64) -> String {
        let why = format!("{group} is not an allowed group");
        self.problem(field, &format!("[]int64{{{group}}}"), &why)
    }

    fn level(&self, field: &str, options: &Value) -> Option<String> {
        if strategy(self.constraints, "seLinuxContext") != "MustRunAs" || options.is_null() {
            return None;
        }
        let (level, wanted) = (
            options["level"].as_str().unwrap_or_default(),
            &self.allowed.level,
        );
        let is_other = level != wanted;
        is_other.then(|| self.problem(field, &format!("{level:?}"), &format!("must be {wanted}")))
    }

    /// The real server still speaks of the annotations of old.
    fn seccomp(&self, annotation: &str, profile: &Value) -> Option<String> {
        let known = items(self.constraints, "seccompProfiles");
        let known: Vec<&str> = known.iter().filter_map(Value::as_str).collect();
        let given = match profile["type"].as_str()? {
            "RuntimeDefault" => "runtime/default".to_owned(),
            "Unconfined" => "unconfined".to_owned(),
            _ => {
                let path = profile["localhostProfile"].as_str().unwrap_or_default();
                format!("localhost/{path}")
            }
        };
        if known.contains(&"*") || known.contains(&given.as_str()) {
            return None;
        }
        let why = if known.is_empty() {
            "seccomp may not be set".to_owned()
        } else {
            let known = known.join(" ");
            format!("{given} is not an allowed seccomp profile. Valid values are [{known}]")
        };
        Some(format!(
            "pod.metadata.annotations[{annotation}]: Forbidden: {why}"
        ))
    }

    /// Volumes are told of without the constraints' name.
    fn volumes(&self) -> Vec<String> {
        let known = items(self.constraints, "volumes");
        let is_known = |kind: &str| known.iter().any(|v| v == "*" || v == kind);
        let volumes = items(&self.pod["spec"], "volumes").iter().enumerate();
        let kinds = volumes.filter_map(|(i, volume)| {
            let mut fields = volume.as_object()?.keys();
            Some((i, fields.find(|f| *f != "name")?))
        });
        kinds
            .filter(|(_, kind)| !is_known(kind))
            .map(|(i, kind)| {
                format!(
                    "spec.volumes[{i}]: Invalid value: \"{kind}\": {kind} volumes are not allowed to be used"
                )
            })
            .collect()
    }

    fn of_container(&self, place: &str, container: &Value) -> Vec<String> {
        let context = &container["securityContext"];
        let at = |field: &str| format!("{place}.{field}");
        let mut out = Vec::new();
        out.extend(self.user(&at("runAsUser"), container));
        let options = effective(self.pod, container, "seLinuxOptions");
        out.extend(self.level(&at("seLinuxOptions.level"), options));
        let called = container["name"].as_str().unwrap_or_default();
        let key = format!("container.seccomp.security.alpha.kubernetes.io/{called}");
        let profile = effective(self.pod, container, "seccompProfile");
        out.extend(self.seccomp(&key, profile));
        if context["privileged"] == true && self.forbids("allowPrivilegedContainer") {
            let why = "Privileged containers are not allowed";
            out.push(self.problem(&at("privileged"), "true", why));
        }
        out.extend(self.capabilities(&at("capabilities.add"), context));
        if self.pod["spec"]["hostNetwork"] == true && self.forbids("allowHostNetwork") {
            let why = "Host network is not allowed to be used";
            out.push(self.problem(&at("hostNetwork"), "true", why));
        }
        if self.forbids("allowHostPorts") {
            let ports = items(container, "ports").iter();
            let taken = ports.filter_map(|p| p["hostPort"].as_i64().filter(|p| *p > 0));
            let why = "Host ports are not allowed to be used";
            out.extend(taken.map(|port| {
                let field = format!("{place}.containers[0].hostPort");
                self.problem(&field, &port.to_string(), why)
            }));
        }
        if context["allowPrivilegeEscalation"] == true && self.forbids("allowPrivilegeEscalation") {
            let why = "Allowing privilege escalation for containers is not allowed";
            out.push(self.problem(&at("allowPrivilegeEscalation"), "true", why));
        }
        if self.constraints["readOnlyRootFilesystem"] == true
            && context["readOnlyRootFilesystem"] == false
        {
            let why = "ReadOnlyRootFilesystem must be set to true";
            out.push(self.problem(&at("readOnlyRootFilesystem"), "false", why));
        }
        out
    }

    fn user(&self, field: &str, container: &Value) -> Option<String> {
        let user = effective(self.pod, container, "runAsUser").as_i64();
        if let (Some((first, last)), Some(user)) = (users(self.constraints, self.allowed), user)
            && !(first..=last).contains(&user)
        {
            let why = if strategy(self.constraints, "runAsUser") == "MustRunAs" {
                format!("must be: {first}")
            } else {
                format!("must be in the ranges: [{first}, {last}]")
            };
            return Some(self.problem(field, &user.to_string(), &why));
        }
        let is_root = strategy(self.constraints, "runAsUser") == "MustRunAsNonRoot";
        let is_root = is_root && user == Some(0);
        is_root.then(|| self.problem(field, "0", "running with the root UID is forbidden"))
    }

    fn capabilities(&self, field: &str, context: &Value) -> Vec<String> {
        let known = |list: &str, what: &str| {
            let all = items(self.constraints, list);
            all.iter().any(|c| c == "*" || c == what)
        };
        let added = items(&context["capabilities"], "add").iter();
        let wrong = added
            .filter_map(Value::as_str)
            .filter(|c| !known("allowedCapabilities", c) && !known("defaultAddCapabilities", c));
        wrong
            .map(|c| self.problem(field, &format!("\"{c}\""), "capability may not be added"))
            .collect()
    }
}
