//! Which reads a check needs. Pure: equal reads of different checks are asked once.

use crate::cluster::snapshot::{Answer, Read, Snapshot, WebRef};
use crate::lab::model::{Check, Given, HttpTarget, ListRef, ObjectRef, Subject};

use super::{object, way};

/// The reads that a check is evaluated on.
#[must_use]
pub fn reads(check: &Check) -> Vec<Read> {
    match &check.subject {
        Subject::Object {
            object, condition, ..
        } => {
            let mut reads = vec![Read::Object(object.clone())];
            if condition.ready && object.kind == "Service" {
                reads.push(Read::List(slices_of(object)));
            }
            reads
        }
        Subject::Objects {
            list,
            all,
            any,
            none,
            count,
            ..
        } => {
            let filter = count.as_ref().map(|c| &c.filter);
            let conditions = [all.as_ref(), any.as_ref(), none.as_ref(), filter];
            let by_slices = conditions.into_iter().flatten().any(|c| c.ready);
            let mut reads = vec![Read::List(list.clone())];
            if by_slices && list.kind == "Service" {
                reads.push(Read::List(all_slices(list.namespace.clone())));
            }
            reads
        }
        Subject::Api { group_version, .. } => vec![Read::Api(group_version.clone())],
        Subject::Can { access, .. } => vec![Read::Access(access.clone())],
        Subject::Http { target, .. } => vec![match target {
            HttpTarget::Service(proxy) => Read::Proxy(proxy.clone()),
            HttpTarget::Route(object, _) | HttpTarget::Ingress(object, _) => {
                Read::Object(object.clone())
            }
        }],
        Subject::Metric { proxy, .. } | Subject::Promql { proxy, .. } => {
            vec![Read::Proxy(proxy.clone())]
        }
        Subject::Log { log, .. } => vec![Read::Log(log.clone())],
        Subject::Question { given, .. } => given.values().map(given_read).collect(),
    }
}

/// The read behind something that is bound to a name.
#[must_use]
pub fn given_read(given: &Given) -> Read {
    match given {
        Given::Object(object) => Read::Object(object.clone()),
        Given::List(list) => Read::List(list.clone()),
        Given::Api(group_version) => Read::Api(group_version.clone()),
    }
}

/// The reads that only the answers to the first ones name: the address behind a Route or an Ingress.
#[must_use]
pub fn follow_up(check: &Check, seen: &Snapshot) -> Vec<Read> {
    match &check.subject {
        Subject::Http { target, .. } => web_read(target, seen).map(Read::Web).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// What to ask about an object that is not ready, to say why: the Pods of a workload, and its events; and what lies on the
/// way of a request that does not arrive.
#[must_use]
pub fn evidence(check: &Check, seen: &Snapshot) -> Vec<Read> {
    let (target, condition) = match &check.subject {
        Subject::Object {
            object, condition, ..
        } => (object, condition),
        Subject::Http { target, .. } => return way::reads(target, seen),
        _ => return Vec::new(),
    };
    let Some(Ok(Answer::Object(found))) = seen.answers.get(&Read::Object(target.clone())) else {
        return Vec::new();
    };
    if !condition.ready {
        return Vec::new();
    }
    let Some(pods) = pods_of(target, found) else {
        return Vec::new();
    };
    let events = warnings_of_pods(target.namespace.clone());
    vec![Read::List(pods), Read::List(events)]
}

/// What the cluster warned of about the Pods of a project.
pub(crate) fn warnings_of_pods(namespace: Option<String>) -> ListRef {
    ListRef {
        api_version: "v1".to_owned(),
        kind: "Event".to_owned(),
        namespace,
        label_selector: None,
        field_selector: Some("involvedObject.kind=Pod,type=Warning".to_owned()),
    }
}

/// Whether a check is about one object that is not there.
#[must_use]
pub fn is_missing(check: &Check, seen: &Snapshot) -> bool {
    let Subject::Object { object, .. } = &check.subject else {
        return false;
    };
    matches!(
        seen.answers.get(&Read::Object(object.clone())),
        Some(Ok(Answer::Missing))
    )
}

/// When the newest of the objects of an answer last changed; none where there are none.
#[must_use]
pub fn changed_at(read: &Read, seen: &Snapshot) -> Option<jiff::Timestamp> {
    match seen.answers.get(read)? {
        Ok(Answer::Object(found)) => object::changed_at(found),
        Ok(Answer::List(items)) => items.iter().filter_map(object::changed_at).max(),
        _ => None,
    }
}

/// The Pods of a workload, by its own selector.
pub(crate) fn pods_of(target: &ObjectRef, found: &serde_json::Value) -> Option<ListRef> {
    let labels = match target.kind.as_str() {
        "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" => {
            found.pointer("/spec/selector/matchLabels")
        }
        "Service" => found.pointer("/spec/selector"),
        _ => None,
    };
    Some(ListRef {
        api_version: "v1".to_owned(),
        kind: "Pod".to_owned(),
        namespace: target.namespace.clone(),
        label_selector: Some(object::selector(labels)?),
        field_selector: None,
    })
}

/// The `EndpointSlices` of all Services of a project.
pub(crate) fn all_slices(namespace: Option<String>) -> ListRef {
    ListRef {
        api_version: "discovery.k8s.io/v1".to_owned(),
        kind: "EndpointSlice".to_owned(),
        namespace,
        label_selector: None,
        field_selector: None,
    }
}

/// The `EndpointSlices` of a Service.
pub(crate) fn slices_of(service: &ObjectRef) -> ListRef {
    ListRef {
        api_version: "discovery.k8s.io/v1".to_owned(),
        kind: "EndpointSlice".to_owned(),
        namespace: service.namespace.clone(),
        label_selector: Some(format!("kubernetes.io/service-name={}", service.name)),
        field_selector: None,
    }
}

/// Where a browser would go for this Route or Ingress, once its object says so.
pub(crate) fn web_read(target: &HttpTarget, seen: &Snapshot) -> Option<WebRef> {
    let (reference, path, is_route) = match target {
        HttpTarget::Service(_) => return None,
        HttpTarget::Route(object, path) => (object, path, true),
        HttpTarget::Ingress(object, path) => (object, path, false),
    };
    let Some(Ok(Answer::Object(found))) = seen.answers.get(&Read::Object(reference.clone())) else {
        return None;
    };
    if is_route {
        let host = object::string(found, "/status/ingress/0/host")?;
        return Some(WebRef {
            host: host.to_owned(),
            address: None,
            path: path.clone(),
        });
    }
    let first = "/status/loadBalancer/ingress/0";
    let address = object::string(found, &format!("{first}/ip"))
        .or_else(|| object::string(found, &format!("{first}/hostname")))?;
    let host = object::string(found, "/spec/rules/0/host").unwrap_or(address);
    Some(WebRef {
        host: host.to_owned(),
        address: Some(address.to_owned()),
        path: path.clone(),
    })
}
