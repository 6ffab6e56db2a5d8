//! The claims of a `StatefulSet`'s Pods: made before the Pod, and kept when it goes, unless the set says otherwise.

use serde_json::{Value, json};

use super::{Look, pod};
use crate::sandbox::{
    controllers::{
        cluster::{controlled_by, is_going},
        workloads::{CLAIMS, control::tell},
    },
    status::Refusal,
    verbs::name,
};

fn templates(set: &Value) -> impl Iterator<Item = &Value> {
    set["spec"]["volumeClaimTemplates"]
        .as_array()
        .into_iter()
        .flatten()
}

fn name_of(template: &Value, set: &Value, pod: &Value) -> String {
    let ordinal = pod::ordinal(pod).unwrap_or_default();
    format!("{}-{}-{ordinal}", name(template), name(set))
}

/// Gives a Pod the volumes of its claims.
pub(super) fn mount(set: &Value, pod: &mut Value) {
    let mut volumes: Vec<Value> = templates(set)
        .map(|t| {
            let claim = json!({"claimName": name_of(t, set, pod)});
            json!({"name": name(t), "persistentVolumeClaim": claim})
        })
        .collect();
    if volumes.is_empty() {
        return;
    }
    let others = pod["spec"]["volumes"].as_array().into_iter().flatten();
    let others = others.filter(|v| templates(set).all(|t| v["name"] != *name(t)));
    volumes.extend(others.cloned().collect::<Vec<_>>());
    pod["spec"]["volumes"] = json!(volumes);
}

/// Whether a Pod has the volumes of its claims.
pub(super) fn are_mounted(set: &Value, pod: &Value) -> bool {
    let volumes = pod["spec"]["volumes"].as_array();
    templates(set).all(|t| {
        let wanted = name_of(t, set, pod);
        volumes.into_iter().flatten().any(|v| {
            v["name"] == *name(t) && v["persistentVolumeClaim"]["claimName"] == wanted.as_str()
        })
    })
}

/// The claim of a template for a Pod.
fn claim(template: &Value, set: &Value, pod: &Value) -> Value {
    let mut claim = template.clone();
    claim["metadata"]["name"] = json!(name_of(template, set, pod));
    claim["metadata"]["namespace"] = set["metadata"]["namespace"].clone();
    let selected = set["spec"]["selector"]["matchLabels"].as_object();
    for (key, value) in selected.into_iter().flatten() {
        claim["metadata"]["labels"][key] = value.clone();
    }
    claim
}

impl Look<'_> {
    /// Makes the claims of a Pod that are not there.
    pub(super) fn create_claims(&self, pod: &Value) -> Result<(), Refusal> {
        let mut done = Ok(());
        for template in templates(self.set) {
            done = done.and(self.create_claim(template, pod));
        }
        done
    }

    fn create_claim(&self, template: &Value, pod: &Value) -> Result<(), Refusal> {
        let claim = claim(template, self.set, pod);
        let wanted = name(&claim).to_owned();
        let namespace = self.set["metadata"]["namespace"]
            .as_str()
            .unwrap_or_default();
        if let Some(found) = self.cluster.get(CLAIMS, namespace, &wanted) {
            if is_going(&found) {
                return Err(Refusal::unexpected(format!(
                    "pvc {wanted} is being deleted"
                )));
            }
            return Ok(());
        }
        let (pod_name, set_name) = (name(pod), name(self.set));
        match self.cluster.create(CLAIMS, claim) {
            Ok(_) => {
                let message = format!(
                    "create Claim {wanted} Pod {pod_name} in StatefulSet {set_name} success"
                );
                tell(self.cluster, self.set, false, "SuccessfulCreate", &message);
                Ok(())
            }
            Err(mut refusal) => {
                let message = format!(
                    "create Claim {wanted} for Pod {pod_name} in StatefulSet {set_name} failed error: {}",
                    refusal.message
                );
                tell(self.cluster, self.set, true, "FailedCreate", &message);
                refusal.message = format!("failed to create PVC {wanted}: {}", refusal.message);
                Err(refusal)
            }
        }
    }

    /// Sees to it that a Pod's claims go with what the set says they go with.
    pub(super) fn keep_claims(&self, pod: &Value) -> Result<(), Refusal> {
        let namespace = self.set["metadata"]["namespace"]
            .as_str()
            .unwrap_or_default();
        for template in templates(self.set) {
            let wanted = name_of(template, self.set, pod);
            let Some(claim) = self.cluster.get(CLAIMS, namespace, &wanted) else {
                continue;
            };
            let before = &claim["metadata"]["ownerReferences"];
            let owners = self.owners(before, pod);
            let after = if owners.is_empty() {
                Value::Null
            } else {
                json!(owners)
            };
            if after != *before {
                let patch = json!({"metadata": {"ownerReferences": after}});
                self.cluster.merge(CLAIMS, &claim, &patch)?;
            }
        }
        Ok(())
    }

    /// The owners of a Pod's claim.
    fn owners(&self, before: &Value, pod: &Value) -> Vec<Value> {
        let mut owners = before.as_array().cloned().unwrap_or_default();
        let ours = [&self.set["metadata"]["uid"], &pod["metadata"]["uid"]];
        owners.retain(|r| !ours.contains(&&r["uid"]));
        let policy = &self.set["spec"]["persistentVolumeClaimRetentionPolicy"];
        let ordinal = pod::ordinal(pod).unwrap_or_default() - pod::start(self.set);
        let wanted = (0..pod::count(self.set)).contains(&ordinal);
        if !wanted && policy["whenScaled"] == "Delete" {
            owners.push(controlled_by(pod));
        } else if policy["whenDeleted"] == "Delete" {
            owners.push(controlled_by(self.set));
        }
        owners
    }
}
