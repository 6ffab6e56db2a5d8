//! The `ReplicaSets` of a Deployment: the one of its template, and those of templates before.

use std::{cmp::Ordering, sync::Arc};

use http::StatusCode;
use serde_json::{Value, json};

use super::{Rollout, annotations, rolling, strategy::max_surge};
use crate::sandbox::{
    controllers::{
        cluster::{REPLICA_SETS, controlled_by, controller_of},
        workloads::{
            amount::number,
            control::ends,
            template::{self, POD_TEMPLATE_HASH},
        },
    },
    status::Refusal,
    verbs::name,
};

/// The longest name of an object.
const LONGEST_NAME: usize = 253;

/// The `ReplicaSets` of a Deployment.
pub(super) struct Sets {
    /// That of its template.
    pub(super) new: Option<Value>,
    /// The others, the oldest first.
    pub(super) old: Vec<Value>,
}

impl Sets {
    /// Finds the one of the Deployment's template.
    pub(super) fn sort(deployment: &Value, sets: &[Arc<Value>]) -> Self {
        let mut old: Vec<Value> = sets.iter().map(|s| (**s).clone()).collect();
        old.sort_by(by_age);
        let template = &deployment["spec"]["template"];
        let new = old
            .iter()
            .position(|s| template::same(&s["spec"]["template"], template));
        let new = new.map(|i| old.remove(i));
        Self { new, old }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Value> {
        self.old.iter().chain(&self.new)
    }

    pub(super) fn active(&self) -> impl Iterator<Item = &Value> {
        self.all().filter(|s| replicas(s) > 0)
    }

    /// The set of a name.
    pub(super) fn get_mut(&mut self, wanted: &str) -> Option<&mut Value> {
        let mut all = self.old.iter_mut().chain(&mut self.new);
        all.find(|s| name(s) == wanted)
    }
}

/// How many Pods a set is to have.
pub(super) fn replicas(set: &Value) -> i64 {
    number(&set["spec"]["replicas"])
}

/// Older sets first.
pub(super) fn by_age(a: &Value, b: &Value) -> Ordering {
    let created = |s: &Value| {
        let created = s["metadata"]["creationTimestamp"].as_str();
        created.unwrap_or_default().to_owned()
    };
    created(a)
        .cmp(&created(b))
        .then_with(|| name(a).cmp(name(b)))
}

impl Rollout<'_> {
    /// Sees to the set of the template and to the revision, which both carry.
    pub(super) fn sync_revision(&mut self, sets: &mut Sets, create: bool) -> Result<(), Refusal> {
        let newest = sets.old.iter().map(annotations::revision).max();
        let revision = newest.unwrap_or_default() + 1;
        match sets.new.take() {
            Some(set) => {
                sets.new = Some(set.clone());
                sets.new = Some(self.renew(set, revision)?);
            }
            None if create => sets.new = Some(self.create_set(sets, revision)?),
            None => {}
        }
        Ok(())
    }

    /// Sees to the set that is there.
    fn renew(&mut self, mut set: Value, revision: i64) -> Result<Value, Refusal> {
        let mut changed = annotations::take_over(&self.deployment, &mut set, revision);
        let least = number(&self.deployment["spec"]["minReadySeconds"]);
        if number(&set["spec"]["minReadySeconds"]) != least {
            set["spec"]["minReadySeconds"] = json!(least);
            changed = true;
        }
        if changed {
            set = (*self.cluster.update(REPLICA_SETS, set)?).clone();
        }
        let revision = annotations::revision(&set).to_string();
        let mut noted = annotations::set(&mut self.deployment, annotations::REVISION, &revision);
        if self.deadline().is_some() && self.progressing().is_none() {
            let message = format!("Found new replica set \"{}\"", name(&set));
            self.set_progressing("True", "FoundNewReplicaSet", &message);
            noted = true;
        }
        if noted {
            self.write_status()?;
        }
        Ok(set)
    }

    /// Makes the set of the template.
    fn create_set(&mut self, sets: &Sets, revision: i64) -> Result<Value, Refusal> {
        let mut set = self.blank_set();
        let wanted = if super::strategy::rolls(&self.deployment) {
            rolling::replicas_of_new(&self.deployment, sets.old.iter(), 0)
        } else {
            self.replicas()
        };
        set["spec"]["replicas"] = json!(wanted);
        annotations::take_over(&self.deployment, &mut set, revision);
        let most = self.replicas() + max_surge(&self.deployment);
        annotations::set_replicas(&mut set, self.replicas(), most);
        let (made, is_new) = match self.cluster.create(REPLICA_SETS, set.clone()) {
            Ok(made) => ((*made).clone(), true),
            Err(refusal) if refusal.code == StatusCode::CONFLICT => {
                (self.existing(&set, refusal)?, false)
            }
            Err(refusal) => return Err(self.not_created(&set, refusal)),
        };
        if is_new && wanted > 0 {
            let message = format!("Scaled up replica set {} from 0 to {wanted}", name(&made));
            self.tell(false, "ScalingReplicaSet", &message);
        }
        let revision = revision.to_string();
        let mut noted = annotations::set(&mut self.deployment, annotations::REVISION, &revision);
        if is_new && self.deadline().is_some() {
            let message = format!("Created new replica set \"{}\"", name(&made));
            self.set_progressing("True", "NewReplicaSetCreated", &message);
            noted = true;
        }
        if noted {
            self.write_status()?;
        }
        Ok(made)
    }

    /// The set of the template, without replicas.
    fn blank_set(&self) -> Value {
        let spec = &self.deployment["spec"];
        let collisions = self.deployment["status"]["collisionCount"].as_i64();
        let hash = template::hash(&spec["template"], collisions);
        let (mut template, mut selector) = (spec["template"].clone(), spec["selector"].clone());
        template["metadata"]["labels"][POD_TEMPLATE_HASH] = json!(hash);
        selector["matchLabels"][POD_TEMPLATE_HASH] = json!(hash);
        let longest = LONGEST_NAME - 1 - hash.len();
        let base: String = name(&self.deployment).chars().take(longest).collect();
        let mut set = json!({
            "apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {
                "name": format!("{base}-{hash}"), "namespace": self.deployment["metadata"]["namespace"],
                "labels": template["metadata"]["labels"], "ownerReferences": [controlled_by(&self.deployment)],
            },
            "spec": {"replicas": 0, "selector": selector, "template": template},
        });
        let least = number(&spec["minReadySeconds"]);
        if least > 0 {
            set["spec"]["minReadySeconds"] = json!(least);
        }
        set
    }

    /// The set that has the name already, if it is ours; else the next try has another hash.
    fn existing(&mut self, set: &Value, refusal: Refusal) -> Result<Value, Refusal> {
        let metadata = &set["metadata"];
        let namespace = metadata["namespace"].as_str().unwrap_or_default();
        let found = self.cluster.get(REPLICA_SETS, namespace, name(set));
        let found = found.ok_or(refusal.clone())?;
        let ours =
            controller_of(&found).is_some_and(|r| r["uid"] == self.deployment["metadata"]["uid"]);
        if ours && template::same(&found["spec"]["template"], &set["spec"]["template"]) {
            return Ok((*found).clone());
        }
        let collisions = number(&self.deployment["status"]["collisionCount"]) + 1;
        self.deployment["status"]["collisionCount"] = json!(collisions);
        self.write_status()?;
        Err(refusal)
    }

    fn not_created(&mut self, set: &Value, refusal: Refusal) -> Refusal {
        if ends(&refusal) {
            return refusal;
        }
        let message = format!(
            "Failed to create new replica set \"{}\": {}",
            name(set),
            refusal.message
        );
        if self.deadline().is_some() {
            self.set_progressing("False", "ReplicaSetCreateError", &message);
            if let Err(refusal) = self.write_status() {
                return refusal;
            }
        }
        self.tell(true, "ReplicaSetCreateError", &message);
        refusal
    }
}
