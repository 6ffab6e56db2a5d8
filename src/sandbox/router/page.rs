//! What the router says itself.

/// The page for what nobody answers. Its sentences are those of the real one.
/// <https://github.com/openshift/router/blob/master/images/router/haproxy/conf/error-page-503.http>
const UNAVAILABLE: &str = "<html>
  <head>
    <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
  </head>
  <body>
    <div>
      <h1>Application is not available</h1>
      <p>The application is currently not serving requests at this endpoint. It may not have been started or is still starting.</p>
      <div class=\"alert alert-info\">
        <p class=\"info\">
          Possible reasons you are seeing this page:
        </p>
        <ul>
          <li>
            <strong>The host doesn't exist.</strong>
            Make sure the hostname was typed correctly and that a route matching this hostname exists.
          </li>
          <li>
            <strong>The host exists, but doesn't have a matching path.</strong>
            Check if the URL path was typed correctly and that the route was created using the desired path.
          </li>
          <li>
            <strong>Route and path matches, but all pods are down.</strong>
            Make sure that the resources exposed by this route (pods, services, deployment configs, etc) have at least one pod running.
          </li>
        </ul>
      </div>
    </div>
  </body>
</html>
";

/// The page for what takes too long, as `HAProxy` has it.
const LATE: &str = "<html><body><h1>504 Gateway Time-out</h1>
The server didn't respond in time.
</body></html>
";

/// An answer over HTTP.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The type of the body; empty where there is none.
    pub content_type: &'static str,
    /// Where to go instead.
    pub location: Option<String>,
    /// The body.
    pub body: String,
}

impl Answer {
    /// Nobody answers there.
    pub(super) fn unavailable() -> Self {
        Self::page(503, UNAVAILABLE)
    }

    /// Somebody is there, but says nothing.
    pub(super) fn late() -> Self {
        Self::page(504, LATE)
    }

    fn page(status: u16, body: &str) -> Self {
        Self {
            status,
            content_type: "text/html",
            location: None,
            body: body.to_owned(),
        }
    }

    /// The same place over TLS.
    pub(super) fn redirect(host: &str, path: &str, query: &str) -> Self {
        let mark = if query.is_empty() { "" } else { "?" };
        Self {
            status: 302,
            location: Some(format!("https://{host}{path}{mark}{query}")),
            ..Self::default()
        }
    }
}
