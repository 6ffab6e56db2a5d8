//! What "ready" means for each kind.

use serde_json::Value;

use super::object::{condition, int, list, name, string};
use crate::lab::text::Text;

/// Whether an object is ready.
#[derive(Debug, Clone, PartialEq)]
pub enum Readiness {
    /// It is.
    Ready,
    /// It is not, or not yet.
    NotYet(State),
    /// It ended in failure and will not get ready by waiting.
    Failed(State),
}

/// What was expected and what is.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// What ready would be.
    pub expected: Text,
    /// What is.
    pub observed: Text,
}

impl Readiness {
    fn of(ok: bool, expected: Text, observed: Text) -> Self {
        if ok {
            Self::Ready
        } else {
            Self::NotYet(State { expected, observed })
        }
    }
}

/// Judges `object`; `slices` are the `EndpointSlices` of a Service (empty for every other kind).
#[must_use]
pub fn readiness(object: &Value, slices: &[Value]) -> Readiness {
    if object.pointer("/metadata/deletionTimestamp").is_some() {
        return Readiness::of(
            false,
            Text::new("it is there to stay", "削除中でないこと"),
            Text::new("it is being deleted", "削除中です"),
        );
    }
    match object["kind"].as_str().unwrap_or_default() {
        "Deployment" => deployment(object),
        "ReplicaSet" => replicas(object, "/status/readyReplicas"),
        "StatefulSet" => stateful_set(object),
        "DaemonSet" => daemon_set(object),
        "Job" => job(object),
        "Pod" => pod(object),
        "PersistentVolumeClaim" => phase(object, &["Bound"], &["Lost"]),
        "Namespace" | "Project" => phase(object, &["Active"], &[]),
        "Build" => phase(object, &["Complete"], &["Failed", "Error", "Cancelled"]),
        "InstallPlan" => phase(object, &["Complete"], &["Failed"]),
        "ClusterServiceVersion" => phase(object, &["Succeeded"], &[]),
        "Subscription" => subscription(object),
        "Service" => service(object, slices),
        "Ingress" => ingress(object),
        "Route" => route(object),
        "CustomResourceDefinition" => conditions(object, &["Established"]),
        _ => conditions(object, &["Ready", "Available"]),
    }
}

/// The generation that the controller has seen, and the newest one.
fn generations(object: &Value) -> (i64, i64) {
    let newest = int(object, "/metadata/generation", 0);
    (int(object, "/status/observedGeneration", newest), newest)
}

/// Whether the controller has not seen the newest specification yet.
pub(super) fn is_stale(object: &Value) -> bool {
    let (observed, newest) = generations(object);
    observed < newest
}

fn stale(object: &Value) -> Option<Readiness> {
    let (observed, generation) = generations(object);
    is_stale(object).then(|| {
        Readiness::of(
            false,
            Text::new(
                "its controller has seen the newest change",
                "最新の変更がコントローラーに認識されていること",
            ),
            Text::new(
                format!("its controller is at generation {observed} of {generation}"),
                format!("コントローラーは世代 {observed} / {generation}"),
            ),
        )
    })
}

fn deployment(d: &Value) -> Readiness {
    if let Some(not_yet) = stale(d) {
        return not_yet;
    }
    let want = int(d, "/spec/replicas", 1);
    let updated = int(d, "/status/updatedReplicas", 0);
    let available = int(d, "/status/availableReplicas", 0);
    let total = int(d, "/status/replicas", 0);
    let expected = Text::new(
        format!("{want} available replicas of the newest version"),
        format!("最新バージョンの利用可能なレプリカ {want}"),
    );
    let observed = Text::new(
        format!("{available} available, {updated} updated, {total} in all"),
        format!("利用可能 {available}、更新済み {updated}、合計 {total}"),
    );
    let done = updated >= want && available >= want && total <= updated.max(want);
    match condition(d, "Progressing") {
        Some(c) if !done && c["reason"] == "ProgressDeadlineExceeded" => {
            Readiness::Failed(State { expected, observed })
        }
        _ => Readiness::of(done, expected, observed),
    }
}

fn stateful_set(s: &Value) -> Readiness {
    if let Some(not_yet) = stale(s) {
        return not_yet;
    }
    let current = string(s, "/status/currentRevision");
    let update = string(s, "/status/updateRevision");
    match replicas(s, "/status/readyReplicas") {
        Readiness::Ready
            if current != update && string(s, "/spec/updateStrategy/type") != Some("OnDelete") =>
        {
            Readiness::of(
                false,
                Text::new(
                    "every Pod runs the newest version",
                    "すべての Pod が最新バージョンであること",
                ),
                Text::new("an update is rolling out", "更新の途中です"),
            )
        }
        other => other,
    }
}

fn replicas(o: &Value, pointer: &str) -> Readiness {
    let want = int(o, "/spec/replicas", 1);
    let ready = int(o, pointer, 0);
    stale(o).unwrap_or_else(|| {
        Readiness::of(
            ready >= want,
            Text::new(
                format!("{want} ready replicas"),
                format!("準備完了のレプリカ {want}"),
            ),
            Text::new(format!("{ready} ready"), format!("準備完了 {ready}")),
        )
    })
}

fn daemon_set(d: &Value) -> Readiness {
    if let Some(not_yet) = stale(d) {
        return not_yet;
    }
    let want = int(d, "/status/desiredNumberScheduled", 0);
    let ready = int(d, "/status/numberReady", 0);
    let updated = int(d, "/status/updatedNumberScheduled", 0);
    Readiness::of(
        d.pointer("/status").is_some() && ready >= want && updated >= want,
        Text::new(
            format!("a ready Pod on {want} nodes"),
            format!("{want} ノードで Pod が準備完了"),
        ),
        Text::new(
            format!("{ready} ready, {updated} updated"),
            format!("準備完了 {ready}、更新済み {updated}"),
        ),
    )
}

fn job(j: &Value) -> Readiness {
    let is = |kind| condition(j, kind).is_some_and(|c| c["status"] == "True");
    let expected = Text::new("the Job is complete", "Job が完了していること");
    if is("Failed") {
        let observed = Text::new("the Job has failed", "Job が失敗しました");
        return Readiness::Failed(State { expected, observed });
    }
    Readiness::of(
        is("Complete"),
        expected,
        Text::new("the Job is not complete", "Job は未完了です"),
    )
}

fn pod(p: &Value) -> Readiness {
    let phase = string(p, "/status/phase").unwrap_or("Unknown");
    let ready = condition(p, "Ready").is_some_and(|c| c["status"] == "True");
    let waiting = list(p, "/status/containerStatuses")
        .iter()
        .find_map(|c| c.pointer("/state/waiting/reason").and_then(Value::as_str));
    let state = waiting.unwrap_or(phase);
    Readiness::of(
        ready || phase == "Succeeded",
        Text::new("the Pod is ready", "Pod が準備完了"),
        Text::new(
            format!("{} is {state}", name(p)),
            format!("{} は {state}", name(p)),
        ),
    )
}

fn phase(o: &Value, good: &[&str], bad: &[&str]) -> Readiness {
    let now = string(o, "/status/phase").unwrap_or_default();
    let shown = if now.is_empty() { "—" } else { now };
    let expected = Text::same(format!("phase {}", good.join(" / ")));
    let message = string(o, "/status/message").map_or_else(String::new, |m| format!(": {m}"));
    let observed = Text::same(format!("phase {shown}{message}"));
    if bad.contains(&now) {
        return Readiness::Failed(State { expected, observed });
    }
    Readiness::of(good.contains(&now), expected, observed)
}

fn subscription(s: &Value) -> Readiness {
    let state = string(s, "/status/state").unwrap_or_default();
    let trouble = list(s, "/status/conditions").iter().find(|c| {
        c["status"] == "True" && c["type"].as_str().is_some_and(|t| t.ends_with("Failed"))
    });
    let observed = trouble.map_or_else(
        || {
            if state.is_empty() {
                "state —".to_owned()
            } else {
                format!("state {state}")
            }
        },
        |c| c["message"].as_str().unwrap_or_default().to_owned(),
    );
    Readiness::of(
        state == "AtLatestKnown" && string(s, "/status/installedCSV").is_some(),
        Text::same("state AtLatestKnown"),
        Text::same(observed),
    )
}

fn service(s: &Value, slices: &[Value]) -> Readiness {
    let ready = slices
        .iter()
        .flat_map(|slice| list(slice, "/endpoints"))
        .filter(|e| e.pointer("/conditions/ready").and_then(Value::as_bool) != Some(false))
        .count();
    let selector =
        super::object::selector(s.pointer("/spec/selector")).unwrap_or_else(|| "—".to_owned());
    Readiness::of(
        ready > 0,
        Text::new(
            "at least one ready endpoint",
            "準備完了のエンドポイントが 1 つ以上",
        ),
        Text::new(
            format!("no ready Pod has the labels {selector}"),
            format!("ラベル {selector} を持つ準備完了の Pod がありません"),
        ),
    )
}

fn ingress(i: &Value) -> Readiness {
    let addresses = list(i, "/status/loadBalancer/ingress").len();
    Readiness::of(
        addresses > 0,
        Text::new(
            "an Ingress controller has given it an address",
            "Ingress コントローラーがアドレスを割り当てていること",
        ),
        Text::new("no address yet", "アドレスはまだありません"),
    )
}

fn route(r: &Value) -> Readiness {
    let admitted = list(r, "/status/ingress").iter().any(|i| {
        i["conditions"].as_array().is_some_and(|cs| {
            cs.iter()
                .any(|c| c["type"] == "Admitted" && c["status"] == "True")
        })
    });
    let refusal = list(r, "/status/ingress")
        .iter()
        .flat_map(|i| i["conditions"].as_array().into_iter().flatten())
        .find_map(|c| {
            (c["status"] == "False")
                .then(|| c["message"].as_str())
                .flatten()
        });
    Readiness::of(
        admitted,
        Text::new(
            "a router has admitted the Route",
            "ルーターが Route を受け入れていること",
        ),
        refusal.map_or_else(
            || Text::new("not admitted yet", "まだ受け入れられていません"),
            Text::same,
        ),
    )
}

fn conditions(o: &Value, kinds: &[&str]) -> Readiness {
    if let Some(not_yet) = stale(o) {
        return not_yet;
    }
    let found = kinds.iter().find_map(|kind| condition(o, kind));
    let wanted = kinds.join(" / ");
    let observed = found.map_or_else(
        || {
            Text::new(
                "no such condition yet",
                "該当する condition はまだありません",
            )
        },
        |c| {
            let text = |key: &str| c[key].as_str().unwrap_or_default().to_owned();
            let mut parts = vec![format!("{} {}", text("type"), text("status"))];
            parts.extend(
                [text("reason"), text("message")]
                    .into_iter()
                    .filter(|t| !t.is_empty()),
            );
            Text::same(parts.join(", "))
        },
    );
    Readiness::of(
        found.is_some_and(|c| c["status"] == "True"),
        Text::same(format!("condition {wanted} True")),
        observed,
    )
}
