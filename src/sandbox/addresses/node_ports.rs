//! Ports of the nodes that lead to Services.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use super::{is, refusal};
use crate::sandbox::{
    registry,
    status::{Cause, Refusal},
    store::{Fact, State},
};

const LOWEST: i64 = 30000;
const HIGHEST: i64 = 32767;
/// Ports that are given out only to those who ask for them.
/// <https://kubernetes.io/docs/concepts/services-networking/service/#avoid-nodeport-collisions>
const ASKED_FOR: i64 = 86;

/// Gives a Service ports of the nodes, if its type has them.
pub(super) fn allocate(
    state: &State,
    before: Option<&Value>,
    service: &mut Value,
) -> Result<(), Refusal> {
    if !has_node_ports(service) {
        return Ok(());
    }
    let services = registry::place("", "services");
    let own: HashSet<i64> = before.into_iter().flat_map(of).collect();
    let has_another = |port: i64| state.count_known(&services, &Fact::HasNodePort(port)) > 0;
    // Those that the ports before have got.
    let mut new: HashSet<i64> = HashSet::new();
    let given =
        service["spec"]["allocateLoadBalancerNodePorts"] != false || is(service, "NodePort");
    let wanted = service["spec"]["ports"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    // Ports of one number over several protocols share one.
    let mut by_port: HashMap<i64, i64> = HashMap::new();
    for (i, port) in wanted.iter().enumerate() {
        let number = port["port"].as_i64().unwrap_or_default();
        let asked = port["nodePort"].as_i64().filter(|p| *p != 0);
        let asked = asked.or_else(|| {
            let same = wanted.iter().filter(|p| p["port"] == port["port"]);
            let mut ports = same.filter_map(|p| p["nodePort"].as_i64());
            ports.find(|p| *p != 0)
        });
        if by_port.get(&number).copied() == asked && asked.is_some()
            || own.contains(&asked.unwrap_or_default())
        {
            if let Some(asked) = asked {
                service["spec"]["ports"][i]["nodePort"] = json!(asked);
            }
            continue;
        }
        let found = match (asked, by_port.get(&number)) {
            (None, Some(shared)) => *shared,
            (None, None) if !given => continue,
            (None, None) => free(|p| has_another(p) || new.contains(&p)).ok_or_else(|| {
                let why = "failed to allocate a nodePort: range is full";
                Refusal::unexpected(format!("Internal error occurred: {why}"))
            })?,
            (Some(asked), _) => {
                let refuse = |why: &str| {
                    let field = format!("spec.ports[{i}].nodePort");
                    refusal(service, Cause::invalid(field, &json!(asked), why))
                };
                if !(LOWEST..=HIGHEST).contains(&asked) {
                    return Err(refuse(&format!(
                        "provided port is not in the valid range. The range of valid ports is {LOWEST}-{HIGHEST}"
                    )));
                }
                if has_another(asked) || new.contains(&asked) {
                    return Err(refuse("provided port is already allocated"));
                }
                asked
            }
        };
        new.insert(found);
        by_port.insert(number, found);
        service["spec"]["ports"][i]["nodePort"] = json!(found);
    }
    Ok(())
}

/// Whether the type of a Service has ports of the nodes.
pub(super) fn has_node_ports(service: &Value) -> bool {
    is(service, "NodePort") || is(service, "LoadBalancer")
}

/// The ports of the nodes that a Service has.
fn of(service: &Value) -> impl Iterator<Item = i64> {
    let ports = service["spec"]["ports"].as_array().into_iter().flatten();
    let own = ports.filter_map(|p| p["nodePort"].as_i64());
    own.chain(service["spec"]["healthCheckNodePort"].as_i64())
        .filter(|p| *p != 0)
}

/// A port that nobody has.
fn free(is_taken: impl Fn(i64) -> bool) -> Option<i64> {
    let upper = LOWEST + ASKED_FOR;
    let start = fastrand::i64(upper..=HIGHEST);
    let all = (start..=HIGHEST).chain(upper..start).chain(LOWEST..upper);
    let mut all = all;
    all.find(|p| !is_taken(*p))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(ports: &Value) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"},
            "spec": {"type": "NodePort", "ports": ports},
        })
    }

    #[test]
    fn ports_of_one_number_share_one() {
        let mut both = service(
            &json!([{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}, {"port": 80}]),
        );
        allocate(&State::default(), None, &mut both).unwrap();
        let ports = &both["spec"]["ports"];
        assert_eq!(ports[0]["nodePort"], ports[1]["nodePort"]);
        assert_ne!(ports[0]["nodePort"], ports[2]["nodePort"]);
        assert!(ports[2]["nodePort"].as_i64().unwrap() >= LOWEST + ASKED_FOR);
    }

    #[test]
    fn ports_of_others_are_refused_and_own_ones_kept() {
        let mut state = State::default();
        let first = service(&json!([{"port": 80, "nodePort": 30080}]));
        let place = registry::place("", "services");
        state.put(&place, &("a".to_owned(), "s".to_owned()), first.clone());
        let mut second = first.clone();
        let refused = allocate(&state, None, &mut second).unwrap_err();
        assert_eq!(
            refused.message,
            "Service \"s\" is invalid: spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated"
        );
        allocate(&state, Some(&first), &mut second).unwrap();
        assert_eq!(second, first);
        let mut low = service(&json!([{"port": 80, "nodePort": 80}]));
        let refused = allocate(&state, None, &mut low).unwrap_err();
        assert!(
            refused
                .message
                .ends_with("The range of valid ports is 30000-32767")
        );
    }
}
