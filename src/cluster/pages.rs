//! Lists over the whole cluster, a page at a time: what was read is handed on and forgotten.

use http::StatusCode;
use serde_json::Value;

use super::{
    Cluster,
    call::Call,
    obstacle,
    read::encode,
    resources::{group_path, not_served},
    snapshot::Obstacle,
};

/// Objects of one page.
const PAGE: usize = 500;
/// How often a list begins again whose place was forgotten by the server, as it is after some minutes.
const TRIES: usize = 3;

impl Cluster {
    /// Hands on every object of a kind that has these labels, with its kind written into it. Secrets keep their values.
    /// A list that has to begin again hands on some objects twice.
    pub async fn each(
        &self,
        api_version: &str,
        kind: &str,
        selector: &str,
        mut each: impl FnMut(&Value),
    ) -> Result<(), Obstacle> {
        let plural = self.resource(api_version, kind).await?.plural;
        let base = format!(
            "{}/{plural}?limit={PAGE}&labelSelector={}",
            group_path(api_version),
            encode(selector)
        );
        let what = format!("list {plural}");
        let (mut page, mut tries) = (String::new(), 0);
        loop {
            let (status, body) = self
                .send(&Call::get(&what, format!("{base}{page}")))
                .await?;
            match status {
                StatusCode::OK => {}
                StatusCode::GONE if tries < TRIES => {
                    (page, tries) = (String::new(), tries + 1);
                    continue;
                }
                StatusCode::NOT_FOUND => return Err(not_served(api_version, kind)),
                _ => return Err(obstacle::from_status(&what, status, &body, &self.server)),
            }
            let mut found = self.parsed(&what, status, &body)?;
            for item in found["items"].as_array_mut().into_iter().flatten() {
                // Items of a list don't say their kind.
                item["apiVersion"] = Value::from(api_version);
                item["kind"] = Value::from(kind);
                each(item);
            }
            match found["metadata"]["continue"].as_str() {
                Some(token) if !token.is_empty() => page = format!("&continue={}", encode(token)),
                _ => return Ok(()),
            }
        }
    }
}
