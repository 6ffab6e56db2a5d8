//! In which form a client takes answers, and in which it sends bodies.
//! <https://kubernetes.io/docs/reference/using-api/api-concepts/#alternate-representations-of-resources>

use http::{StatusCode, header};
use serde_json::Value;

use super::{Asked, respond};
use crate::sandbox::{
    protobuf::{self, Envelope, Malformed},
    registry::Resource,
    schema::json,
    status::Refusal,
};

/// How much of a body that is no object a refusal repeats, in bytes.
const REPEATED: usize = 1024;

/// How objects are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Media {
    Json,
    Yaml,
    Protobuf,
}

/// What of objects is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// They as they are.
    Whole,
    /// Their metadata alone.
    Metadata,
    /// Rows for people.
    Table,
}

/// The form in which a client takes objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) shape: Shape,
    pub(super) media: Media,
    /// Whether people read it.
    pub(super) pretty: bool,
    /// Whether rows of tables carry whole objects, by which a client sorts them.
    pub(super) whole_rows: bool,
}

impl Media {
    fn of(name: &str) -> Option<Self> {
        match name {
            "application/json" => Some(Self::Json),
            "application/yaml" => Some(Self::Yaml),
            protobuf::MEDIA_TYPE => Some(Self::Protobuf),
            _ => None,
        }
    }

    /// Its name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Yaml => "application/yaml",
            Self::Protobuf => protobuf::MEDIA_TYPE,
        }
    }
}

/// The forms in which there are objects of a resource.
fn offered(resource: &Resource) -> &'static [Media] {
    if protobuf::knows(&resource.api_version(), &resource.kind) {
        &[Media::Json, Media::Yaml, Media::Protobuf]
    } else {
        &[Media::Json, Media::Yaml]
    }
}

/// One form that a client takes: `application/json;as=Table;v=v1;g=meta.k8s.io;q=0.5`.
struct Clause<'a> {
    name: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
}

impl<'a> Clause<'a> {
    fn parse(text: &'a str) -> Self {
        let mut parts = text.split(';').map(str::trim);
        Self {
            name: parts.next().unwrap_or_default(),
            parameters: parts.filter_map(|p| p.split_once('=')).collect(),
        }
    }

    /// Those of a header, the most wanted first.
    fn all(accept: &'a str) -> Vec<Self> {
        let mut all: Vec<Self> = accept.split(',').map(Self::parse).collect();
        all.sort_by(|a, b| b.weight().total_cmp(&a.weight()));
        all
    }

    fn get(&self, name: &str) -> &'a str {
        let found = self.parameters.iter().find(|(key, _)| *key == name);
        found.map_or("", |(_, value)| *value)
    }

    fn weight(&self) -> f64 {
        self.get("q").parse().unwrap_or(1.0)
    }

    /// The first of the media that it names.
    fn media(&self, offered: &[Media]) -> Option<Media> {
        match self.name {
            "" | "*/*" => offered.first().copied(),
            name => Media::of(name).filter(|m| offered.contains(m)),
        }
    }

    /// What of objects it wants; none for what there is not.
    fn shape(&self, media: Media) -> Option<Shape> {
        let of_meta = self.get("g") == "meta.k8s.io" && matches!(self.get("v"), "v1" | "v1beta1");
        match self.get("as") {
            "" => Some(Shape::Whole),
            "Table" if of_meta && media != Media::Protobuf => Some(Shape::Table),
            "PartialObjectMetadata" | "PartialObjectMetadataList" if of_meta => {
                Some(Shape::Metadata)
            }
            _ => None,
        }
    }
}

/// Whether a client takes what is served all at once, in the version that there is; others get it group by group.
/// <https://kubernetes.io/docs/concepts/overview/kubernetes-api/#aggregated-discovery>
pub(super) fn takes_all_groups(accept: &str) -> bool {
    Clause::all(accept).iter().any(|clause| {
        let given = [clause.get("g"), clause.get("v"), clause.get("as")];
        clause.media(&[Media::Json]).is_some()
            && given == ["apidiscovery.k8s.io", "v2", "APIGroupDiscoveryList"]
    })
}

impl Form {
    /// The form in which a request takes objects of a resource; `watches` says whether it takes them one by one.
    pub(super) fn of(asked: &Asked, resource: &Resource, watches: bool) -> Result<Self, Refusal> {
        let offered = offered(resource);
        let clauses = Clause::all(asked.header(header::ACCEPT));
        let found = clauses.iter().find_map(|clause| {
            let media = clause.media(offered)?;
            Some((clause.shape(media)?, media, clause.get("pretty") == "1"))
        });
        if let Some((shape, media, pretty)) = found {
            return Ok(Self {
                shape,
                media,
                pretty: pretty || is_for_people(asked),
                whole_rows: asked.query.get("includeObject") == "Object",
            });
        }
        let mut names: Vec<String> = offered.iter().map(|m| m.name().to_owned()).collect();
        if watches {
            let streams = offered.iter().filter(|m| **m != Media::Yaml);
            names.extend(streams.map(|m| format!("{};stream=watch", m.name())));
        }
        let names = names.join(", ");
        let known = clauses.iter().any(|c| c.media(offered).is_some());
        Err(if known {
            Refusal::no_such_form(&names)
        } else {
            Refusal::not_acceptable(&names)
        })
    }

    /// The form in which a request takes what is said of the server, and refusals.
    pub(super) fn of_words(asked: &Asked) -> Self {
        let all = [Media::Json, Media::Yaml, Media::Protobuf];
        let clauses = Clause::all(asked.header(header::ACCEPT));
        let media = clauses.iter().find_map(|c| c.media(&all));
        Self {
            shape: Shape::Whole,
            media: media.unwrap_or(Media::Json),
            pretty: is_for_people(asked),
            whole_rows: false,
        }
    }

    /// An object of any kind, as it is.
    pub(super) fn value(self, code: StatusCode, value: &Value) -> http::Response<respond::Body> {
        let text = |key: &str| value[key].as_str().unwrap_or_default();
        if self.media == Media::Protobuf
            && let Some(bytes) = protobuf::object(text("apiVersion"), text("kind"), value)
        {
            return respond::bytes(code, Media::Protobuf.name(), bytes);
        }
        self.written(code, value)
    }

    /// JSON, or YAML.
    pub(super) fn written(
        self,
        code: StatusCode,
        value: &impl serde::Serialize,
    ) -> http::Response<respond::Body> {
        let (media, text) = match self.media {
            Media::Yaml => (
                Media::Yaml,
                serde_yaml::to_string(value).unwrap_or_default(),
            ),
            _ if self.pretty => (
                Media::Json,
                serde_json::to_string_pretty(value).unwrap_or_default(),
            ),
            _ => (
                Media::Json,
                serde_json::to_string(value).unwrap_or_default() + "\n",
            ),
        };
        respond::bytes(code, media.name(), text)
    }
}

/// Whether an answer is for the eyes of people.
/// <https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/apiserver/pkg/endpoints/handlers/negotiation/negotiate.go> (`isPrettyPrint`)
fn is_for_people(asked: &Asked) -> bool {
    match asked.query.get("pretty") {
        "" => {
            let agent = asked.header(header::USER_AGENT);
            ["curl", "Wget", "Mozilla/5.0"]
                .iter()
                .any(|name| agent.starts_with(name))
        }
        given => matches!(given, "1" | "t" | "T" | "true" | "TRUE" | "True"),
    }
}

/// The object that a request sends; `expected` is the version and kind of one that does not name its own. What stands in it
/// twice is noted with the request.
pub(super) fn body(
    asked: &Asked,
    resource: &Resource,
    (version, kind): (&str, &str),
) -> Result<Value, Refusal> {
    let content = asked.header(header::CONTENT_TYPE);
    let name = content.split(';').next().unwrap_or_default().trim();
    let offered = offered(resource);
    let media = match name {
        "" => Some(Media::Json),
        name => Media::of(name).filter(|m| offered.contains(m)),
    };
    let unhandled = |kind: &str, why: &str| {
        let wanted = &resource.kind;
        Refusal::bad_request(format!(
            "{kind} in version \"{}\" cannot be handled as a {wanted}: {why}",
            resource.version
        ))
    };
    let unrecognized = |problem: &str| {
        let body = summary(&asked.body);
        Refusal::bad_request(format!(
            "the object provided is unrecognized (must be of type {kind}): {problem} ({body})"
        ))
    };
    match media {
        Some(Media::Protobuf) => {
            let envelope = Envelope::open(&asked.body).map_err(|e| unrecognized(&e.to_string()))?;
            let read = envelope.object(version, kind);
            read.map_err(|problem| match &problem {
                Malformed::Unknown { kind, .. } => unhandled(kind, &problem.to_string()),
                _ => unhandled(kind, &problem.to_string()),
            })
        }
        Some(Media::Yaml) => {
            let read = yaml(text(&asked.body)?).map_err(|e| unrecognized(&e))?;
            typed(asked, read).map_err(|e| unrecognized(&e))
        }
        Some(Media::Json) => {
            let read = self::json(text(&asked.body)?);
            let read = read.map_err(|e| unrecognized(&format!("{UNTYPED}: {e}")))?;
            typed(asked, read).map_err(|e| unrecognized(&e))
        }
        None => {
            let names: Vec<&str> = offered.iter().map(|m| m.name()).collect();
            Err(Refusal::unknown_format(&names.join(", ")))
        }
    }
}

/// What is said before a reason why the kind of a body is not known.
const UNTYPED: &str = "couldn't get version/kind; json parse error";

/// What a body holds, and what to warn of: what stands in it twice.
struct Noticing {
    value: Value,
    warnings: Vec<String>,
}

fn json(text: &str) -> Result<Noticing, String> {
    let read = json::read(text)?;
    let told = |path: &String| format!("duplicate field \"{path}\"");
    Ok(Noticing {
        warnings: read.twice.iter().map(told).collect(),
        value: read.value,
    })
}

fn yaml(text: &str) -> Result<Noticing, String> {
    if text.trim().is_empty() {
        return Ok(Noticing {
            value: Value::Null,
            warnings: Vec::new(),
        });
    }
    let strict = serde_yaml::options! { legacy_octal_numbers: true };
    let fault = match serde_yaml::from_str_with_options(text, strict) {
        Ok(value) => {
            return Ok(Noticing {
                value,
                warnings: Vec::new(),
            });
        }
        Err(fault) => fault,
    };
    // Of a key that stands there twice, the last one counts.
    let lenient = serde_yaml::options! {
        legacy_octal_numbers: true,
        duplicate_keys: serde_yaml::options::DuplicateKeyPolicy::LastWins,
    };
    let line = fault.location().map_or(0, |l| l.line());
    let why = fault.to_string();
    // The first line, without where that is.
    let why = why.lines().next().unwrap_or_default();
    let why = why.splitn(3, ": ").last().unwrap_or_default();
    let value = serde_yaml::from_str_with_options(text, lenient);
    let value = value.map_err(|_| format!("yaml: line {line}: {why}"))?;
    let key = why.split_once("duplicate mapping key: ");
    let key = key.and_then(|(_, rest)| rest.split([',', '\n']).next());
    let key = key.unwrap_or_default();
    Ok(Noticing {
        value,
        warnings: vec![format!("line {line}: key \"{key}\" already set in map")],
    })
}

/// An object whose kind can be read off; nothing at all is an empty one.
fn typed(asked: &Asked, read: Noticing) -> Result<Value, String> {
    let word = |value: &Value| match value {
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        _ => "object",
    };
    let value = match read.value {
        Value::Null => Value::Object(serde_json::Map::new()),
        value => value,
    };
    if !value.is_object() {
        let place = "Go value of type struct { APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }";
        let found = word(&value);
        return Err(format!(
            "{UNTYPED}: json: cannot unmarshal {found} into {place}"
        ));
    }
    for field in ["apiVersion", "kind"] {
        if let Some(found) = value.get(field).filter(|v| !v.is_string() && !v.is_null()) {
            let found = word(found);
            return Err(format!(
                "{UNTYPED}: json: cannot unmarshal {found} into Go struct field .{field} of type string"
            ));
        }
    }
    // A body is read once or more: it is the same each time.
    let _ = asked.twice.set(read.warnings);
    Ok(value)
}

/// The patch that a request sends: JSON, or YAML where it is one.
pub(super) fn patch(asked: &Asked) -> Result<Value, Refusal> {
    let text = text(&asked.body)?;
    let read = if asked.header(header::CONTENT_TYPE).contains("yaml") {
        yaml(text).map_err(|e| Refusal::bad_request(format!("error decoding YAML: {e}")))?
    } else {
        json(text).map_err(|e| Refusal::bad_request(format!("error decoding patch: {e}")))?
    };
    let _ = asked.twice.set(read.warnings);
    Ok(read.value)
}

/// The options that a deletion sends in its body.
pub(super) fn deletion(asked: &Asked, resource: &Resource) -> Result<Value, Refusal> {
    let content = asked.header(header::CONTENT_TYPE);
    if content.contains(protobuf::MEDIA_TYPE) {
        return body(asked, resource, ("v1", "DeleteOptions"));
    }
    let text = text(&asked.body)?;
    let read = if content.contains("yaml") {
        yaml(text)
    } else if content.is_empty() || content.starts_with(Media::Json.name()) {
        json(text).map_err(|e| format!("{UNTYPED}: {e}"))
    } else {
        return body(asked, resource, ("v1", "DeleteOptions"));
    };
    let value = read.and_then(|read| typed(asked, read));
    let value = value.map_err(Refusal::unexpected)?;
    let (version, kind) = (&value["apiVersion"], &value["kind"]);
    if kind.is_string() && kind != "DeleteOptions" {
        let (kind, version) = (
            kind.as_str().unwrap_or_default(),
            version.as_str().unwrap_or_default(),
        );
        return Err(Refusal::unexpected(format!(
            "no kind \"{kind}\" is registered for version \"{version}\" in scheme \"pkg/runtime/scheme.go:110\""
        )));
    }
    if value["gracePeriodSeconds"].is_string() {
        return Err(Refusal::unexpected(
            "json: cannot unmarshal string into Go struct field DeleteOptions.gracePeriodSeconds of type int64",
        ));
    }
    Ok(value)
}

fn text(body: &[u8]) -> Result<&str, Refusal> {
    std::str::from_utf8(body).map_err(|_| Refusal::bad_request("the body is not UTF-8"))
}

/// The beginning of a body, as refusals show it.
fn summary(body: &[u8]) -> String {
    use std::fmt::Write as _;
    if body.is_empty() {
        return "<empty>".to_owned();
    }
    let shown = &body[..body.len().min(REPEATED)];
    let mut out = if body.starts_with(b"{") {
        String::from_utf8_lossy(shown).into_owned()
    } else {
        shown.iter().fold(String::new(), |mut out, byte| {
            let _ = write!(out, "{byte:02x}");
            out
        })
    };
    if body.len() > REPEATED {
        out.push_str(" ...");
    }
    out
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Method};

    use super::{super::request::Query, *};
    use crate::sandbox::registry::Registry;

    fn asked(accept: &str) -> Asked {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, accept.parse().unwrap());
        Asked {
            method: Method::GET,
            path: String::new(),
            query: Query::default(),
            raw_query: String::new(),
            headers,
            body: hyper::body::Bytes::new(),
            twice: std::sync::OnceLock::new(),
        }
    }

    #[test]
    fn the_first_form_that_there_is_is_taken() {
        use {Media::*, Shape::*};
        let pods = Registry::kubernetes().get("", "v1", "pods").unwrap();
        for (accept, shape, media) in [
            ("", Whole, Json),
            ("*/*", Whole, Json),
            ("application/vnd.kubernetes.protobuf", Whole, Protobuf),
            ("text/html, application/yaml", Whole, Yaml),
            ("application/json;q=0.5,application/yaml", Whole, Yaml),
            (
                "application/vnd.kubernetes.protobuf,application/json",
                Whole,
                Protobuf,
            ),
            (
                "application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1;g=meta.k8s.io",
                Table,
                Json,
            ),
            (
                "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json",
                Table,
                Json,
            ),
            (
                "application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json",
                Metadata,
                Protobuf,
            ),
            (
                "application/json;as=Table;v=v9;g=meta.k8s.io,application/json",
                Whole,
                Json,
            ),
        ] {
            let form = Form::of(&asked(accept), &pods, false).unwrap();
            assert_eq!((form.shape, form.media), (shape, media), "{accept}");
        }
        for accept in ["text/plain", "application/json;as=Table;v=v9;g=meta.k8s.io"] {
            let refusal = Form::of(&asked(accept), &pods, false).unwrap_err();
            assert_eq!(refusal.code, StatusCode::NOT_ACCEPTABLE, "{accept}");
        }
    }
}
