//! Watches: what is there first, if that is wanted, then every change.
//! <https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes>

use std::{collections::BTreeSet, convert::Infallible, sync::Arc, time::Duration};

use http::{Response, header};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Bytes, Frame};
use serde_json::{Value, json};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

use super::{
    FOR_VERSION, On,
    media::{Form, Media},
    request,
    respond::Body,
    waits_for_versions,
};
use crate::sandbox::{
    authz::User,
    openshift::project,
    registry::Resource,
    status::Refusal,
    store::{Change, Record, selector::Selector},
    verbs::{Api, name, read::Wanted},
};

/// How long a watch lasts that says no time of its own.
const LASTS: Duration = Duration::from_secs(30 * 60);
/// The longest that a watch lasts.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// How often a watch that wants bookmarks gets one.
const BOOKMARK: Duration = Duration::from_secs(60);
/// How long before its end a watch gets its last bookmark.
const BEFORE_END: Duration = Duration::from_secs(2);
/// After how many seconds a list of events that is watched may be asked for again: one to three on a real API server.
const EVENTS_AGAIN: Option<u32> = Some(1);
/// How many lines wait for a slow reader.
const QUEUE: usize = 64;

/// What a watch of Projects needs beside: they are Namespaces as somebody may see them.
struct Projects {
    user: User,
    /// Those that the reader has heard of, or has seen in a list before.
    known: BTreeSet<String>,
}

/// One watch.
struct Watch {
    api: Arc<Api>,
    resource: Arc<Resource>,
    namespace: Option<String>,
    selector: Selector,
    form: Form,
    /// Where what is watched is kept.
    source: Arc<Resource>,
    projects: Option<Projects>,
    /// The version of the last change that was told.
    seen: u64,
    bookmarks: bool,
    out: mpsc::Sender<Bytes>,
}

/// The reader went away.
struct Gone;

/// Begins a watch; its lines come as the body.
pub(super) fn start(on: &On<'_>) -> Result<Response<Body>, Refusal> {
    let query = &on.asked.query;
    let mut selector = on.selector()?;
    if let Some(name) = &on.target.name {
        selector = Selector::parse(query.get("labelSelector"), &format!("metadata.name={name}"))?;
    }
    let version = query.get("resourceVersion");
    let from: Option<u64> = match version {
        "" | "0" => None,
        text => Some(request::version(text).map_err(Refusal::unexpected)?),
    };
    let initial = query.is("sendInitialEvents");
    let (out, lines) = mpsc::channel(QUEUE);
    let (source, projects) = source(on)?;
    let mut watch = Watch {
        api: Arc::clone(on.api),
        resource: Arc::clone(on.resource),
        namespace: on.namespace().map(str::to_owned),
        selector,
        form: on.form,
        source,
        projects,
        seen: from.unwrap_or_default(),
        bookmarks: query.is("allowWatchBookmarks"),
        out,
    };
    let lasts = query
        .get("timeoutSeconds")
        .parse()
        .map_or(LASTS, |s| Duration::from_secs(s).min(LONGEST));
    let list_first = initial || from.is_none();
    tokio::spawn(async move {
        // A reader that goes away ends the watch, as its time does.
        let _ = watch.run(list_first, initial, Instant::now() + lasts).await;
    });
    let lines = futures::stream::unfold(lines, |mut lines| async move {
        let bytes = lines.recv().await?;
        Some((Ok::<_, Infallible>(Frame::data(bytes)), lines))
    });
    let mut answer = Response::new(StreamBody::new(lines).boxed_unsync());
    let kind = match on.form.media {
        Media::Protobuf => "application/vnd.kubernetes.protobuf;stream=watch",
        _ => "application/json",
    };
    let kind = header::HeaderValue::from_static(kind);
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(answer)
}

/// What is watched: the resource itself, but Namespaces for Projects.
fn source(on: &On<'_>) -> Result<(Arc<Resource>, Option<Projects>), Refusal> {
    if on.resource.group != project::GROUP {
        return Ok((Arc::clone(on.resource), None));
    }
    let namespaces = on.api.registry().get("", "v1", "namespaces");
    let namespaces = namespaces.ok_or_else(Refusal::no_resource)?;
    let page = on.api.list(&namespaces, None, &Wanted::default())?;
    let visible = page
        .items
        .iter()
        .filter(|n| project::is_visible(&on.api.store, on.user, n));
    let projects = Projects {
        user: on.user.clone(),
        known: visible.map(|n| name(n).to_owned()).collect(),
    };
    Ok((namespaces, Some(projects)))
}

impl Watch {
    async fn run(&mut self, list_first: bool, initial: bool, ends: Instant) -> Result<(), Gone> {
        let mut newest = self.api.store.subscribe();
        if list_first {
            if let Err(refusal) = self.reach().await {
                return self.event("ERROR", &refusal.to_value()).await;
            }
            self.list(initial).await?;
        }
        // The last one comes shortly before the end, so that the next watch begins with a new version.
        let last = ends.checked_sub(BEFORE_END).unwrap_or(ends);
        let mut bookmark = last.min(Instant::now() + BOOKMARK);
        loop {
            self.changes().await?;
            tokio::select! {
                changed = newest.changed() => if changed.is_err() { return Ok(()) },
                () = sleep_until(bookmark.min(ends)) => {
                    if Instant::now() >= ends {
                        return Ok(());
                    }
                    let next = Instant::now() + BOOKMARK;
                    bookmark = if Instant::now() >= last { ends } else { last.min(next) };
                    if self.bookmarks && self.api.reached(self.seen).is_ok() {
                        self.bookmark(false).await?;
                    }
                }
                () = self.out.closed() => return Ok(()),
            }
        }
    }

    /// Waits for the version from which on the list is wanted.
    async fn reach(&self) -> Result<(), Refusal> {
        if !waits_for_versions(&self.resource) {
            let reached = self.api.reached(self.seen);
            return reached.map_err(|refusal| refusal.at_once(EVENTS_AGAIN));
        }
        self.api.store.reach(self.seen, FOR_VERSION).await;
        self.api.reached(self.seen)
    }

    /// Whether the reader sees an object; if so, they know it from now on.
    fn is_visible(&mut self, object: &Value) -> bool {
        let visible = self.is_visible_now(object);
        if let Some(projects) = self.projects.as_mut().filter(|_| visible) {
            projects.known.insert(name(object).to_owned());
        }
        visible
    }

    fn is_visible_now(&self, object: &Value) -> bool {
        let projects = self.projects.as_ref();
        projects.is_none_or(|p| project::is_visible(&self.api.store, &p.user, object))
    }

    /// Tells of everything that is there.
    async fn list(&mut self, initial: bool) -> Result<(), Gone> {
        let wanted = Wanted {
            selector: self.selector.clone(),
            ..Wanted::default()
        };
        let Ok(page) = self
            .api
            .list_held(&self.source, self.namespace.as_deref(), &wanted)
        else {
            return Ok(());
        };
        for held in &page.items {
            let object = self.source.seen(held.value());
            if self.is_visible(&object) {
                self.event("ADDED", &object).await?;
            }
        }
        self.seen = page.version;
        if initial && self.bookmarks {
            self.bookmark(true).await?;
        }
        Ok(())
    }

    /// Tells of the changes since the last look.
    async fn changes(&mut self) -> Result<(), Gone> {
        let found: Result<(Vec<Record>, u64), _> = self.api.store.with(|state| {
            let version = state.version();
            let since = state.since(self.seen)?;
            let here = since.filter(|c| c.place == self.source.place);
            Ok::<_, crate::sandbox::store::Forgotten>((here.cloned().collect(), version))
        });
        let Ok((changes, version)) = found else {
            let why = format!("too old resource version: {} ({})", self.seen, 0);
            let refusal = Refusal::expired(why).to_value();
            self.event("ERROR", &refusal).await?;
            return Err(Gone);
        };
        for change in &changes {
            if self.namespace.as_ref().is_none_or(|n| *n == change.key.0) {
                self.change(&change.read()).await?;
            }
        }
        // Who begins at a version that is not reached hears nothing until then, as of a real API server.
        self.seen = self.seen.max(version);
        Ok(())
    }

    /// One change, as a reader who sees only what is selected sees it.
    async fn change(&mut self, change: &Change) -> Result<(), Gone> {
        let seen = |o: &Option<Arc<Value>>| o.clone().map(|o| self.resource.seen(o));
        let wanted = |o: &Option<Arc<Value>>| seen(o).filter(|o| self.selector.matches(o));
        let (before, after) = (wanted(&change.before), wanted(&change.after));
        let (before, after) = match &self.projects {
            None => (before, after),
            // What a Namespace is to this reader depends on what they may, which changes too.
            Some(projects) => {
                let known = projects.known.contains(&change.key.1);
                let visible = |o: &Arc<Value>| known || self.is_visible_now(o);
                (before.filter(|_| known), after.filter(visible))
            }
        };
        if let Some(projects) = &mut self.projects {
            if after.is_some() {
                projects.known.insert(change.key.1.clone());
            } else {
                projects.known.remove(&change.key.1);
            }
        }
        match (before, after) {
            (None, Some(after)) => self.event("ADDED", &after).await,
            (Some(_), Some(after)) => self.event("MODIFIED", &after).await,
            (Some(before), None) => {
                // What left the selection has its newest version, and its last state in it.
                let mut last = (*before).clone();
                last["metadata"]["resourceVersion"] = json!(change.version.to_string());
                self.event("DELETED", &last).await
            }
            (None, None) => Ok(()),
        }
    }

    async fn event(&self, change: &str, object: &Value) -> Result<(), Gone> {
        let now = self.api.clock.now();
        let project = (self.projects.is_some() && object["kind"] == "Namespace")
            .then(|| project::of_namespace(object));
        let object = project.as_ref().unwrap_or(object);
        let bytes = self.form.event(&self.resource, change, object, now);
        self.out.send(bytes).await.map_err(|_| Gone)
    }

    async fn bookmark(&self, initial_end: bool) -> Result<(), Gone> {
        let mut object = json!({
            "apiVersion": self.resource.api_version(), "kind": self.resource.kind,
            "metadata": {"resourceVersion": self.seen.to_string()},
        });
        if initial_end {
            object["metadata"]["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        self.event("BOOKMARK", &object).await
    }
}
