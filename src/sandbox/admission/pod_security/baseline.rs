//! The baseline policy: nothing by which a Pod gets more than it has.
//! <https://kubernetes.io/docs/concepts/security/pod-security-standards/#baseline>

use serde_json::Value;

use super::{Violation, containers, items, named, plural, quoted, sorted, these};

const CAPABILITIES: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

const SYSCTLS: [&str; 12] = [
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_wmem",
];

const SELINUX_TYPES: [&str; 5] = [
    "",
    "container_t",
    "container_init_t",
    "container_kvm_t",
    "container_engine_t",
];

/// What the policy does not allow; without what the restricted one says more strictly.
pub(super) fn violations(spec: &Value, restricted_follows: bool) -> Vec<Violation> {
    let mut out = Vec::new();
    out.extend(app_armor(spec));
    if !restricted_follows {
        out.extend(capabilities(spec));
    }
    out.extend(host_namespaces(spec));
    if !restricted_follows {
        out.extend(host_paths(spec));
    }
    out.extend(host_ports(spec));
    out.extend(hosts(spec));
    out.extend(privileged(spec));
    out.extend(proc_mount(spec));
    out.extend(selinux(spec));
    if !restricted_follows {
        out.extend(seccomp(spec));
    }
    out.extend(sysctls(spec));
    out.extend(host_process(spec));
    out
}

fn context(container: &Value) -> &Value {
    &container["securityContext"]
}

fn texts(list: &Value) -> impl Iterator<Item = String> {
    let list = list.as_array().into_iter().flatten();
    list.filter_map(|v| v.as_str().map(str::to_owned))
}

/// Who sets something wrong: the Pod, some of its containers, or both.
pub(super) fn setters(pod: bool, names: &[String]) -> String {
    let mut all = Vec::new();
    if pod {
        all.push("pod".to_owned());
    }
    if !names.is_empty() {
        all.push(these(names));
    }
    all.join(" and ")
}

fn app_armor(spec: &Value) -> Option<Violation> {
    let wrong = |v: &Value| {
        let kind = context(v)["appArmorProfile"]["type"].as_str();
        kind.filter(|k| !matches!(*k, "RuntimeDefault" | "Localhost"))
            .map(str::to_owned)
    };
    let names = named(spec, |c| wrong(c).is_some());
    let all = sorted(
        std::iter::once(spec)
            .chain(containers(spec))
            .filter_map(wrong),
    );
    (!all.is_empty()).then(|| {
        let reason = plural("forbidden AppArmor profile", all.len());
        let who = setters(wrong(spec).is_some(), &names);
        let what = quoted(&all);
        Violation::new(
            &reason,
            format!("{who} must not set AppArmor profile type to {what}"),
        )
    })
}

fn capabilities(spec: &Value) -> Option<Violation> {
    let wrong = |c: &Value| {
        let added = texts(&context(c)["capabilities"]["add"]);
        added
            .filter(|c| !CAPABILITIES.contains(&c.as_str()))
            .collect::<Vec<_>>()
    };
    let names = named(spec, |c| !wrong(c).is_empty());
    let added = quoted(&sorted(containers(spec).flat_map(wrong)));
    (!names.is_empty()).then(|| {
        let who = these(&names);
        let detail = format!("{who} must not include {added} in securityContext.capabilities.add");
        Violation::new("non-default capabilities", detail)
    })
}

fn host_namespaces(spec: &Value) -> Option<Violation> {
    let fields = ["hostNetwork", "hostPID", "hostIPC"].into_iter();
    let set: Vec<String> = fields
        .filter(|f| spec[*f] == true)
        .map(|f| format!("{f}=true"))
        .collect();
    (!set.is_empty()).then(|| Violation::new("host namespaces", set.join(", ")))
}

fn host_paths(spec: &Value) -> Option<Violation> {
    let volumes = items(spec, "volumes")
        .iter()
        .filter(|v| v["hostPath"].is_object());
    let names: Vec<String> = volumes
        .filter_map(|v| v["name"].as_str().map(str::to_owned))
        .collect();
    (!names.is_empty()).then(|| {
        let detail = format!("{} {}", plural("volume", names.len()), quoted(&names));
        Violation::new("hostPath volumes", detail)
    })
}

fn host_ports(spec: &Value) -> Option<Violation> {
    let ports = |c: &Value| {
        let ports = items(c, "ports")
            .iter()
            .filter_map(|p| p["hostPort"].as_i64());
        ports
            .filter(|p| *p != 0)
            .map(|p| p.to_string())
            .collect::<Vec<_>>()
    };
    let names = named(spec, |c| !ports(c).is_empty());
    let all = sorted(containers(spec).flat_map(ports));
    (!names.is_empty()).then(|| {
        let verb = if names.len() == 1 { "uses" } else { "use" };
        let (who, noun) = (these(&names), plural("hostPort", all.len()));
        Violation::new(
            "hostPort",
            format!("{who} {verb} {noun} {}", all.join(", ")),
        )
    })
}

/// Probes and hooks that ask another host than the Pod.
fn hosts(spec: &Value) -> Option<Violation> {
    let hosts = |c: &Value| {
        let probes = ["livenessProbe", "readinessProbe", "startupProbe"].map(|p| &c[p]);
        let hooks = ["postStart", "preStop"].map(|h| &c["lifecycle"][h]);
        let all = probes.into_iter().chain(hooks);
        let hosts = all.flat_map(|p| [&p["httpGet"]["host"], &p["tcpSocket"]["host"]]);
        let hosts = hosts.filter_map(Value::as_str).filter(|h| !h.is_empty());
        hosts.map(str::to_owned).collect::<Vec<_>>()
    };
    let names = sorted(named(spec, |c| !hosts(c).is_empty()));
    let all = sorted(containers(spec).flat_map(hosts));
    (!names.is_empty()).then(|| {
        let verb = if names.len() == 1 { "uses" } else { "use" };
        let noun = plural("probe or lifecycle host", all.len());
        let detail = format!("{} {verb} {noun} {}", these(&names), quoted(&all));
        Violation::new("probe or lifecycle host", detail)
    })
}

fn privileged(spec: &Value) -> Option<Violation> {
    let names = named(spec, |c| context(c)["privileged"] == true);
    (!names.is_empty()).then(|| {
        let detail = format!(
            "{} must not set securityContext.privileged=true",
            these(&names)
        );
        Violation::new("privileged", detail)
    })
}

fn proc_mount(spec: &Value) -> Option<Violation> {
    let wrong = |c: &Value| {
        let mount = context(c)["procMount"].as_str();
        mount.filter(|m| *m != "Default").map(str::to_owned)
    };
    let names = named(spec, |c| wrong(c).is_some());
    let all = quoted(&sorted(containers(spec).filter_map(wrong)));
    (!names.is_empty()).then(|| {
        let who = these(&names);
        let detail = format!("{who} must not set securityContext.procMount to {all}");
        Violation::new("procMount", detail)
    })
}

fn selinux(spec: &Value) -> Option<Violation> {
    let text = |v: &Value, field: &str| {
        let value = context(v)["seLinuxOptions"][field].as_str();
        value.filter(|t| !t.is_empty()).map(str::to_owned)
    };
    let kind = |v: &Value| text(v, "type").filter(|t| !SELINUX_TYPES.contains(&t.as_str()));
    let (user, role) = (|v: &Value| text(v, "user"), |v: &Value| text(v, "role"));
    let wrong = |v: &Value| kind(v).is_some() || user(v).is_some() || role(v).is_some();
    let names = named(spec, wrong);
    let all = || std::iter::once(spec).chain(containers(spec));
    if !all().any(wrong) {
        return None;
    }
    let mut what = Vec::new();
    let kinds = sorted(all().filter_map(kind));
    if !kinds.is_empty() {
        what.push(format!(
            "{} {}",
            plural("type", kinds.len()),
            quoted(&kinds)
        ));
    }
    if all().any(|v| user(v).is_some()) {
        what.push("user may not be set".to_owned());
    }
    if all().any(|v| role(v).is_some()) {
        what.push("role may not be set".to_owned());
    }
    let (who, what) = (setters(wrong(spec), &names), what.join("; "));
    let detail = format!("{who} set forbidden securityContext.seLinuxOptions: {what}");
    Some(Violation::new("seLinuxOptions", detail))
}

/// The type of a seccomp profile that is not allowed.
pub(super) fn wrong_seccomp(of: &Value) -> Option<String> {
    let kind = context(of)["seccompProfile"]["type"].as_str();
    kind.filter(|k| !matches!(*k, "RuntimeDefault" | "Localhost"))
        .map(str::to_owned)
}

/// Profiles that are named and not allowed.
pub(super) fn seccomp(spec: &Value) -> Option<Violation> {
    let names = named(spec, |c| wrong_seccomp(c).is_some());
    let all = std::iter::once(spec).chain(containers(spec));
    let all = sorted(all.filter_map(wrong_seccomp));
    (!all.is_empty()).then(|| {
        let (who, what) = (setters(wrong_seccomp(spec).is_some(), &names), quoted(&all));
        let detail = format!("{who} must not set securityContext.seccompProfile.type to {what}");
        Violation::new("seccompProfile", detail)
    })
}

fn sysctls(spec: &Value) -> Option<Violation> {
    let set = items(context(spec), "sysctls").iter();
    let names = set.filter_map(|s| s["name"].as_str());
    let wrong: Vec<&str> = names.filter(|n| !SYSCTLS.contains(n)).collect();
    (!wrong.is_empty()).then(|| Violation::new("forbidden sysctls", wrong.join(", ")))
}

fn host_process(spec: &Value) -> Option<Violation> {
    let set = |v: &Value| context(v)["windowsOptions"]["hostProcess"] == true;
    let names = named(spec, set);
    (set(spec) || !names.is_empty()).then(|| {
        let who = setters(set(spec), &names);
        let detail = format!("{who} must not set securityContext.windowsOptions.hostProcess=true");
        Violation::new("hostProcess", detail)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_reaches_the_node_is_told() {
        let spec = json!({
            "hostNetwork": true, "volumes": [{"name": "v", "hostPath": {"path": "/"}}],
            "containers": [
                {"name": "a", "ports": [{"hostPort": 80}], "securityContext": {"privileged": true, "capabilities": {"add": ["NET_ADMIN", "KILL"]}}},
                {"name": "b", "ports": [{"hostPort": 81}], "livenessProbe": {"httpGet": {"host": "h"}}},
            ],
        });
        let found = violations(&spec, false);
        let told: Vec<String> = found
            .iter()
            .map(|v| format!("{} ({})", v.reason, v.detail))
            .collect();
        assert_eq!(
            told,
            [
                "non-default capabilities (container \"a\" must not include \"NET_ADMIN\" in securityContext.capabilities.add)",
                "host namespaces (hostNetwork=true)",
                "hostPath volumes (volume \"v\")",
                "hostPort (containers \"a\", \"b\" use hostPorts 80, 81)",
                "probe or lifecycle host (container \"b\" uses probe or lifecycle host \"h\")",
                "privileged (container \"a\" must not set securityContext.privileged=true)",
            ]
        );
    }
}
