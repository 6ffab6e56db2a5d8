//! HTTP: requests in, objects and refusals out.

mod about;
pub mod authn;
mod media;
mod metrics;
mod openshift;
mod options;
mod packages;
mod pods;
mod proxy;
pub mod request;
mod respond;
pub mod router;
mod special;
pub mod tls;
mod token;
mod watch;

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, OnceLock},
};

use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Bytes, Incoming};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};

use self::{
    authn::Tokens,
    media::Form,
    request::{Query, Target, Verb},
    respond::{Body, Objects},
    tls::Authority,
};
use super::{
    authz::{self, Attributes, User},
    kinds,
    registry::Resource,
    status::Refusal,
    store::selector::Selector,
    verbs::{
        Api, How, Validation, Written,
        delete::{Deleted, Options},
        patch::Kind,
        read::Wanted,
        scale::Change,
    },
};

/// The largest body that is read, in bytes.
/// <https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/apiserver/pkg/server/config.go> (`MaxRequestBodyBytes`)
const LARGEST: usize = 3 << 20;

/// How long a version is waited for that is not reached.
/// <https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/apiserver/pkg/storage/cacher/watch_cache.go>
/// (`blockTimeout`)
const FOR_VERSION: std::time::Duration = std::time::Duration::from_secs(3);

/// The pause after a connection that could not be taken.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(50);

/// Answers connections, over TLS, until the listener fails.
pub async fn serve(
    api: Arc<Api>,
    tokens: Tokens,
    authority: Authority,
    listener: TcpListener,
) -> io::Result<()> {
    let tokens = Arc::new(tokens);
    loop {
        let stream = next(&listener).await?;
        let (api, tokens) = (Arc::clone(&api), Arc::clone(&tokens));
        let acceptor = authority.acceptor();
        tokio::spawn(async move {
            // Who does not trust the certificate goes away.
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
            let shown = stream.get_ref().1.peer_certificates();
            let certified = shown.and_then(|c| c.first()).and_then(|c| tls::user(c));
            let certified = Arc::new(certified);
            let service = hyper::service::service_fn(move |request| {
                let (api, tokens) = (Arc::clone(&api), Arc::clone(&tokens));
                let certified = Arc::clone(&certified);
                async move {
                    let by = (&*tokens, (*certified).as_ref());
                    Ok::<_, std::convert::Infallible>(answer(&api, by, request).await)
                }
            });
            // A client that goes away is no trouble of ours.
            let _ = auto::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

/// The next connection. One that could not be taken is passed over.
async fn next(listener: &TcpListener) -> io::Result<TcpStream> {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return Ok(stream),
            Err(error) if is_passing(&error) => tokio::time::sleep(PAUSE).await,
            Err(error) => return Err(error),
        }
    }
}

/// Whether a connection could not be taken, but the next one may: it broke off, or there are too many.
fn is_passing(error: &io::Error) -> bool {
    const TOO_MANY_FILES: i32 = 24;
    error.kind() == io::ErrorKind::ConnectionAborted || error.raw_os_error() == Some(TOO_MANY_FILES)
}

/// One request, read.
struct Asked {
    method: Method,
    path: String,
    query: Query,
    /// The query as it was sent.
    raw_query: String,
    headers: HeaderMap,
    body: Bytes,
    /// What stands in the body twice, once it was read.
    twice: OnceLock<Vec<String>>,
}

impl Asked {
    fn header(&self, name: header::HeaderName) -> &str {
        let value = self.headers.get(name).and_then(|v| v.to_str().ok());
        value.unwrap_or_default()
    }
}

/// By what users are known: their tokens, and the certificate of the connection.
type Credentials<'a> = (&'a Tokens, Option<&'a User>);

async fn answer(api: &Arc<Api>, by: Credentials<'_>, request: Request<Incoming>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = match Limited::new(body, LARGEST).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => {
            let refusal = Refusal::too_large();
            return respond::json(refusal.code, &refusal.to_value());
        }
    };
    let asked = Asked {
        method: head.method,
        path: head.uri.path().to_owned(),
        query: Query::parse(head.uri.query().unwrap_or_default()),
        raw_query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        body,
        twice: OnceLock::new(),
    };
    // A request that panics is a fault of ours, of which its sender hears.
    let attempt = || {
        let done = AssertUnwindSafe(|| outcome(api, by, &asked));
        catch_unwind(done).unwrap_or_else(|_| {
            tracing::error!("{} {} panicked", asked.method, asked.path);
            Err(Refusal::internal("the request could not be handled"))
        })
    };
    let mut outcome = attempt();
    if let Some(version) = outcome.as_ref().err().and_then(Refusal::awaits) {
        api.store.reach(version, FOR_VERSION).await;
        outcome = attempt();
    }
    let outcome = outcome.and_then(|answer| {
        // What is not written down may be gone tomorrow: nobody is told that it is done.
        match api.store.trouble().filter(|_| asked.method != Method::GET) {
            Some(why) => Err(Refusal::internal(&format!(
                "the change could not be written down: {why}"
            ))),
            None => Ok(answer),
        }
    });
    outcome.unwrap_or_else(|refusal| respond::refusal(&asked, &refusal))
}

fn outcome(
    api: &Arc<Api>,
    (tokens, certified): Credentials<'_>,
    asked: &Asked,
) -> Result<Response<Body>, Refusal> {
    let user = tokens.user(api, &asked.headers, certified)?;
    if let Some(answer) = about::answer(api, asked) {
        let verb = asked.method.as_str().to_lowercase();
        let wanted = Attributes::of_path(&verb, &asked.path);
        if !authz::decide(&api.store, &user, &wanted).allowed {
            return Err(wanted.refusal(&user));
        }
        return match asked.method {
            Method::GET | Method::HEAD => Ok(answer),
            _ => Err(Refusal::method_not_allowed()),
        };
    }
    let Some(target) = Target::parse(&asked.path) else {
        let wanted = Attributes::of_path(&asked.method.as_str().to_lowercase(), &asked.path);
        if !authz::decide(&api.store, &user, &wanted).allowed {
            return Err(wanted.refusal(&user));
        }
        if is_version(api, &asked.path) {
            return Err(Refusal::no_resource());
        }
        return Ok(respond::text(StatusCode::NOT_FOUND, "404 page not found\n"));
    };
    let registry = api.registry();
    let resource = registry.get(&target.group, &target.version, &target.resource);
    let Some(resource) = resource else {
        let served = registry.groups().iter().any(|g| g.name == target.group);
        return if served && !registry.is_custom(&target.group) {
            Err(Refusal::no_resource())
        } else {
            Ok(respond::text(StatusCode::NOT_FOUND, "404 page not found\n"))
        };
    };
    if resource.custom && !resource.namespaced && target.namespace.is_some() {
        return Ok(respond::text(StatusCode::NOT_FOUND, "404 page not found\n"));
    }
    let verb = target.verb(&asked.method, &asked.query)?;
    target.fits(&resource, verb)?;
    let wanted = Attributes {
        verb: verb.name().to_owned(),
        group: target.group.clone(),
        resource: target.resource.clone(),
        subresource: target.subresource.clone(),
        namespace: openshift::namespace_of(&target)
            .or_else(|| target.namespace.clone())
            .unwrap_or_default(),
        name: target.asked_for(verb, &asked.query),
        path: None,
    };
    if !authz::decide(&api.store, &user, &wanted).allowed {
        return Err(wanted.refusal(&user));
    }
    let on = On {
        api,
        user: &user,
        asked,
        resource: &resource,
        target: &target,
        form: Form::of(asked, &resource, verb == Verb::Watch)?,
    };
    let warning = resource
        .definition
        .as_ref()
        .and_then(|d| d.warning.as_ref());
    let mut answer = match kinds::deprecated(&resource) {
        None => on.perform(verb)?,
        // Refusals warn of it too.
        Some(text) => {
            let mut answer = on
                .perform(verb)
                .unwrap_or_else(|refusal| respond::refusal(asked, &refusal));
            respond::warn(&mut answer, [&text.to_owned()]);
            answer
        }
    };
    respond::warn(&mut answer, warning);
    openshift::warn(&on, &mut answer);
    Ok(answer)
}

/// Whether a version is waited for: a real API server has no cache of events, and where they are kept nothing waits.
fn waits_for_versions(resource: &Resource) -> bool {
    resource.plural != "events" || resource.custom
}

/// Whether a path is that of a version of a group that is served, where this one is not.
fn is_version(api: &Api, path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').filter(|p| !p.is_empty()).collect();
    match parts.as_slice() {
        ["api", _] => true,
        ["apis", group, _] => {
            let registry = api.registry();
            let served = registry.groups().iter().any(|g| g.name == *group);
            served && !registry.is_custom(group)
        }
        _ => false,
    }
}

/// A request for a resource.
struct On<'a> {
    api: &'a Arc<Api>,
    user: &'a User,
    asked: &'a Asked,
    resource: &'a Arc<Resource>,
    target: &'a Target,
    /// The form in which it takes the answer.
    form: Form,
}

impl On<'_> {
    fn perform(&self, verb: Verb) -> Result<Response<Body>, Refusal> {
        let sub = self.target.subresource.as_str();
        let verbs = match self.resource.subresources.get(sub) {
            _ if sub.is_empty() => &self.resource.verbs,
            Some(sub) => &sub.verbs,
            None => return Err(Refusal::no_resource()),
        };
        // What can only be asked has no objects with names.
        let only_asked = verbs.iter().all(|v| v == "create");
        if sub.is_empty() && only_asked && self.target.name.is_some() {
            return Err(Refusal::no_resource());
        }
        let allows = |verb: &str| verbs.iter().any(|v| v == verb);
        if !allows(verb.name()) {
            return Err(match verb {
                Verb::Watch if allows("list") => Refusal::no_watch(self.resource.about()),
                _ => Refusal::method_not_allowed(),
            });
        }
        options::check(&self.asked.query, verb, self.applies())?;
        if let Some(answer) = special::answer(self, verb) {
            return answer;
        }
        match sub {
            "" | "status" | "finalize" => {}
            "scale" => return self.scale(verb),
            _ => return Err(Refusal::no_resource()),
        }
        match verb {
            Verb::Get => {
                let version = self.asked.query.get("resourceVersion");
                if !version.is_empty() {
                    let version = request::version(version).map_err(Refusal::unexpected)?;
                    let reached = self.api.reached(version);
                    reached.map_err(|refusal| self.unless_waiting_helps(refusal))?;
                }
                let found = self.api.get(self.resource, self.namespace(), self.name())?;
                Ok(self.object(StatusCode::OK, &found, &[]))
            }
            Verb::List => self.list(),
            Verb::Watch => watch::start(self),
            Verb::Create => {
                let (body, how) = (self.body()?, self.how());
                let question = (&body, &how);
                let review = self
                    .api
                    .review(self.resource, self.namespace(), self.user, question);
                if let Some(answer) = review {
                    return Ok(self.form.value(StatusCode::CREATED, &answer?));
                }
                let written = self
                    .api
                    .create(self.resource, self.namespace(), body, &how)?;
                Ok(self.written(&written))
            }
            Verb::Update => {
                let (body, how) = (self.body()?, self.how());
                let written =
                    self.api
                        .update(self.resource, self.namespace(), self.name(), body, &how)?;
                Ok(self.written(&written))
            }
            Verb::Patch => {
                let kind = Kind::of(self.asked.header(header::CONTENT_TYPE))?;
                let (patch, how) = (media::patch(self.asked)?, self.how());
                let patch = (kind, &patch);
                let written =
                    self.api
                        .patch(self.resource, self.namespace(), self.name(), patch, &how)?;
                Ok(self.written(&written))
            }
            Verb::Delete => self.delete(),
            Verb::DeleteCollection => {
                let (selector, options) = (self.selector()?, self.options()?);
                let gone =
                    self.api
                        .delete_all(self.resource, self.namespace(), &selector, &options)?;
                let version = self.api.store.with(|s| s.version());
                let metadata = serde_json::json!({"resourceVersion": version.to_string()});
                let now = self.api.clock.now();
                Ok(self
                    .form
                    .list(self.resource, Objects::Values(&gone), metadata, now))
            }
        }
    }

    fn scale(&self, verb: Verb) -> Result<Response<Body>, Refusal> {
        let (resource, namespace, name) = (self.resource, self.namespace(), self.name());
        let scale = match verb {
            Verb::Get => self.api.scale(resource, namespace, name)?,
            Verb::Update => {
                let body = self.body()?;
                self.api
                    .rescale(resource, namespace, name, Change::Whole(&body), &self.how())?
            }
            Verb::Patch => {
                let kind = Kind::of(self.asked.header(header::CONTENT_TYPE))?;
                let patch = media::patch(self.asked)?;
                self.api.rescale(
                    resource,
                    namespace,
                    name,
                    Change::Patch(kind, &patch),
                    &self.how(),
                )?
            }
            _ => return Err(Refusal::method_not_allowed()),
        };
        Ok(self.form.value(StatusCode::OK, &scale))
    }

    fn namespace(&self) -> Option<&str> {
        let own = self.resource.namespaced;
        self.target.namespace.as_deref().filter(|_| own)
    }

    fn name(&self) -> &str {
        self.target.name.as_deref().unwrap_or_default()
    }

    fn selector(&self) -> Result<Selector, Refusal> {
        let query = &self.asked.query;
        let selector = Selector::parse(query.get("labelSelector"), query.get("fieldSelector"))?;
        selector.check_fields(&kinds::selectable(self.resource), !self.resource.custom)?;
        Ok(selector)
    }

    fn list(&self) -> Result<Response<Body>, Refusal> {
        let query = &self.asked.query;
        let limit = options::number(query, "limit")?.unwrap_or_default();
        let mut wanted = Wanted {
            selector: self.selector()?,
            limit: usize::try_from(limit).unwrap_or_default(),
            after: query.get("continue").to_owned(),
            ..Wanted::default()
        };
        let version = query.get("resourceVersion");
        let of_version = !matches!(version, "" | "0");
        if of_version && !wanted.after.is_empty() {
            let why = "specifying resource version is not allowed when using continue";
            return Err(Refusal::bad_request(why));
        }
        if of_version {
            let number = request::version(version);
            let number = number
                .map_err(|why| Refusal::bad_request(format!("invalid resource version: {why}")))?;
            // A first page of a version is of that version exactly, unless it may be newer.
            let exact = match query.get("resourceVersionMatch") {
                "" => wanted.limit > 0,
                wanted => wanted == "Exact",
            };
            wanted.at = exact.then_some(number);
            wanted.least = (!exact).then_some(number);
        }
        let page = self
            .api
            .list_held(self.resource, self.namespace(), &wanted)
            .map_err(|refusal| self.unless_waiting_helps(refusal))?;
        let mut metadata = serde_json::json!({"resourceVersion": page.version.to_string()});
        if !page.more.is_empty() {
            metadata["continue"] = Value::from(page.more);
        }
        if let Some(remaining) = page.remaining {
            metadata["remainingItemCount"] = Value::from(remaining);
        }
        let now = self.api.clock.now();
        Ok(self
            .form
            .list(self.resource, Objects::Held(&page.items), metadata, now))
    }

    fn unless_waiting_helps(&self, refusal: Refusal) -> Refusal {
        if waits_for_versions(self.resource) {
            refusal
        } else {
            refusal.at_once(None)
        }
    }

    fn delete(&self) -> Result<Response<Body>, Refusal> {
        let options = self.options()?;
        match self
            .api
            .delete(self.resource, self.namespace(), self.name(), &options)?
        {
            // What is still going is shown, and some kinds always; of the rest a word is enough.
            Deleted::Going(object) => Ok(self.object(StatusCode::OK, &object, &[])),
            Deleted::Gone(object) if kinds::is_shown_at_its_end(self.resource) => {
                Ok(self.object(StatusCode::OK, &object, &[]))
            }
            Deleted::Gone(object) => {
                let told = respond::deleted(self.resource, &object);
                Ok(self.form.value(StatusCode::OK, &told))
            }
        }
    }

    fn options(&self) -> Result<Options, Refusal> {
        // A body is all that counts; without one, the parameters are.
        let body = if self.asked.body.is_empty() {
            options::of_deletion(&self.asked.query)?
        } else {
            media::deletion(self.asked, self.resource)?
        };
        let mut options = Options::parse(&body)?;
        options.user = self.user.clone();
        Ok(options)
    }

    /// The object in the body: of the resource's kind, or of the subresource's.
    fn body(&self) -> Result<Value, Refusal> {
        let sub = self.resource.subresources.get(&self.target.subresource);
        let version = match sub.and_then(|s| Some((s.group.as_ref()?, s.version.as_ref()?))) {
            Some((group, version)) => format!("{group}/{version}"),
            None => self.resource.api_version(),
        };
        let kind = sub.map_or(&self.resource.kind, |s| &s.kind);
        media::body(self.asked, self.resource, (&version, kind))
    }

    /// Whether it is a server-side apply.
    fn applies(&self) -> bool {
        let content = self.asked.header(header::CONTENT_TYPE);
        content.contains("apply-patch")
    }

    fn how(&self) -> How {
        let query = &self.asked.query;
        let validation = match query.get("fieldValidation") {
            "Strict" => Validation::Strict,
            "Ignore" => Validation::Ignore,
            _ => Validation::Warn,
        };
        let manager = query.get("fieldManager");
        let applies = self.applies();
        let manager = if manager.is_empty() && !applies {
            // As the API server names those who don't name themselves.
            let agent = self.asked.header(header::USER_AGENT);
            agent.split('/').next().unwrap_or_default().to_owned()
        } else {
            manager.to_owned()
        };
        How {
            user: self.user.clone(),
            manager: if manager.is_empty() && !applies {
                "unknown".to_owned()
            } else {
                manager
            },
            subresource: self.target.subresource.clone(),
            dry_run: !query.get("dryRun").is_empty(),
            force: query.is("force"),
            validation,
            twice: self.asked.twice.get().cloned().unwrap_or_default(),
        }
    }

    fn written(&self, written: &Written) -> Response<Body> {
        let code = if written.created {
            StatusCode::CREATED
        } else {
            StatusCode::OK
        };
        self.object(code, &written.object, &written.warnings)
    }

    fn object(&self, code: StatusCode, object: &Value, warnings: &[String]) -> Response<Body> {
        let object = self.resource.shown(object);
        let now = self.api.clock.now();
        let mut answer = self.form.object(self.resource, code, &object, now);
        respond::warn(&mut answer, warnings);
        answer
    }
}
