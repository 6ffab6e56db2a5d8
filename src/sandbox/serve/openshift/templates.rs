//! Templates, filled in.

use http::{Response, StatusCode};

use crate::sandbox::{
    openshift::template,
    serve::{On, respond::Body},
    status::Refusal,
    verbs::name,
};

/// A Template with values for its parameters in its objects. It is not kept.
pub(super) fn process(on: &On<'_>) -> Result<Response<Body>, Refusal> {
    let mut body = on.body()?;
    if let Some(namespace) = on.namespace() {
        body["metadata"]["namespace"] = namespace.into();
    }
    template::process(&mut body)
        .map_err(|causes| Refusal::invalid(on.resource.about_kind(), name(&body), causes))?;
    Ok(on.object(StatusCode::CREATED, &body, &[]))
}
