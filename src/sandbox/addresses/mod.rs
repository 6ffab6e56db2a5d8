//! The addresses and ports that Services get from the cluster.
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/registry/core/service/storage/alloc.go>

mod node_ports;
mod update;

use std::net::Ipv4Addr;

use serde_json::{Value, json};

use super::{
    admission::{Operation, Request},
    registry,
    status::{About, Cause, Refusal},
    store::{Fact, State},
    verbs::name,
};

/// `10.96.0.0/16`.
const NETWORK: u32 = 0x0a60_0000;
const SIZE: u32 = 1 << 16;
const RANGE: &str = "10.96.0.0/16";
/// Addresses that are given out only to those who ask for them: the first ones.
/// <https://kubernetes.io/docs/concepts/services-networking/cluster-ip-allocation/>
const ASKED_FOR: u32 = 256;
/// How often an address is guessed before the rest is looked through.
const GUESSES: usize = 64;

/// What a Service says in vain.
pub(super) fn warnings(request: &Request<'_>, service: &Value) -> Vec<String> {
    let said = service["spec"]["externalName"]
        .as_str()
        .is_some_and(|n| !n.is_empty());
    let vain = request.is_about("", "services") && said && !is(service, "ExternalName");
    let told = vain
        .then(|| "spec.externalName is ignored when spec.type is not \"ExternalName\"".to_owned());
    told.into_iter().collect()
}

/// Gives a Service what it needs; refuses what others have.
pub(super) fn allocate(
    state: &State,
    request: &Request<'_>,
    service: &mut Value,
) -> Result<(), Refusal> {
    if !request.is_about("", "services") || request.operation == Operation::Delete {
        return Ok(());
    }
    if let Some(before) = request.before {
        update::keep(before, service);
    }
    if is(service, "ExternalName") {
        return Ok(());
    }
    normalize(service);
    families(service, request.before).map_err(|cause| refusal(service, cause))?;
    if let Some(before) = request.before {
        // An address that is there stays: its change is refused by validation.
        if !address(before).is_empty() {
            return node_ports::allocate(state, Some(before), service);
        }
    }
    cluster_ip(state, service)?;
    node_ports::allocate(state, request.before, service)
}

fn is(service: &Value, kind: &str) -> bool {
    service["spec"]["type"] == kind
}

/// The address of a Service; empty where it has none, `None` where it is to have none.
fn address(service: &Value) -> &str {
    service["spec"]["clusterIP"].as_str().unwrap_or_default()
}

fn refusal(service: &Value, cause: Cause) -> Refusal {
    let about = About {
        group: "",
        resource: "Service",
    };
    Refusal::invalid(about, name(service), vec![cause])
}

/// The one address and the list of addresses say the same.
fn normalize(service: &mut Value) {
    let one = address(service).to_owned();
    let list = service["spec"]["clusterIPs"].as_array();
    let first = list.and_then(|l| l.first()?.as_str()).map(str::to_owned);
    match (one.as_str(), first) {
        ("", Some(first)) => service["spec"]["clusterIP"] = json!(first),
        ("", None) => {}
        (one, None) => service["spec"]["clusterIPs"] = json!([one]),
        _ => {}
    }
}

/// Which families of addresses a Service has: one, in a cluster of IPv4.
fn families(service: &mut Value, before: Option<&Value>) -> Result<(), Cause> {
    let no_selector = service["spec"]["selector"]
        .as_object()
        .is_none_or(serde_json::Map::is_empty);
    let free = address(service) == "None" && no_selector;
    if service["spec"]["ipFamilyPolicy"].is_null() {
        let before = before
            .map(|b| &b["spec"]["ipFamilyPolicy"])
            .filter(|p| p.is_string());
        let policy = if free {
            "RequireDualStack"
        } else {
            "SingleStack"
        };
        service["spec"]["ipFamilyPolicy"] = before.cloned().unwrap_or_else(|| json!(policy));
    }
    let policy = service["spec"]["ipFamilyPolicy"].clone();
    let mut families = service["spec"]["ipFamilies"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    if policy == "SingleStack" && families.len() > 1 {
        let why = "must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified";
        return Err(Cause::invalid("spec.ipFamilyPolicy", &policy, why));
    }
    if free {
        if families.is_empty() {
            families.push(json!("IPv4"));
        }
        if families.len() < 2 && policy != "SingleStack" {
            let other = if families[0] == "IPv4" {
                "IPv6"
            } else {
                "IPv4"
            };
            families.push(json!(other));
        }
    } else {
        if policy == "RequireDualStack" {
            let why = "this cluster is not configured for dual-stack services";
            return Err(Cause::invalid("spec.ipFamilyPolicy", &policy, why));
        }
        if let Some(i) = families.iter().position(|f| f != "IPv4") {
            let field = format!("spec.ipFamilies[{i}]");
            return Err(Cause::invalid(
                field,
                &families[i],
                "not configured on this cluster",
            ));
        }
        if families.is_empty() {
            families.push(json!("IPv4"));
        }
    }
    service["spec"]["ipFamilies"] = json!(families);
    Ok(())
}

/// Gives a Service the address that it asks for, or any.
fn cluster_ip(state: &State, service: &mut Value) -> Result<(), Refusal> {
    let wanted = address(service).to_owned();
    if wanted == "None" {
        return Ok(());
    }
    let services = registry::place("", "services");
    let is_taken = |number: u32| {
        let address = Ipv4Addr::from(number).to_string();
        state.count_known(&services, &Fact::HasAddress(address)) > 0
    };
    let given = if wanted.is_empty() {
        let free = free(is_taken).ok_or_else(|| {
            let why = "failed to allocate a serviceIP: range is full";
            Refusal::unexpected(format!("Internal error occurred: {why}"))
        })?;
        Ipv4Addr::from(free)
    } else {
        let list = service["spec"]["clusterIPs"].clone();
        let refuse = |why: &str| {
            let cause = Cause::invalid("spec.clusterIPs", &list, why);
            refusal(service, cause)
        };
        let Ok(asked) = wanted.parse::<Ipv4Addr>() else {
            let first = &list[0];
            let why = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
            return Err(refusal(
                service,
                Cause::invalid("spec.clusterIPs[0]", first, why),
            ));
        };
        let number = u32::from(asked);
        if !(NETWORK..NETWORK + SIZE).contains(&number) {
            let why = format!(
                "failed to allocate IP {asked}: the provided network does not match the current range"
            );
            return Err(refuse(&why));
        }
        if number == NETWORK || number == NETWORK + SIZE - 1 {
            let why = format!(
                "failed to allocate IP {asked}: the provided IP ({asked}) is not in the valid range. The range of valid IPs is {RANGE}"
            );
            return Err(refuse(&why));
        }
        if is_taken(number) {
            let why = format!("failed to allocate IP {asked}: provided IP is already allocated");
            return Err(refuse(&why));
        }
        asked
    };
    service["spec"]["clusterIP"] = json!(given.to_string());
    service["spec"]["clusterIPs"] = json!([given.to_string()]);
    Ok(())
}

/// An address that nobody has.
fn free(is_taken: impl Fn(u32) -> bool) -> Option<u32> {
    let upper = NETWORK + ASKED_FOR..NETWORK + SIZE - 1;
    let guess = || fastrand::u32(upper.clone());
    let mut guesses = std::iter::repeat_with(guess).take(GUESSES);
    let is_free = |a: &u32| !is_taken(*a);
    guesses
        .find(is_free)
        .or_else(|| upper.clone().find(is_free))
        .or_else(|| (NETWORK + 1..upper.start).find(is_free))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_first_addresses_are_given_last() {
        let mut taken: HashSet<u32> = (NETWORK + ASKED_FOR..NETWORK + SIZE - 1).collect();
        let first = |taken: &HashSet<u32>| free(|a| taken.contains(&a));
        assert_eq!(first(&taken), Some(NETWORK + 1));
        taken.remove(&(NETWORK + 700));
        assert_eq!(first(&taken), Some(NETWORK + 700));
        assert!(first(&HashSet::new()).unwrap() >= NETWORK + ASKED_FOR);
        taken.extend(NETWORK..NETWORK + SIZE);
        assert_eq!(first(&taken), None);
    }

    #[test]
    fn a_headless_service_that_selects_nothing_is_of_both_families() {
        let mut service = json!({"spec": {"clusterIP": "None"}});
        families(&mut service, None).unwrap();
        assert_eq!(service["spec"]["ipFamilies"], json!(["IPv4", "IPv6"]));
        let mut service =
            json!({"spec": {"ipFamilyPolicy": "RequireDualStack", "selector": {"a": "b"}}});
        let refused = families(&mut service, None).unwrap_err();
        assert!(
            refused
                .message
                .ends_with("not configured for dual-stack services")
        );
    }
}
