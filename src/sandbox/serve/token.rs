//! `serviceaccounts/NAME/token`.

use http::{Response, StatusCode};

use super::{
    On,
    respond::{self, Body},
};
use crate::sandbox::status::Refusal;

/// A token for an account.
pub(super) fn answer(on: &On<'_>) -> Result<Response<Body>, Refusal> {
    let namespace = on.namespace().unwrap_or_default();
    let body = on.body()?;
    let kind = body["kind"].as_str().unwrap_or("TokenRequest");
    if kind != "TokenRequest" {
        return Err(Refusal::bad_request(format!(
            "{kind} in version \"v1\" cannot be handled as a TokenRequest: converting (v1.{kind}) to (authentication.TokenRequest): unknown conversion"
        )));
    }
    let made = on.api.request_token(namespace, on.name(), body)?;
    Ok(respond::json(StatusCode::CREATED, &made))
}
