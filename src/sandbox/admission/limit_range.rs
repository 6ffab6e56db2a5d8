//! What containers, Pods and claims of a namespace get and may have.
//! <https://github.com/kubernetes/kubernetes/blob/master/plugin/pkg/admission/limitranger/admission.go>

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};

use super::{Request, items, items_mut};
use crate::sandbox::{
    quota::{self, Amounts},
    registry,
    schema::amount::Amount,
    status::Refusal,
    store::State,
};

/// What was filled in, for people.
const ANNOTATION: &str = "kubernetes.io/limit-ranger";

fn ranges(state: &State, request: &Request<'_>) -> Vec<Arc<Value>> {
    let place = registry::place("", "limitranges");
    state.list(&place, request.namespace).collect()
}

/// Fills in the requests and limits that the containers of a Pod do not name.
pub(super) fn fill(state: &State, request: &Request<'_>, pod: &mut Value) {
    if !request.creates("", "pods") {
        return;
    }
    for range in ranges(state, request) {
        let mut told = Vec::new();
        let defaults = |field: &str| {
            let limits = items(&range["spec"], "limits").iter();
            let of_containers = limits.filter(|l| l["type"] == "Container");
            let all = of_containers.filter_map(|l| l[field].as_object());
            let all = all.flatten().map(|(k, v)| (k.clone(), v.clone()));
            all.collect::<BTreeMap<String, Value>>()
        };
        let (requests, limits) = (defaults("defaultRequest"), defaults("default"));
        for (list, what) in [
            ("containers", "container"),
            ("initContainers", "init container"),
        ] {
            for container in items_mut(&mut pod["spec"], list) {
                let named = container["name"].as_str().unwrap_or_default().to_owned();
                let resources = &mut container["resources"];
                let limits = given(resources, "limits", &limits);
                let requests = given(resources, "requests", &requests);
                for (set, kind) in [(requests, "request"), (limits, "limit")] {
                    if !set.is_empty() {
                        told.push(format!("{} {kind} for {what} {named}", set.join(", ")));
                    }
                }
            }
        }
        if !told.is_empty() {
            let told = format!("LimitRanger plugin set: {}", told.join("; "));
            pod["metadata"]["annotations"][ANNOTATION] = json!(told);
        }
    }
}

/// Sets what is not given; gives what that was.
fn given(resources: &mut Value, kind: &str, defaults: &BTreeMap<String, Value>) -> Vec<String> {
    let mut set = Vec::new();
    for (name, amount) in defaults {
        if resources[kind].get(name).is_none() {
            resources[kind][name] = amount.clone();
            set.push(name.clone());
        }
    }
    set
}

/// Refuses what is less or more than it may be.
pub(super) fn check(state: &State, request: &Request<'_>, object: &Value) -> Result<(), Refusal> {
    let pod = request.creates("", "pods");
    let claim = request.is_about("", "persistentvolumeclaims")
        && request.operation != super::Operation::Delete;
    if !pod && !claim {
        return Ok(());
    }
    for range in ranges(state, request) {
        let mut wrong: Vec<String> = Vec::new();
        for limit in items(&range["spec"], "limits") {
            match limit["type"].as_str() {
                Some("Container") if pod => {
                    for list in ["containers", "initContainers"] {
                        for container in items(&object["spec"], list) {
                            let of = |kind: &str| quota::read(&container["resources"][kind]);
                            wrong.extend(problems(limit, &of("requests"), &of("limits")));
                        }
                    }
                }
                Some("Pod") if pod => {
                    let of = |kind: &str| quota::of_containers(object, kind);
                    wrong.extend(problems(limit, &of("requests"), &of("limits")));
                }
                Some("PersistentVolumeClaim") if claim => {
                    let requests = quota::read(&object["spec"]["resources"]["requests"]);
                    wrong.extend(claim_problems(limit, &requests));
                }
                _ => {}
            }
        }
        let mut told: Vec<String> = Vec::new();
        for problem in wrong {
            if !told.contains(&problem) {
                told.push(problem);
            }
        }
        match told.as_slice() {
            [] => {}
            [one] => return Err(request.forbidden(object, one)),
            all => return Err(request.forbidden(object, &format!("[{}]", all.join(", ")))),
        }
    }
    Ok(())
}

/// What is wrong with requests and limits.
fn problems(limit: &Value, requests: &Amounts, limits: &Amounts) -> Vec<String> {
    let kind = limit["type"].as_str().unwrap_or_default();
    let mut out = Vec::new();
    for (name, least) in quota::read(&limit["min"]) {
        let told = format!("minimum {name} usage per {kind} is {least}");
        out.extend(match (requests.get(&name), limits.get(&name)) {
            (None, _) => Some(format!("{told}.  No request is specified")),
            (Some(r), _) if *r < least => Some(format!("{told}, but request is {r}")),
            (_, Some(l)) if *l < least => Some(format!("{told}, but limit is {l}")),
            _ => None,
        });
    }
    for (name, most) in quota::read(&limit["max"]) {
        let told = format!("maximum {name} usage per {kind} is {most}");
        out.extend(match (requests.get(&name), limits.get(&name)) {
            (_, None) => Some(format!("{told}.  No limit is specified")),
            (_, Some(l)) if *l > most => Some(format!("{told}, but limit is {l}")),
            (Some(r), _) if *r > most => Some(format!("{told}, but request is {r}")),
            _ => None,
        });
    }
    for (name, ratio) in quota::read(&limit["maxLimitRequestRatio"]) {
        let told = format!("{name} max limit to request ratio per {kind} is {ratio}");
        let some = |a: Option<&Amount>| a.copied().filter(|a| !a.is_zero());
        out.extend(match (some(requests.get(&name)), some(limits.get(&name))) {
            (None, _) => Some(format!(
                "{told}, but no request is specified or request is 0"
            )),
            (_, None) => Some(format!("{told}, but no limit is specified or limit is 0")),
            (Some(r), Some(l)) => {
                let is = l.ratio(r);
                let most = ratio.ratio(Amount::of(1));
                (is > most).then(|| format!("{told}, but provided ratio is {is:.6}"))
            }
        });
    }
    out
}

/// What is wrong with the requests of a claim.
fn claim_problems(limit: &Value, requests: &Amounts) -> Vec<String> {
    let least = json!({"type": limit["type"], "min": limit["min"]});
    let mut out = problems(&least, requests, &Amounts::new());
    for (name, most) in quota::read(&limit["max"]) {
        let told = format!("maximum {name} usage per PersistentVolumeClaim is {most}");
        out.extend(match requests.get(&name) {
            None => Some(format!("{told}.  No request is specified")),
            Some(r) if *r > most => Some(format!("{told}, but request is {r}")),
            _ => None,
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_little_too_much_or_too_far_apart_is_told() {
        let limit = json!({"type": "Container", "min": {"cpu": "100m"}, "max": {"memory": "1Gi"}, "maxLimitRequestRatio": {"cpu": "2"}});
        let amounts = |list: Value| quota::read(&list);
        let (requests, limits) = (
            amounts(json!({"cpu": "50m"})),
            amounts(json!({"cpu": "1", "memory": "2Gi"})),
        );
        assert_eq!(
            problems(&limit, &requests, &limits),
            [
                "minimum cpu usage per Container is 100m, but request is 50m",
                "maximum memory usage per Container is 1Gi, but limit is 2Gi",
                "cpu max limit to request ratio per Container is 2, but provided ratio is 20.000000",
            ]
        );
        assert_eq!(
            problems(&limit, &Amounts::new(), &Amounts::new())[..2],
            [
                "minimum cpu usage per Container is 100m.  No request is specified",
                "maximum memory usage per Container is 1Gi.  No limit is specified",
            ]
        );
    }
}
