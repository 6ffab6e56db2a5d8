//! Why a request through a Route or an Ingress does not arrive: the Service that it leads to, the port, and what stands behind.

use serde_json::Value;

use super::{
    object::{list, string},
    plan,
    verdict::{Cause, Finding},
};
use crate::{
    cluster::snapshot::{Answer, Read, Snapshot},
    lab::{
        model::{HttpTarget, ObjectRef},
        text::Text,
    },
};

/// What to read to say why nothing arrives.
pub(crate) fn reads(target: &HttpTarget, seen: &Snapshot) -> Vec<Read> {
    let Some(service) = Way::of(target, seen).map(|way| way.service) else {
        return Vec::new();
    };
    let slices = Read::List(plan::slices_of(&service));
    vec![Read::Object(service), slices]
}

/// Adds to a finding why nothing arrives, where the objects on the way tell.
pub(crate) fn explained(
    finding: Finding,
    target: &HttpTarget,
    seen: &Snapshot,
    client: &str,
) -> Finding {
    let Some(way) = Way::of(target, seen) else {
        return finding;
    };
    let Some((code, cause, next)) = way.obstacle(seen) else {
        return finding;
    };
    let place = way.service.namespace.as_deref().unwrap_or_default();
    let (resource, name) = (way.from.kind.to_lowercase(), &way.from.name);
    Finding {
        cause: Some(Cause { code, text: cause }),
        see: Some(format!(
            "{client} get {resource}/{name} service/{} -o yaml -n {place}",
            way.service.name
        )),
        next: Some(next),
        ..finding
    }
}

/// From a Route or an Ingress to a Service.
struct Way<'a> {
    from: &'a ObjectRef,
    service: ObjectRef,
    /// Where the port is written.
    field: &'static str,
    /// The port that is asked for; null where any will do.
    port: &'a Value,
    /// Whether the port is one of the Pods, and not of the Service.
    of_pods: bool,
}

impl<'a> Way<'a> {
    /// The way of an object that was read.
    fn of(target: &'a HttpTarget, seen: &'a Snapshot) -> Option<Self> {
        let (HttpTarget::Route(from, _) | HttpTarget::Ingress(from, _)) = target else {
            return None;
        };
        let Some(Ok(Answer::Object(found))) = seen.answers.get(&Read::Object(from.clone())) else {
            return None;
        };
        let is_route = matches!(target, HttpTarget::Route(..));
        let (name, port, field) = if is_route {
            let port = &found["spec"]["port"]["targetPort"];
            (
                string(found, "/spec/to/name")?,
                port,
                "spec.port.targetPort",
            )
        } else {
            let backend = found.pointer("/spec/rules/0/http/paths/0/backend/service")?;
            let port = &backend["port"];
            let port = port.get("number").or_else(|| port.get("name"))?;
            (backend["name"].as_str()?, port, "backend.service.port")
        };
        Some(Self {
            from,
            service: ObjectRef {
                api_version: "v1".to_owned(),
                kind: "Service".to_owned(),
                namespace: from.namespace.clone(),
                name: name.to_owned(),
            },
            field,
            port,
            of_pods: is_route,
        })
    }

    /// What is in the way: its code, the cause, and what to do.
    fn obstacle(&self, seen: &Snapshot) -> Option<(&'static str, Text, Text)> {
        let (kind, from, to) = (&self.from.kind, &self.from.name, &self.service.name);
        let service = match seen.answers.get(&Read::Object(self.service.clone()))? {
            Ok(Answer::Object(service)) => service,
            Ok(Answer::Missing) => {
                return Some((
                    "NoService",
                    Text::new(
                        format!("{kind} {from} leads to Service {to}, which is not there"),
                        format!("{kind} {from} の行き先の Service {to} がありません"),
                    ),
                    Text::new(
                        format!("make Service {to}, or name another one in the {kind}"),
                        format!("Service {to} を作るか、{kind} に別の Service を書いてください"),
                    ),
                ));
            }
            _ => return None,
        };
        if !self.has_port(service) {
            let (asked, ports) = (plain(self.port), self.ports(service));
            let field = self.field;
            return Some((
                "NoSuchPort",
                Text::new(
                    format!("{kind} {from} asks for port {asked}; Service {to} has {ports}"),
                    format!(
                        "{kind} {from} はポート {asked} を指定していますが、Service {to} にあるのは {ports} です"
                    ),
                ),
                Text::new(
                    format!("in {field} of the {kind} write a port that the Service has"),
                    format!("{kind} の {field} に、Service にあるポートを書いてください"),
                ),
            ));
        }
        let slices = seen
            .answers
            .get(&Read::List(plan::slices_of(&self.service)))?;
        let Ok(Answer::List(slices)) = slices else {
            return None;
        };
        let ready = |e: &Value| e["conditions"]["ready"] != false;
        if slices.iter().flat_map(|s| list(s, "/endpoints")).any(ready) {
            return None;
        }
        Some((
            "NoEndpoints",
            Text::new(
                format!("no ready Pod stands behind Service {to}"),
                format!("Service {to} の先に、準備のできた Pod がありません"),
            ),
            Text::new(
                "compare the Service's selector with the Pods' labels, and see whether the Pods are ready",
                "Service の selector と Pod のラベルを比べ、Pod の準備ができているか確認してください",
            ),
        ))
    }

    /// Whether a Service has the port; also where that can't be told.
    fn has_port(&self, service: &Value) -> bool {
        let ports = list(service, "/spec/ports");
        let asked = plain(self.port);
        if self.port.is_null() {
            return true;
        }
        ports.iter().any(|port| {
            let behind = behind(port);
            // Which number a port's name means to the Pods, the Service does not say.
            let unknown = self.of_pods && behind.is_string() && asked.parse::<u16>().is_ok();
            let number = if self.of_pods { behind } else { &port["port"] };
            unknown || port["name"] == *asked || plain(number) == asked
        })
    }

    /// The ports of a Service in words, as this way may ask for them.
    fn ports(&self, service: &Value) -> String {
        let one = |port: &Value| {
            let number = plain(if self.of_pods {
                behind(port)
            } else {
                &port["port"]
            });
            match port["name"].as_str() {
                Some(name) if !name.is_empty() => format!("{name} ({number})"),
                _ => number,
            }
        };
        let all: Vec<String> = list(service, "/spec/ports").iter().map(one).collect();
        all.join(", ")
    }
}

/// The Pods' port behind one of a Service.
fn behind(port: &Value) -> &Value {
    port.get("targetPort").unwrap_or(&port["port"])
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}
