//! One instructor at a time: a Lease in the class's namespace is held while the class is changed.
//! <https://kubernetes.io/docs/concepts/architecture/leases/>

use std::time::Duration;

use http::{Method, StatusCode};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};

use super::{
    Error,
    model::{Class, home},
};
use crate::cluster::{
    Cluster,
    apply::MANAGER,
    call::Call,
    obstacle,
    project::{CLASS, MANAGED_BY},
    snapshot::Obstacle,
};

/// How long a holder that says nothing keeps it.
const DURATION: Duration = Duration::from_secs(30);
/// How often the holder says that it is there.
const RENEWAL: Duration = Duration::from_secs(8);
const NAME: &str = "class";

/// Somebody else is at work on the class.
#[derive(Debug, thiserror::Error)]
#[error(
    "{holder} is changing class {class} (last heard of {age} s ago); try again when that is done"
)]
pub struct Taken {
    /// Who.
    pub holder: String,
    /// The class.
    pub class: String,
    /// How many seconds ago.
    pub age: i64,
}

/// The lease, held until it is given back. Who ends without that loses it after a while.
pub struct Held {
    cluster: Cluster,
    path: String,
    holder: String,
    renewal: tokio::task::JoinHandle<()>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.renewal.abort();
    }
}

/// Takes the lease of a class whose namespace is there.
pub async fn take(cluster: &Cluster, class: &Class) -> Result<Held, Error> {
    let user = cluster.identity().await?.name;
    // Two commands of the same person are two holders.
    let holder = format!("{user} ({:06x})", fastrand::u32(..0x100_0000));
    let group = "/apis/coordination.k8s.io/v1/namespaces";
    let path = format!("{group}/{}/leases", home(&class.name));
    let what = format!("take the lease of class {}", class.name);
    loop {
        let (status, body) = cluster
            .send(&Call::get(&what, format!("{path}/{NAME}")))
            .await?;
        let wanted = match status {
            StatusCode::NOT_FOUND => None,
            StatusCode::OK => Some(cluster.parsed(&what, status, &body)?),
            _ => return Err(obstacle::from_status(&what, status, &body, &cluster.server).into()),
        };
        let now = cluster.now();
        // The answer to a first attempt may have been lost.
        if wanted
            .as_ref()
            .is_some_and(|w| w["spec"]["holderIdentity"] == holder.as_str())
        {
            break;
        }
        if let Some(found) = &wanted
            && let Some((other, age)) = held_by_other(found, now)
        {
            return Err(Taken {
                holder: other,
                class: class.name.clone(),
                age,
            }
            .into());
        }
        let object = lease(class, &holder, now, wanted.as_ref());
        let call = match wanted {
            None => Call::change(
                &what,
                Method::POST,
                format!("{path}?fieldManager={MANAGER}"),
                JSON,
                &object,
            ),
            Some(_) => Call::change(
                &what,
                Method::PUT,
                format!("{path}/{NAME}?fieldManager={MANAGER}"),
                JSON,
                &object,
            ),
        };
        let (status, body) = cluster.send(&call).await?;
        match status {
            // Somebody was faster: look again who.
            StatusCode::CONFLICT => {}
            s if s.is_success() => break,
            _ => return Err(obstacle::from_status(&what, status, &body, &cluster.server).into()),
        }
    }
    let path = format!("{path}/{NAME}");
    let renewal = tokio::spawn(renew(cluster.clone(), path.clone(), holder.clone()));
    Ok(Held {
        cluster: cluster.clone(),
        path,
        holder,
        renewal,
    })
}

const JSON: &str = "application/json";
const MERGE: &str = "application/merge-patch+json";

async fn renew(cluster: Cluster, path: String, holder: String) {
    loop {
        tokio::time::sleep(RENEWAL).await;
        let merge = json!({"spec": {"holderIdentity": holder, "renewTime": micro(cluster.now())}});
        let call = Call::change(
            "renew the lease of the class",
            Method::PATCH,
            &path,
            MERGE,
            &merge,
        );
        // One that is missed is made up for by the next.
        if let Err(error) = cluster.send(&call).await {
            tracing::debug!("{error}");
        }
    }
}

impl Held {
    /// Gives it back, unless the class is gone with it.
    pub async fn give_back(self) -> Result<(), Obstacle> {
        self.renewal.abort();
        let merge = json!({"spec": {"holderIdentity": "", "renewTime": micro(self.cluster.now())}});
        let call = Call::change(
            "give back the lease of the class",
            Method::PATCH,
            &self.path,
            MERGE,
            &merge,
        );
        tracing::debug!("{} gives the lease back", self.holder);
        self.cluster.send(&call).await.map(drop)
    }
}

/// Who else holds it, and since how many seconds nothing was heard of them.
fn held_by_other(lease: &Value, now: Timestamp) -> Option<(String, i64)> {
    let holder = lease["spec"]["holderIdentity"]
        .as_str()
        .filter(|h| !h.is_empty())?;
    let renewed: Timestamp = lease["spec"]["renewTime"].as_str()?.parse().ok()?;
    let lasts = lease["spec"]["leaseDurationSeconds"].as_i64()?;
    let age = now.as_second() - renewed.as_second();
    (age < lasts).then(|| (holder.to_owned(), age.max(0)))
}

fn lease(class: &Class, holder: &str, now: Timestamp, found: Option<&Value>) -> Value {
    let mut metadata = json!({
        "name": NAME, "namespace": class.home(),
        "labels": {MANAGED_BY: "ccnr", CLASS: class.name},
    });
    if let Some(found) = found {
        // Who wrote in between makes this a conflict.
        metadata["resourceVersion"] = found["metadata"]["resourceVersion"].clone();
    }
    json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata,
        "spec": {
            "holderIdentity": holder, "leaseDurationSeconds": DURATION.as_secs(),
            "acquireTime": micro(now), "renewTime": micro(now),
        },
    })
}

/// A time as `MicroTime` is written.
fn micro(time: Timestamp) -> String {
    let utc = time.to_zoned(TimeZone::UTC);
    utc.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_that_says_nothing_loses_it() {
        let now: Timestamp = "2026-01-01T00:01:00Z".parse().unwrap();
        let lease = |renewed: &str, holder: &str| json!({"spec": {"holderIdentity": holder, "renewTime": renewed, "leaseDurationSeconds": 30}});
        let fresh = lease("2026-01-01T00:00:40.000000Z", "a");
        assert_eq!(held_by_other(&fresh, now), Some(("a".to_owned(), 20)));
        assert_eq!(
            held_by_other(&lease("2026-01-01T00:00:20.000000Z", "a"), now),
            None
        );
        assert_eq!(
            held_by_other(&lease("2026-01-01T00:00:59.000000Z", ""), now),
            None
        );
        assert_eq!(micro(now), "2026-01-01T00:01:00.000000Z");
    }
}
