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
    let made = on.api.request_token(namespace, on.name(), on.body()?)?;
    Ok(respond::json(StatusCode::CREATED, &made))
}
