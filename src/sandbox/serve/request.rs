//! What a request asks for, by its method, path and query.

use http::Method;

use crate::sandbox::{go, registry::Resource, status::Refusal, store::selector::Selector};

/// The parts of a path under which resources lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The API group; empty for the core group.
    pub group: String,
    /// The version.
    pub version: String,
    /// The namespace; none for what lies in none, and for all of them.
    pub namespace: Option<String>,
    /// The plural.
    pub resource: String,
    /// The object; none for the collection.
    pub name: Option<String>,
    /// The subresource; empty for the object itself.
    pub subresource: String,
    /// What follows the subresource: the path of a proxied request.
    pub rest: String,
    /// Whether the path is the old form of a watch.
    pub watches: bool,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// One object.
    Get,
    /// Several.
    List,
    /// Several, and what becomes of them.
    Watch,
    /// A new one.
    Create,
    /// Another state for one.
    Update,
    /// A change of one.
    Patch,
    /// One less.
    Delete,
    /// All of them less.
    DeleteCollection,
}

impl Verb {
    /// As discovery and RBAC name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
            Self::DeleteCollection => "deletecollection",
        }
    }
}

/// The parameters of a query.
#[derive(Debug, Clone, Default)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads a query.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let pair = |part: &str| {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            (decode(key), decode(value))
        };
        Self(
            text.split('&')
                .filter(|p| !p.is_empty())
                .map(pair)
                .collect(),
        )
    }

    /// A parameter; empty where it is not given.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value)
    }

    /// Every value of a parameter that is given more than once.
    #[must_use]
    pub fn all(&self, name: &str) -> Vec<&str> {
        let found = self.0.iter().filter(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).collect()
    }

    /// Whether a parameter is given, whatever it says.
    #[must_use]
    pub fn is_given(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| key == name)
    }

    /// Whether a parameter is given and true, as everything is but `false` and `0`.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        let value = self.get(name);
        self.is_given(name) && value != "0" && !value.eq_ignore_ascii_case("false")
    }
}

/// The number of a version that a request names, or what is wrong with it.
pub(super) fn version(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| {
        let text = go::quoted(text);
        format!("resourceVersion: Invalid value: {text}: strconv.ParseUint: parsing {text}: invalid syntax")
    })
}

/// Text of a URL, with `%XX` and `+` replaced.
pub(super) fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let hex = |at: usize| {
            text.get(at..at + 2)
                .and_then(|h| u8::from_str_radix(h, 16).ok())
        };
        match (bytes[i], hex(i + 1)) {
            (b'%', Some(byte)) => {
                out.push(byte);
                i += 3;
                continue;
            }
            (b'+', _) => out.push(b' '),
            (other, _) => out.push(other),
        }
        i += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

impl Target {
    /// Reads a path below `/api` or `/apis`; none for one that names no resource.
    #[must_use]
    pub fn parse(path: &str) -> Option<Self> {
        let mut parts = path.split('/').filter(|p| !p.is_empty()).map(decode);
        let (group, version) = match parts.next()?.as_str() {
            "api" => (String::new(), parts.next()?),
            "apis" => (parts.next()?, parts.next()?),
            _ => return None,
        };
        let mut parts = parts.peekable();
        // The old form of a watch.
        let watches = parts.peek().is_some_and(|p| p == "watch");
        if watches {
            parts.next();
        }
        let first = parts.next()?;
        let mut target = Self {
            group,
            version,
            namespace: None,
            resource: first,
            name: parts.next(),
            subresource: String::new(),
            rest: String::new(),
            watches,
        };
        if target.resource == "namespaces" && target.name.is_some() {
            match parts.peek().map(String::as_str) {
                // What is of the namespace itself.
                None | Some("status" | "finalize") => {
                    target.namespace.clone_from(&target.name);
                }
                Some(_) => {
                    target.namespace = target.name.take();
                    target.resource = parts.next()?;
                    target.name = parts.next();
                }
            }
        }
        target.subresource = parts.next().unwrap_or_default();
        target.rest = parts.collect::<Vec<_>>().join("/");
        Some(target)
    }

    /// Refuses a namespace where a resource lies in none, and its lack where it needs one: who may something in a namespace
    /// may not do it elsewhere by another path.
    pub fn fits(&self, resource: &Resource, verb: Verb) -> Result<(), Refusal> {
        let itself = resource.group.is_empty() && resource.plural == "namespaces";
        if !resource.namespaced && self.namespace.is_some() {
            let own = itself && self.namespace == self.name;
            return if own {
                Ok(())
            } else {
                Err(Refusal::no_resource())
            };
        }
        let everywhere = matches!(verb, Verb::List | Verb::Watch) && self.name.is_none();
        if resource.namespaced && self.namespace.is_none() && !everywhere {
            return Err(Refusal::method_not_allowed());
        }
        Ok(())
    }

    /// What a method does to it.
    pub fn verb(&self, method: &Method, query: &Query) -> Result<Verb, Refusal> {
        let one = self.name.is_some();
        Ok(match *method {
            Method::GET if self.watches || (query.is("watch") && !one) => Verb::Watch,
            Method::GET if one => Verb::Get,
            Method::GET => Verb::List,
            Method::POST if !one || !self.subresource.is_empty() => Verb::Create,
            Method::PUT if one => Verb::Update,
            Method::PATCH if one => Verb::Patch,
            Method::DELETE if one => Verb::Delete,
            Method::DELETE => Verb::DeleteCollection,
            _ => return Err(Refusal::method_not_allowed()),
        })
    }

    /// The name of the object that a request is about; empty for several. Who reads several of one name asks for that one: rights
    /// to objects by their names hold for them.
    /// <https://kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-resources>
    pub(super) fn asked_for(&self, verb: Verb, query: &Query) -> String {
        let one = self.name.clone();
        let selected = || {
            let reads = matches!(verb, Verb::List | Verb::Watch);
            let selector = Selector::parse("", query.get("fieldSelector")).ok();
            selector.filter(|_| reads)?.name().map(str::to_owned)
        };
        one.or_else(selected).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_path_is_understood() {
        let parse = |path: &str| {
            let t = Target::parse(path).unwrap();
            let name = t.name.unwrap_or_default();
            let namespace = t.namespace.unwrap_or_default();
            format!(
                "{}/{} {namespace} {} {name} {} {}",
                t.group, t.version, t.resource, t.subresource, t.rest
            )
        };
        assert_eq!(parse("/api/v1/pods"), "/v1  pods   ");
        assert_eq!(parse("/api/v1/namespaces"), "/v1  namespaces   ");
        assert_eq!(parse("/api/v1/namespaces/a"), "/v1 a namespaces a  ");
        assert_eq!(
            parse("/api/v1/namespaces/a/finalize"),
            "/v1 a namespaces a finalize "
        );
        assert_eq!(
            parse("/apis/apps/v1/namespaces/a/deployments/b/scale"),
            "apps/v1 a deployments b scale "
        );
        assert_eq!(
            parse("/api/v1/namespaces/a/services/b:web/proxy/api/v1/query"),
            "/v1 a services b:web proxy api/v1/query"
        );
        assert_eq!(parse("/api/v1/watch/namespaces/a/pods"), "/v1 a pods   ");
        let watch = Target::parse("/api/v1/watch/namespaces/a/pods").unwrap();
        let verb = watch.verb(&Method::GET, &Query::default());
        assert!(matches!(verb, Ok(Verb::Watch)));
        assert!(Target::parse("/version").is_none());
        assert!(Target::parse("/apis/apps/v1").is_none());
    }

    #[test]
    fn queries_are_decoded() {
        let query = Query::parse("labelSelector=a%3Db%2Cc&watch=1&x=1+2&bad=%zz");
        assert_eq!(query.get("labelSelector"), "a=b,c");
        assert!(query.is("watch"));
        assert_eq!(
            (query.get("x"), query.get("bad"), query.get("none")),
            ("1 2", "%zz", "")
        );
    }
}
