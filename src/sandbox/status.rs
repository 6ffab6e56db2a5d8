//! Refusals, as an API server words them.
//! <https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/>

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::go;

/// A refusal: an HTTP status with a `Status` object.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// The HTTP status.
    pub code: StatusCode,
    /// The machine-readable reason, such as `NotFound`.
    pub reason: &'static str,
    /// What a person reads.
    pub message: String,
    /// What it is about.
    pub details: Option<Box<Details>>,
}

/// What a refusal is about.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Details {
    /// The object's name.
    pub name: String,
    /// The API group.
    pub group: String,
    /// The kind or, for most refusals, the resource.
    pub kind: String,
    /// The fields that are wrong.
    pub causes: Vec<Cause>,
    /// After how many seconds the request may be sent again.
    pub retry_after: Option<u32>,
    /// The version from which on it can be answered; not told.
    pub awaits: Option<u64>,
}

/// One field that is wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct Cause {
    /// Such as `FieldValueInvalid`.
    pub reason: &'static str,
    /// In words.
    pub message: String,
    /// Its path.
    pub field: String,
}

/// The names under which refusals speak of a resource.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// The API group; empty for the core group.
    pub group: &'a str,
    /// The plural, such as `deployments`; for invalid objects the kind.
    pub resource: &'a str,
}

impl About<'_> {
    /// `deployments.apps`, or `pods`.
    fn qualified(self) -> String {
        if self.group.is_empty() {
            self.resource.to_owned()
        } else {
            format!("{}.{}", self.resource, self.group)
        }
    }

    fn details(self, name: &str) -> Details {
        Details {
            name: name.to_owned(),
            group: self.group.to_owned(),
            kind: self.resource.to_owned(),
            ..Details::default()
        }
    }
}

impl Refusal {
    fn new(code: StatusCode, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            details: None,
        }
    }

    fn about(mut self, details: Details) -> Self {
        self.details = Some(Box::new(details));
        self
    }

    /// 404 for an object.
    #[must_use]
    pub fn not_found(about: About<'_>, name: &str) -> Self {
        let message = format!("{} \"{name}\" not found", about.qualified());
        Self::new(StatusCode::NOT_FOUND, "NotFound", message).about(about.details(name))
    }

    /// 404 for a resource that is not served.
    #[must_use]
    pub fn no_resource() -> Self {
        let message = "the server could not find the requested resource";
        Self::new(StatusCode::NOT_FOUND, "NotFound", message).about(Details::default())
    }

    /// 409 for a name that is taken.
    #[must_use]
    pub fn already_exists(about: About<'_>, name: &str) -> Self {
        let message = format!("{} \"{name}\" already exists", about.qualified());
        Self::new(StatusCode::CONFLICT, "AlreadyExists", message).about(about.details(name))
    }

    /// 409 for a name that is taken by something that is going.
    #[must_use]
    pub fn still_going(about: About<'_>, name: &str) -> Self {
        let mut refusal = Self::already_exists(about, name);
        refusal.message = format!("object is being deleted: {}", refusal.message);
        refusal
    }

    /// 409 for an object that is not what the request takes it for.
    #[must_use]
    pub fn conflict(about: About<'_>, name: &str, why: &str) -> Self {
        let qualified = about.qualified();
        let message = format!("Operation cannot be fulfilled on {qualified} \"{name}\": {why}");
        Self::new(StatusCode::CONFLICT, "Conflict", message).about(about.details(name))
    }

    /// 409 for an update of an older version.
    #[must_use]
    pub fn modified(about: About<'_>, name: &str) -> Self {
        let why = "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(about, name, why)
    }

    /// 409 of a server-side apply: the fields that others manage.
    #[must_use]
    pub fn field_conflicts(message: String, causes: Vec<Cause>) -> Self {
        Self::new(StatusCode::CONFLICT, "Conflict", message).about(Details {
            causes,
            ..Details::default()
        })
    }

    /// 422 for an object whose fields are wrong; `about` names its kind.
    #[must_use]
    pub fn invalid(about: About<'_>, name: &str, causes: Vec<Cause>) -> Self {
        let mut told: Vec<String> = Vec::new();
        for cause in &causes {
            let text = format!("{}: {}", cause.field, cause.message);
            // What is said twice is listed twice, and told once.
            if !told.contains(&text) {
                told.push(text);
            }
        }
        let told = match told.as_slice() {
            [one] => one.clone(),
            all => format!("[{}]", all.join(", ")),
        };
        let message = format!("{} \"{name}\" is invalid: {told}", about.qualified());
        let details = Details {
            causes,
            ..about.details(name)
        };
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message).about(details)
    }

    /// 422: options of a request that make no sense, such as `PatchOptions`.
    #[must_use]
    pub fn of_options(kind: &str, causes: Vec<Cause>) -> Self {
        let about = About {
            group: "meta.k8s.io",
            resource: kind,
        };
        Self::invalid(about, "", causes)
    }

    /// 403; `name` may be empty.
    #[must_use]
    pub fn forbidden(about: About<'_>, name: &str, why: &str) -> Self {
        let qualified = about.qualified();
        let message = if name.is_empty() {
            format!("{qualified} is forbidden: {why}")
        } else {
            format!("{qualified} \"{name}\" is forbidden: {why}")
        };
        Self::new(StatusCode::FORBIDDEN, "Forbidden", message).about(about.details(name))
    }

    /// 403 for a path that is no resource.
    #[must_use]
    pub fn forbidden_path(why: &str) -> Self {
        let message = format!("forbidden: {why}");
        Self::new(StatusCode::FORBIDDEN, "Forbidden", message).about(Details::default())
    }

    /// 403 for a namespace that is going.
    #[must_use]
    pub fn terminating(about: About<'_>, name: &str, namespace: &str, why: &str) -> Self {
        let mut refusal = Self::forbidden(about, name, why);
        if let Some(details) = &mut refusal.details {
            details.causes = vec![Cause {
                reason: "NamespaceTerminating",
                message: format!("namespace {namespace} is being terminated"),
                field: "metadata.namespace".to_owned(),
            }];
        }
        refusal
    }

    /// Whether it is for a namespace that is going.
    #[must_use]
    pub fn is_of_ending_namespace(&self) -> bool {
        let causes = self.details.as_ref().map(|d| d.causes.as_slice());
        causes.is_some_and(|c| c.iter().any(|c| c.reason == "NamespaceTerminating"))
    }

    /// 422 for a patch that can't be applied.
    #[must_use]
    pub fn unprocessable() -> Self {
        let code = StatusCode::UNPROCESSABLE_ENTITY;
        let message = "the server rejected our request due to an error in our request";
        Self::new(code, "Invalid", message).about(Details::default())
    }

    /// 500 without a reason, as for errors that the API server did not expect.
    #[must_use]
    pub fn unexpected(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "", message)
    }

    /// 401.
    #[must_use]
    pub fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", "Unauthorized")
    }

    /// 400.
    #[must_use]
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    /// 405.
    #[must_use]
    pub fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource";
        let code = StatusCode::METHOD_NOT_ALLOWED;
        Self::new(code, "MethodNotAllowed", message).about(Details::default())
    }

    /// 405 for a watch of what can only be read.
    #[must_use]
    pub fn no_watch(about: About<'_>) -> Self {
        let of = about.qualified();
        let message = format!("watch is not supported on resources of kind \"{of}\"");
        let code = StatusCode::METHOD_NOT_ALLOWED;
        Self::new(code, "MethodNotAllowed", message).about(about.details(""))
    }

    /// 503.
    #[must_use]
    pub fn unavailable(message: &str) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "ServiceUnavailable",
            message,
        )
    }

    /// 415.
    #[must_use]
    pub fn unsupported_media_type() -> Self {
        let code = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        let message = "415: Unsupported Media Type";
        Self::new(code, "UnsupportedMediaType", message).about(Details::default())
    }

    /// 415 for a strategic merge patch of a custom resource.
    #[must_use]
    pub fn unsupported_patch() -> Self {
        let code = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        let message = "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml";
        Self::new(code, "UnsupportedMediaType", message)
    }

    /// 500 with the reason of one, as for errors within the API server.
    #[must_use]
    pub fn internal(why: &str) -> Self {
        let code = StatusCode::INTERNAL_SERVER_ERROR;
        let message = format!("Internal error occurred: {why}");
        let cause = Cause {
            reason: "",
            message: why.to_owned(),
            field: String::new(),
        };
        Self::new(code, "InternalError", message).about(Details {
            causes: vec![cause],
            ..Details::default()
        })
    }

    /// 415 for a body in none of the forms that there are.
    #[must_use]
    pub fn unknown_format(known: &str) -> Self {
        let code = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: {known}"
        );
        Self::new(code, "UnsupportedMediaType", message)
    }

    /// 406 for a client that takes none of the forms that there are.
    #[must_use]
    pub fn not_acceptable(known: &str) -> Self {
        let message = format!("406: Not Acceptable\n\nAvailable representations: {known}");
        Self::new(StatusCode::NOT_ACCEPTABLE, "NotAcceptable", message).about(Details::default())
    }

    /// 406 for a client that wants something of an object that there is not in that form.
    #[must_use]
    pub fn no_such_form(known: &str) -> Self {
        let message = format!("only the following media types are accepted: {known}");
        Self::new(StatusCode::NOT_ACCEPTABLE, "NotAcceptable", message)
    }

    /// 410 for a version that is no longer remembered.
    #[must_use]
    pub fn expired(message: impl Into<String>) -> Self {
        Self::new(StatusCode::GONE, "Expired", message)
    }

    /// 504 for a version that the cluster has not reached.
    /// <https://kubernetes.io/docs/reference/using-api/api-concepts/#unknown-resource-versions>
    #[must_use]
    pub fn version_too_large(asked: u64, current: u64) -> Self {
        let message = format!("Timeout: Too large resource version: {asked}, current: {current}");
        let cause = Cause {
            reason: "ResourceVersionTooLarge",
            message: "Too large resource version".to_owned(),
            field: String::new(),
        };
        Self::new(StatusCode::GATEWAY_TIMEOUT, "Timeout", message).about(Details {
            causes: vec![cause],
            retry_after: Some(1),
            awaits: Some(asked),
            ..Details::default()
        })
    }

    /// The same for what does not wait, with the seconds after which the request may be sent again.
    #[must_use]
    pub fn at_once(mut self, retry_after: Option<u32>) -> Self {
        if let Some(details) = &mut self.details {
            details.retry_after = retry_after;
            details.awaits = None;
        }
        self
    }

    /// After how many seconds the request may be sent again, where that may help.
    #[must_use]
    pub fn retry_after(&self) -> Option<u32> {
        self.details.as_ref()?.retry_after
    }

    /// The version from which on the request can be answered.
    #[must_use]
    pub fn awaits(&self) -> Option<u64> {
        self.details.as_ref()?.awaits
    }

    /// 413.
    #[must_use]
    pub fn too_large() -> Self {
        let message = "Request entity too large: limit is 3145728";
        let code = StatusCode::PAYLOAD_TOO_LARGE;
        Self::new(code, "RequestEntityTooLarge", message)
    }

    /// The `Status` object.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let mut out = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "code": self.code.as_u16(),
        });
        if !self.reason.is_empty() {
            out["reason"] = json!(self.reason);
        }
        if let Some(details) = &self.details {
            out["details"] = details.to_value();
        }
        out
    }
}

impl Details {
    fn to_value(&self) -> Value {
        let mut out = Map::new();
        for (key, value) in [
            ("name", &self.name),
            ("group", &self.group),
            ("kind", &self.kind),
        ] {
            if !value.is_empty() {
                out.insert(key.to_owned(), json!(value));
            }
        }
        if !self.causes.is_empty() {
            let causes: Vec<Value> = self.causes.iter().map(Cause::to_value).collect();
            out.insert("causes".to_owned(), json!(causes));
        }
        if let Some(seconds) = self.retry_after {
            out.insert("retryAfterSeconds".to_owned(), json!(seconds));
        }
        Value::Object(out)
    }
}

impl Cause {
    fn to_value(&self) -> Value {
        let mut out = json!({"message": self.message});
        for (key, value) in [("reason", self.reason), ("field", &self.field)] {
            if !value.is_empty() {
                out[key] = json!(value);
            }
        }
        out
    }

    /// A value that is missing.
    #[must_use]
    pub fn required(field: impl Into<String>, why: &str) -> Self {
        let message = if why.is_empty() {
            "Required value".to_owned()
        } else {
            format!("Required value: {why}")
        };
        Self {
            reason: "FieldValueRequired",
            message,
            field: field.into(),
        }
    }

    /// A value that is wrong.
    #[must_use]
    pub fn invalid(field: impl Into<String>, value: &Value, why: &str) -> Self {
        Self {
            reason: "FieldValueInvalid",
            message: format!("Invalid value: {}: {why}", shown(value)),
            field: field.into(),
        }
    }

    /// A value that is none of those there are.
    #[must_use]
    pub fn not_supported(field: impl Into<String>, value: &Value, known: &[&str]) -> Self {
        Self::unsupported(field.into(), &shown(value), known)
    }

    /// A text that is none of those there are, of a type of its own in Go: such texts are shown as JSON.
    #[must_use]
    pub fn none_of_its_type(field: impl Into<String>, text: &str, known: &[&str]) -> Self {
        Self::unsupported(field.into(), &go::json(&Value::from(text)), known)
    }

    fn unsupported(field: String, shown: &str, known: &[&str]) -> Self {
        let known: Vec<String> = known.iter().map(|k| format!("\"{k}\"")).collect();
        let known = known.join(", ");
        Self {
            reason: "FieldValueNotSupported",
            message: format!("Unsupported value: {shown}: supported values: {known}"),
            field,
        }
    }

    /// A server-side apply that does not say who applies.
    #[must_use]
    pub fn no_manager() -> Self {
        Self::required("fieldManager", "is required for apply patch")
    }

    /// A value that is there twice.
    #[must_use]
    pub fn duplicate(field: impl Into<String>, value: &Value) -> Self {
        Self {
            reason: "FieldValueDuplicate",
            message: format!("Duplicate value: {}", shown(value)),
            field: field.into(),
        }
    }

    /// A value that takes more bytes than it may.
    #[must_use]
    pub fn too_long(field: impl Into<String>, most: usize) -> Self {
        Self {
            reason: "FieldValueTooLong",
            message: format!("Too long: may not be more than {most} bytes"),
            field: field.into(),
        }
    }

    /// A field that may not be set.
    #[must_use]
    pub fn forbidden(field: impl Into<String>, why: &str) -> Self {
        Self {
            reason: "FieldValueForbidden",
            message: format!("Forbidden: {why}"),
            field: field.into(),
        }
    }
}

/// A value as field errors print it.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => go::quoted(text),
        other => go::json(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_read_as_the_real_ones() {
        let about = About {
            group: "apps",
            resource: "deployments",
        };
        let missing = Refusal::not_found(about, "web").to_value();
        assert_eq!(missing["message"], r#"deployments.apps "web" not found"#);
        assert_eq!(
            missing["details"],
            json!({"name": "web", "group": "apps", "kind": "deployments"})
        );
        let kind = About {
            group: "",
            resource: "Pod",
        };
        let causes = vec![
            Cause::required("spec.containers", ""),
            Cause::invalid("metadata.name", &json!("A"), "no"),
        ];
        assert_eq!(
            Refusal::invalid(kind, "A", causes).message,
            r#"Pod "A" is invalid: [spec.containers: Required value, metadata.name: Invalid value: "A": no]"#
        );
    }
}
