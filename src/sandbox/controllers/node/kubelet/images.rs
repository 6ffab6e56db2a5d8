//! Images: which are on the node, how long a pull takes, and what a registry says.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    time::Duration,
};

use serde_json::{Value, json};

use crate::sandbox::{
    controllers::cluster::{Cluster, NODES},
    pointer::items,
    programs::{
        reference::Reference,
        table::{self, Image},
    },
    status::Refusal,
};

/// How long a pull takes of an image that is there already.
const CHECKED: Duration = Duration::from_millis(310);
/// How long it takes until a registry has refused.
const REFUSED: Duration = Duration::from_millis(900);
/// The most images that a node tells of.
const MOST_TOLD: usize = 50;

/// Whether an image is on a node.
pub(super) fn is_present(node: &Value, name: &Reference) -> bool {
    let full = name.full();
    let named = |image: &Value| items(&image["names"]).iter().any(|n| *n == full.as_str());
    items(&node["status"]["images"]).iter().any(named)
}

/// How long a pull takes.
pub(super) fn pull_time(name: &Reference, present: bool) -> Duration {
    match table::find(name).filter(|i| i.refused.is_empty()) {
        Some(_) if present => CHECKED,
        // No two pulls take the same time.
        Some(image) => {
            let percent =
                90.0 + f64::from(u8::try_from(hash(&name.full(), 0) % 21).unwrap_or_default());
            let millis = (image.pull * 10.0 * percent).round();
            Duration::try_from_secs_f64(millis / 1000.0).unwrap_or(CHECKED)
        }
        None => REFUSED,
    }
}

/// The image, or what the registry says.
pub(super) fn pulled(name: &Reference) -> Result<&'static Image, String> {
    let full = name.full();
    let failed = |code: &str, why: &str| {
        Err(format!(
            "rpc error: code = {code} desc = failed to pull and unpack image \"{full}\": failed to resolve reference \"{full}\": {why}"
        ))
    };
    let (domain, path) = (name.domain(), name.path());
    let host = if domain == "docker.io" {
        "registry-1.docker.io"
    } else {
        domain
    };
    let asked = format!("https://{host}/v2/{path}/manifests/{}", name.tag);
    match table::find(name) {
        Some(image) if image.refused.is_empty() => Ok(image),
        Some(image) => failed(
            "Unknown",
            &format!(
                "unexpected status from HEAD request to {asked}: {}",
                image.refused
            ),
        ),
        None if table::has_repository(name) => failed("NotFound", &format!("{full}: not found")),
        None if domain == "docker.io" => failed(
            "Unknown",
            "pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed",
        ),
        None if domain.starts_with("localhost") => {
            let port = domain.split_once(':').map_or("443", |(_, port)| port);
            failed(
                "Unknown",
                &format!(
                    "failed to do request: Head \"https://{domain}/v2/{path}/manifests/{}\": dial tcp 127.0.0.1:{port}: connect: connection refused",
                    name.tag
                ),
            )
        }
        None if domain == "quay.io" => failed(
            "Unknown",
            &format!("unexpected status from HEAD request to {asked}: 401 UNAUTHORIZED"),
        ),
        None if is_registry(domain) => failed(
            "Unknown",
            &format!("unexpected status from HEAD request to {asked}: 403 Forbidden"),
        ),
        None => {
            let server = domain.split(':').next().unwrap_or_default();
            failed(
                "Unknown",
                &format!(
                    "failed to do request: Head \"{asked}\": dial tcp: lookup {server} on 10.96.0.10:53: no such host"
                ),
            )
        }
    }
}

fn is_registry(domain: &str) -> bool {
    [
        "ghcr.io",
        "gcr.io",
        "registry.k8s.io",
        "registry.redhat.io",
        "registry.access.redhat.com",
        "public.ecr.aws",
        "mcr.microsoft.com",
    ]
    .contains(&domain)
}

/// An image's digest: always the same for a name.
pub(super) fn digest(name: &Reference) -> String {
    if !name.digest.is_empty() {
        return name.digest.clone();
    }
    let full = name.full();
    let parts = [0, 1, 2, 3].map(|part| format!("{:016x}", hash(&full, part)));
    format!("sha256:{}", parts.concat())
}

/// The image's id in a status.
pub(super) fn id(name: &Reference) -> String {
    format!("{}@{}", name.repository, digest(name))
}

fn hash(text: &str, part: u8) -> u64 {
    let mut hash = DefaultHasher::new();
    (text, part).hash(&mut hash);
    hash.finish()
}

/// Tells of an image that is on a node now.
pub(super) fn keep(
    cluster: &Cluster<'_>,
    node: &str,
    name: &Reference,
    image: &Image,
) -> Result<(), Refusal> {
    let Some(node) = cluster
        .get(NODES, "", node)
        .filter(|n| !is_present(n, name))
    else {
        return Ok(());
    };
    let mut all: Vec<Value> = items(&node["status"]["images"]).to_vec();
    all.push(json!({"names": [id(name), name.full()], "sizeBytes": image.size}));
    all.sort_by_key(|i| std::cmp::Reverse(i["sizeBytes"].as_u64()));
    all.truncate(MOST_TOLD);
    cluster.merge_status(NODES, &node, &json!({"status": {"images": all}}))?;
    Ok(())
}

/// A time as Go prints it, in whole milliseconds: `1.852s`, `310ms`.
pub(super) fn took(time: Duration) -> String {
    let millis = time.as_millis();
    if millis < 1000 {
        return format!("{millis}ms");
    }
    let text = format!("{}.{:03}", millis / 1000, millis % 1000);
    format!("{}s", text.trim_end_matches('0').trim_end_matches('.'))
}

/// A pause as Go prints it: `10s`, `2m40s`, `5m0s`.
pub(super) fn pause(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds < 60 {
        format!("{seconds}s")
    } else {
        format!("{}m{}s", seconds / 60, seconds % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(name: &str) -> String {
        pulled(&Reference::parse(name).unwrap()).unwrap_err()
    }

    #[test]
    fn registries_say_what_real_ones_say() {
        // As seen with containerd.
        assert_eq!(
            error("quay.io/nginx/nginx-unprivileged:1.99"),
            "rpc error: code = NotFound desc = failed to pull and unpack image \"quay.io/nginx/nginx-unprivileged:1.99\": failed to resolve reference \"quay.io/nginx/nginx-unprivileged:1.99\": quay.io/nginx/nginx-unprivileged:1.99: not found"
        );
        assert!(error("nosuch").contains("pull access denied, repository does not exist"));
        assert!(
            error("nosuch.example/a")
                .ends_with("lookup nosuch.example on 10.96.0.10:53: no such host")
        );
        assert!(error("ccnr/rate-limited").contains("429 Too Many Requests"));
    }

    #[test]
    fn times_are_printed_as_go_does() {
        let millis = Duration::from_millis;
        assert_eq!(
            (took(millis(310)), took(millis(1800)), took(millis(2000))),
            ("310ms".to_owned(), "1.8s".to_owned(), "2s".to_owned())
        );
        let second = Duration::from_secs;
        assert_eq!(
            (pause(second(40)), pause(second(160)), pause(second(300))),
            ("40s".to_owned(), "2m40s".to_owned(), "5m0s".to_owned())
        );
    }
}
