//! Reading: one object, or a page of them.

use std::sync::Arc;

use base64::{
    DecodeError, Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde_json::{Value, json};

use super::{Api, key, missing, name};
use crate::sandbox::{
    registry::Resource,
    schema::syntax,
    status::Refusal,
    store::{Held, Key, NoPage, Page, selector::Selector},
};

/// How many objects are looked at in one go for a page of those that are selected, at least.
const AT_ONCE: usize = 500;

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
    /// The version that objects may not be older than.
    pub least: Option<u64>,
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
        self.reached(wanted.least.unwrap_or_default())?;
        let page = if wanted.selector.is_empty() {
            let (after, limit) = (after.as_ref(), wanted.limit);
            self.store
                .with(|state| state.page(&resource.place, namespace, at, after, limit))
        } else {
            self.selected(resource, namespace, wanted, (at, after))
        };
        let page = page.map_err(|why| match why {
            NoPage::Later { current } => {
                Refusal::version_too_large(at.unwrap_or_default(), current)
            }
            NoPage::Forgotten => Refusal::expired(
                "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.",
            ),
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

    /// Refuses a version that has not been reached.
    pub fn reached(&self, version: u64) -> Result<(), Refusal> {
        let current = self.store.with(|state| state.version());
        if version > current {
            return Err(Refusal::version_too_large(version, current));
        }
        Ok(())
    }

    /// A page of the objects that are selected: they are read and looked at while others may use the store.
    fn selected(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        wanted: &Wanted,
        (mut at, mut after): (Option<u64>, Option<Key>),
    ) -> Result<Page, NoPage> {
        let limit = wanted.limit;
        let at_once = if limit == 0 { 0 } else { limit.max(AT_ONCE) };
        let mut selected = Page::default();
        let mut last = None;
        loop {
            let place = &resource.place;
            let page = self
                .store
                .with(|state| state.page(place, namespace, at, after.as_ref(), at_once))?;
            selected.version = page.version;
            for held in page.items {
                let object = held.value();
                if !wanted.selector.matches(&resource.shown(&object)) {
                    continue;
                }
                if limit > 0 && selected.items.len() == limit {
                    selected.more = last;
                    return Ok(selected);
                }
                last = Some(key(object["metadata"]["namespace"].as_str(), name(&object)));
                selected.items.push(held);
            }
            if page.more.is_none() {
                return Ok(selected);
            }
            (at, after) = (Some(page.version), page.more);
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::{clock::Clock, registry::Registry, verbs::How};

    fn api_with(names: &[&str]) -> (Api, Arc<Resource>) {
        let api = Api::new(Registry::kubernetes(), Clock::of_machine());
        let maps = api.registry().get("", "v1", "configmaps").unwrap();
        for name in names {
            let labels = json!({"even": (name.len() % 2 == 0).to_string()});
            let object = json!({"metadata": {"name": name, "labels": labels}});
            api.create(&maps, Some("default"), object, &How::by("test"))
                .unwrap();
        }
        (api, maps)
    }

    fn names(listed: &Listed<Arc<Value>>) -> Vec<&str> {
        listed.items.iter().map(|o| name(o)).collect()
    }

    #[test]
    fn pages_of_what_is_selected_go_on_where_they_ended() {
        let (api, maps) = api_with(&["a", "bb", "c", "dd", "eeee"]);
        let mut wanted = Wanted {
            selector: Selector::parse("even=true", "").unwrap(),
            limit: 2,
            ..Wanted::default()
        };
        let page = |wanted: &Wanted| api.list(&maps, Some("default"), wanted).unwrap();
        let first = page(&wanted);
        assert_eq!(names(&first), ["bb", "dd"]);
        assert_eq!(first.remaining, None);
        wanted.after = first.more;
        let second = page(&wanted);
        assert_eq!((names(&second), second.more.as_str()), (vec!["eeee"], ""));
        // What fills the last page exactly is not followed by an empty one.
        wanted.limit = 3;
        wanted.after = String::new();
        assert_eq!(page(&wanted).more, "");
    }

    #[test]
    fn a_version_that_is_not_reached_is_refused_with_its_number() {
        let (api, maps) = api_with(&["a"]);
        let current = api.store.with(|state| state.version());
        let later = Some(current + 1);
        for wanted in [
            Wanted {
                at: later,
                ..Wanted::default()
            },
            Wanted {
                least: later,
                ..Wanted::default()
            },
        ] {
            let refusal = api.list(&maps, None, &wanted).unwrap_err();
            let told = format!(
                "Timeout: Too large resource version: {}, current: {current}",
                current + 1
            );
            assert_eq!(refusal.message, told);
            assert_eq!((refusal.awaits(), refusal.code.as_u16()), (later, 504));
        }
    }
}
