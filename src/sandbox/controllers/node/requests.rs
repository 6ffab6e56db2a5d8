//! How much of a node Pods ask for.
//! <https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/>

use std::collections::BTreeMap;

use serde_json::Value;

use crate::sandbox::{pointer::items, schema::quantity};

/// Amounts by resource, in nanos.
pub type Amounts = BTreeMap<String, i128>;

/// The amounts of a list such as `{cpu: 100m}`.
#[must_use]
pub fn of_list(list: &Value) -> Amounts {
    let all = list.as_object().into_iter().flatten();
    all.filter_map(|(name, amount)| {
        let amount = match amount {
            Value::String(text) => quantity::amount(text)?,
            other => quantity::amount(&other.to_string())?,
        };
        Some((name.clone(), amount))
    })
    .collect()
}

/// What a Pod asks for: its containers together, or more while it is initialized.
#[must_use]
pub fn of_pod(pod: &Value) -> Amounts {
    let spec = &pod["spec"];
    let mut lasting = Amounts::new();
    for container in items(&spec["containers"]) {
        add(&mut lasting, &of_list(&container["resources"]["requests"]));
    }
    let (mut sidecars, mut highest) = (Amounts::new(), Amounts::new());
    for container in items(&spec["initContainers"]) {
        let own = of_list(&container["resources"]["requests"]);
        let mut meanwhile = sidecars.clone();
        add(&mut meanwhile, &own);
        if container["restartPolicy"] == "Always" {
            add(&mut sidecars, &own);
        }
        raise(&mut highest, &meanwhile);
    }
    add(&mut lasting, &sidecars);
    raise(&mut lasting, &highest);
    add(&mut lasting, &of_list(&spec["overhead"]));
    lasting
}

/// Whether a Pod has ended, so that it takes nothing of its node.
#[must_use]
pub fn has_ended(pod: &Value) -> bool {
    matches!(
        pod["status"]["phase"].as_str(),
        Some("Succeeded" | "Failed")
    )
}

/// Adds amounts to others.
pub fn add(to: &mut Amounts, more: &Amounts) {
    for (name, amount) in more {
        let sum = to.entry(name.clone()).or_default();
        *sum = sum.saturating_add(*amount);
    }
}

fn raise(to: &mut Amounts, others: &Amounts) {
    for (name, amount) in others {
        let highest = to.entry(name.clone()).or_default();
        *highest = (*highest).max(*amount);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pod_asks_for_its_containers_or_for_the_largest_init_container() {
        let cpu = |amount: &str| json!({"resources": {"requests": {"cpu": amount}}});
        let mut sidecar = cpu("1");
        sidecar["restartPolicy"] = json!("Always");
        let pod = json!({"spec": {"containers": [cpu("1"), cpu("500m")], "initContainers": [cpu("2"), sidecar, cpu("3")]}});
        assert_eq!(of_pod(&pod)["cpu"], quantity::amount("4").unwrap());
        let pod =
            json!({"spec": {"containers": [cpu("1"), cpu("500m")], "initContainers": [cpu("1")]}});
        assert_eq!(of_pod(&pod)["cpu"], quantity::amount("1500m").unwrap());
    }
}
