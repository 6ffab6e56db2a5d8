//! Routes: the host that they get, and what they may say.
//! <https://github.com/openshift/library-go/tree/master/pkg/route>

use serde_json::{Value, json};

use super::{given, list, text};
use crate::sandbox::{
    admission::{Operation, Request},
    authz::{self, Attributes},
    names,
    registry::{self, Resource},
    status::{Cause, Refusal},
    store::State,
    verbs::{key, name},
};

/// What tells that the cluster chose the host.
pub const GENERATED: &str = "openshift.io/host.generated";
/// The domain of hosts in a cluster that has no configuration.
const DOMAIN: &str = "apps.ccnr.test";
/// The largest weight of a backend.
const HEAVIEST: i64 = 256;
/// The most backends besides the first.
const MOST_ALTERNATES: usize = 3;
/// What is said to those who may not choose a host.
const NO_HOST: &str = "you do not have permission to set the host field of the route";

/// The domain under which the cluster's hosts lie.
#[must_use]
pub fn domain(state: &State) -> String {
    let place = registry::place("config.openshift.io", "ingresses");
    let config = state.get(&place, &key(None, "cluster"));
    let domain = config.as_ref().and_then(|c| c["spec"]["domain"].as_str());
    domain.unwrap_or(DOMAIN).to_owned()
}

/// Gives a new Route a host, and keeps hosts of their own from those who may not have them.
#[allow(clippy::collapsible_match)] // Who has a host is never given another.
pub(super) fn admit(
    state: &State,
    request: &Request<'_>,
    object: &mut Value,
) -> Result<(), Refusal> {
    let host = text(object, "/spec/host").to_owned();
    let may = |verb: &str| may_choose(state, request, verb);
    let refused = |cause| {
        let about = request.resource.about_kind();
        Err(Refusal::invalid(about, name(object), vec![cause]))
    };
    match request.operation {
        Operation::Create if !host.is_empty() => {
            if !may("create") {
                return refused(Cause::forbidden("spec.host", NO_HOST));
            }
        }
        Operation::Create => {
            if text(object, "/spec/subdomain").is_empty() && object["spec"].is_object() {
                let namespace = request.namespace.unwrap_or_default();
                let generated = format!("{}-{namespace}.{}", name(object), domain(state));
                object["spec"]["host"] = json!(generated);
                object["metadata"]["annotations"][GENERATED] = json!("true");
            }
        }
        Operation::Update if request.subresource.is_empty() => {
            let before = request.before.map_or("", |live| text(live, "/spec/host"));
            if before != host && !may("update") {
                return refused(Cause::invalid("spec.host", &json!(host), NO_HOST));
            }
        }
        _ => {}
    }
    Ok(())
}

fn may_choose(state: &State, request: &Request<'_>, verb: &str) -> bool {
    let resource: &Resource = request.resource;
    let wanted = Attributes {
        verb: verb.to_owned(),
        group: resource.group.clone(),
        resource: resource.plural.clone(),
        subresource: "custom-host".to_owned(),
        namespace: request.namespace.unwrap_or_default().to_owned(),
        ..Attributes::default()
    };
    authz::decide_in(state, request.user, &wanted).allowed
}

pub(super) fn default(route: &mut Value) {
    given(
        &mut route["spec"],
        &json!({"wildcardPolicy": "None", "to": {"kind": "Service", "weight": 100}}),
    );
    for backend in route
        .pointer_mut("/spec/alternateBackends")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        given(backend, &json!({"kind": "Service", "weight": 100}));
    }
    if route["spec"]["tls"].is_object() && text(route, "/spec/tls/termination").is_empty() {
        route["spec"]["tls"]["termination"] = json!("edge");
    }
    for ingress in route
        .pointer_mut("/status/ingress")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        given(ingress, &json!({"wildcardPolicy": "None"}));
    }
}

/// What is wrong with a Route.
pub(super) fn validate(route: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    for field in ["host", "subdomain"] {
        causes.extend(host_problems(field, &route["spec"][field]));
    }
    let policy = &route["spec"]["wildcardPolicy"];
    if !matches!(policy.as_str(), None | Some("None" | "Subdomain")) {
        let known = ["None", "Subdomain"];
        causes.push(Cause::not_supported("spec.wildcardPolicy", policy, &known));
    }
    let path = &route["spec"]["path"];
    let termination = text(route, "/spec/tls/termination");
    if let Some(given) = path.as_str().filter(|p| !p.is_empty()) {
        if !given.starts_with('/') {
            causes.push(Cause::invalid("spec.path", path, "path must begin with /"));
        }
        if termination == "passthrough" {
            let why = "passthrough termination does not support paths";
            causes.push(Cause::invalid("spec.path", path, why));
        }
    }
    causes.extend(backend("spec.to", &route["spec"]["to"]));
    let alternates = list(route, "/spec/alternateBackends");
    if alternates.len() > MOST_ALTERNATES {
        let why = "cannot specify more than 3 alternate backends";
        causes.push(Cause::required("spec.alternateBackends", why));
    }
    for (i, alternate) in alternates.iter().enumerate() {
        let field = format!("spec.alternateBackends[{i}]");
        causes.extend(backend(&field, alternate));
    }
    if route["spec"]["port"].is_object() {
        let target = &route["spec"]["port"]["targetPort"];
        if target.is_null() || *target == json!(0) || *target == json!("") {
            causes.push(Cause::required("spec.port.targetPort", ""));
        }
    }
    causes.extend(tls(&route["spec"]["tls"]));
    causes
}

fn host_problems(field: &str, host: &Value) -> Vec<Cause> {
    let Some(given) = host.as_str().filter(|h| !h.is_empty()) else {
        return Vec::new();
    };
    let path = format!("spec.{field}");
    let mut causes = Vec::new();
    if names::subdomain_problem(given).is_some() {
        let why = format!("{field} must conform to DNS 952 subdomain conventions");
        causes.push(Cause::invalid(path.as_str(), host, &why));
    }
    for problem in given.split('.').filter_map(names::label_problem) {
        causes.push(Cause::invalid(path.as_str(), host, &problem));
    }
    causes
}

fn backend(field: &str, backend: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    if text(backend, "/name").is_empty() {
        causes.push(Cause::required(format!("{field}.name"), ""));
    }
    if backend["kind"] != "Service" {
        let why = "must reference a Service";
        causes.push(Cause::invalid(
            format!("{field}.kind"),
            &backend["kind"],
            why,
        ));
    }
    let weight = &backend["weight"];
    if weight
        .as_i64()
        .is_some_and(|w| !(0..=HEAVIEST).contains(&w))
    {
        let why = "weight must be an integer between 0 and 256";
        causes.push(Cause::invalid(format!("{field}.weight"), weight, why));
    }
    causes
}

fn tls(tls: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let termination = &tls["termination"];
    let known = ["edge", "passthrough", "reencrypt"];
    let Some(given) = termination.as_str() else {
        return causes;
    };
    if !known.contains(&given) {
        causes.push(Cause::not_supported(
            "spec.tls.termination",
            termination,
            &known,
        ));
        return causes;
    }
    if given == "passthrough" {
        for field in [
            "certificate",
            "key",
            "caCertificate",
            "destinationCACertificate",
        ] {
            if !text(&tls[field], "").is_empty() {
                let why = "passthrough termination does not support certificates";
                let field = format!("spec.tls.{field}");
                causes.push(Cause::invalid(field, &json!("redacted"), why));
            }
        }
    }
    if given == "edge" && !text(tls, "/destinationCACertificate").is_empty() {
        let why = "edge termination does not support destination certificates";
        let field = "spec.tls.destinationCACertificate";
        causes.push(Cause::invalid(field, &json!("redacted"), why));
    }
    let policies: &[&str] = if given == "passthrough" {
        &["None", "Redirect"]
    } else {
        &["None", "Allow", "Redirect"]
    };
    let policy = &tls["insecureEdgeTerminationPolicy"];
    if policy
        .as_str()
        .is_some_and(|p| !p.is_empty() && !policies.contains(&p))
    {
        let why = format!(
            "invalid value for InsecureEdgeTerminationPolicy option, acceptable values are {}, or empty",
            policies.join(", ")
        );
        causes.push(Cause::invalid(
            "spec.tls.insecureEdgeTerminationPolicy",
            policy,
            &why,
        ));
    }
    causes
}

/// What is wrong with a change.
pub(super) fn validate_update(live: &Value, route: &Value) -> Vec<Cause> {
    let policy = |r: &Value| text(r, "/spec/wildcardPolicy").to_owned();
    if policy(live) == policy(route) {
        return Vec::new();
    }
    let field = "spec.wildcardPolicy";
    vec![Cause::invalid(
        field,
        &json!(policy(route)),
        "field is immutable",
    )]
}
