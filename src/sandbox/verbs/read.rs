//! Reading: one object, or a page of them.

use std::sync::Arc;

use base64::{
    DecodeError, Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde_json::{Value, json};

use super::{Api, key, missing};
use crate::sandbox::{
    registry::Resource,
    schema::syntax,
    status::Refusal,
    store::{Held, Key, selector::Selector},
};

/// What a list is to hold.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// What objects have to be like.
    pub selector: Selector,
    /// The most objects of one page; zero for all.
    pub limit: usize,
    /// Where the page before ended; empty for the first.
    pub after: String,
    /// The version that objects are wanted of; none for now.
    pub at: Option<u64>,
}

/// A page of a list.
#[derive(Debug, Clone)]
pub struct Listed<T> {
    /// The objects.
    pub items: Vec<T>,
    /// The version that they are of.
    pub version: u64,
    /// What the next page is asked for with; empty for the last.
    pub more: String,
    /// How many there are after this page; none where a selector makes that unknown.
    pub remaining: Option<usize>,
}

impl Api {
    /// One object.
    pub fn get(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        name: &str,
    ) -> Result<Arc<Value>, Refusal> {
        let found = self.store.get(&resource.place, &key(namespace, name));
        let found = found.ok_or_else(|| missing(resource, name))?;
        Ok(resource.seen(found))
    }

    /// A page of objects.
    pub fn list(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        wanted: &Wanted,
    ) -> Result<Listed<Arc<Value>>, Refusal> {
        let page = self.list_held(resource, namespace, wanted)?;
        let items = page.items.iter().map(|held| resource.seen(held.value()));
        Ok(Listed {
            items: items.collect(),
            version: page.version,
            more: page.more,
            remaining: page.remaining,
        })
    }

    /// A page of objects as they are kept: they take a tenth of the memory.
    pub fn list_held(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        wanted: &Wanted,
    ) -> Result<Listed<Arc<Held>>, Refusal> {
        let (at, after) = match Token::parse(&wanted.after)? {
            Some(token) => (Some(token.version), Some(token.after)),
            None => (wanted.at, None),
        };
        let page = self.store.with(|state| {
            let matches = |o: &Value| wanted.selector.matches(&resource.shown(o));
            let selects: Option<&dyn Fn(&Value) -> bool> = if wanted.selector.is_empty() {
                None
            } else {
                Some(&matches)
            };
            state.page(
                &resource.place,
                namespace,
                at,
                after.as_ref(),
                wanted.limit,
                selects,
            )
        });
        let page = page.map_err(|_| {
            Refusal::expired(
                "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.",
            )
        })?;
        let version = page.version;
        Ok(Listed {
            items: page.items,
            version,
            more: page
                .more
                .map_or_else(String::new, |after| Token { version, after }.to_text()),
            remaining: (wanted.selector.is_empty() && page.remaining > 0).then_some(page.remaining),
        })
    }
}

/// The form of tokens.
const ENCODED: &str = "meta.k8s.io/v1";
/// Base64 as Go reads it: bits that are left over don't matter.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

/// Where a page ended. Opaque to clients.
struct Token {
    version: u64,
    after: Key,
}

impl Token {
    fn parse(text: &str) -> Result<Option<Self>, Refusal> {
        if text.is_empty() {
            return Ok(None);
        }
        Self::read(text).map(Some).map_err(|why| {
            let told = format!("invalid continue token: continue key is not valid: {why}");
            Refusal::bad_request(told)
        })
    }

    fn read(text: &str) -> Result<Self, String> {
        let bytes = BASE64.decode(text).map_err(|fault| {
            let at = match fault {
                DecodeError::InvalidByte(at, _)
                | DecodeError::InvalidLastSymbol { offset: at, .. } => at,
                _ => text.len(),
            };
            format!("illegal base64 data at input byte {at}")
        })?;
        let value: Value = serde_json::from_slice(&bytes)
            .map_err(|e| syntax::problem(&bytes).unwrap_or_else(|| e.to_string()))?;
        let part = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
        let version = part("v");
        if version != ENCODED {
            return Err(format!(
                "server does not recognize this encoded version {version}"
            ));
        }
        Ok(Self {
            version: value["rv"].as_u64().unwrap_or_default(),
            after: (part("namespace"), part("name")),
        })
    }

    fn to_text(&self) -> String {
        let value = json!({"v": ENCODED, "rv": self.version, "namespace": self.after.0, "name": self.after.1});
        BASE64.encode(value.to_string())
    }
}
