//! Lists over the whole cluster, a page at a time: what was read is handed on and forgotten.

use http::StatusCode;
use serde_json::Value;

use super::{
    Cluster,
    call::Call,
    obstacle,
    read::encode,
    redact,
    resources::{group_path, not_served},
    snapshot::Obstacle,
};

/// Objects of one page.
const PAGE: usize = 500;
/// How often a list begins again whose place was forgotten by the server, as it is after some minutes.
const TRIES: usize = 3;

/// Objects of one kind in all namespaces.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Wide {
    /// `apiVersion`.
    pub api_version: String,
    /// `kind`.
    pub kind: String,
    /// Label selector.
    pub labels: Option<String>,
    /// Field selector.
    pub fields: Option<String>,
}

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
        let wide = Wide {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            labels: Some(selector.to_owned()),
            fields: None,
        };
        self.paged(&wide, |object| each(&object)).await?;
        Ok(())
    }

    /// Hands on every such object, Secrets without their values; gives the resource version that a watch goes on from.
    pub async fn all_of(
        &self,
        wide: &Wide,
        mut each: impl FnMut(Value),
    ) -> Result<String, Obstacle> {
        let hide = |mut object: Value| {
            redact::secrets(&mut object);
            each(object);
        };
        self.paged(wide, hide).await
    }

    /// The path of a kind in all namespaces, with its selectors.
    pub(super) async fn wide_path(&self, wide: &Wide) -> Result<(String, String), Obstacle> {
        let plural = self.resource(&wide.api_version, &wide.kind).await?.plural;
        let mut query = String::new();
        for (name, selector) in [
            ("labelSelector", &wide.labels),
            ("fieldSelector", &wide.fields),
        ] {
            if let Some(selector) = selector {
                query = format!("{query}&{name}={}", encode(selector));
            }
        }
        let path = format!("{}/{plural}", group_path(&wide.api_version));
        Ok((path, query))
    }

    async fn paged(&self, wide: &Wide, mut each: impl FnMut(Value)) -> Result<String, Obstacle> {
        let (path, query) = self.wide_path(wide).await?;
        let base = format!("{path}?limit={PAGE}{query}");
        let what = format!("list {}s", wide.kind);
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
                StatusCode::NOT_FOUND => return Err(not_served(&wide.api_version, &wide.kind)),
                _ => return Err(obstacle::from_status(&what, status, &body, &self.server)),
            }
            let mut found = self.parsed(&what, status, &body)?;
            let items = found["items"].as_array_mut().map(std::mem::take);
            for mut item in items.into_iter().flatten() {
                // Items of a list don't say their kind.
                item["apiVersion"] = Value::from(wide.api_version.as_str());
                item["kind"] = Value::from(wide.kind.as_str());
                each(item);
            }
            let meta = &found["metadata"];
            match meta["continue"].as_str() {
                Some(token) if !token.is_empty() => page = format!("&continue={}", encode(token)),
                _ => {
                    return Ok(meta["resourceVersion"]
                        .as_str()
                        .unwrap_or_default()
                        .to_owned());
                }
            }
        }
    }
}
