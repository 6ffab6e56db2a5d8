//! Projects, which are Namespaces as somebody may see them, and requests for new ones.

use http::{Response, StatusCode};
use serde_json::Value;

use super::{made_list, own, resource, success, theirs};
use crate::sandbox::{
    authz::{self, Attributes},
    openshift::project,
    serve::{On, media, request::Verb, respond::Body},
    status::Refusal,
    verbs::{name, patch, read::Wanted},
};

/// A request for Projects; nothing for a watch.
pub(super) fn answer(on: &On<'_>, verb: Verb) -> Option<Result<Response<Body>, Refusal>> {
    Some(match verb {
        Verb::Get => get(on),
        Verb::List => list(on),
        Verb::Create => create(on),
        Verb::Update | Verb::Patch => change(on, verb),
        Verb::Delete => delete(on),
        Verb::Watch | Verb::DeleteCollection => return None,
    })
}

fn get(on: &On<'_>) -> Result<Response<Body>, Refusal> {
    let namespace = on
        .api
        .get(&*resource(on, "", "namespaces")?, None, on.name())?;
    let project = project::of_namespace(&namespace);
    Ok(on.object(StatusCode::OK, &project, &[]))
}

/// Those that the caller may read.
fn list(on: &On<'_>) -> Result<Response<Body>, Refusal> {
    let wanted = Wanted {
        selector: on.selector()?,
        ..Wanted::default()
    };
    let page = on
        .api
        .list(&*resource(on, "", "namespaces")?, None, &wanted)?;
    let visible = page
        .items
        .iter()
        .filter(|n| project::is_visible(&on.api.store, on.user, n));
    let projects = visible.map(|n| project::of_namespace(n)).collect();
    Ok(made_list(on, projects))
}

/// An administrator's own way.
fn create(on: &On<'_>) -> Result<Response<Body>, Refusal> {
    let namespace = project::made(&on.body()?);
    let namespaces = resource(on, "", "namespaces")?;
    let written = on.api.create(&namespaces, None, namespace, &theirs(on))?;
    let project = project::of_namespace(&written.object);
    Ok(on.object(StatusCode::CREATED, &project, &written.warnings))
}

fn change(on: &On<'_>, verb: Verb) -> Result<Response<Body>, Refusal> {
    let namespaces = resource(on, "", "namespaces")?;
    let live = on.api.get(&namespaces, None, on.name())?;
    let mut project = project::of_namespace(&live);
    if verb == Verb::Update {
        project["metadata"] = on.body()?["metadata"].clone();
    } else {
        let body = media::patch(on.asked)?;
        let kind = patch::Kind::of(on.asked.header(http::header::CONTENT_TYPE))?;
        patch::changed(&mut project, kind, &body, on.resource)?;
    }
    let causes = project::validate_update(&live, &project);
    if !causes.is_empty() {
        return Err(Refusal::invalid(
            on.resource.about_kind(),
            on.name(),
            causes,
        ));
    }
    let mut namespace = (*live).clone();
    namespace["metadata"] = project["metadata"].clone();
    let written = on
        .api
        .update(&namespaces, None, on.name(), namespace, &theirs(on))?;
    let project = project::of_namespace(&written.object);
    Ok(on.object(StatusCode::OK, &project, &written.warnings))
}

fn delete(on: &On<'_>) -> Result<Response<Body>, Refusal> {
    let namespaces = resource(on, "", "namespaces")?;
    on.api
        .delete(&namespaces, None, on.name(), &on.options()?)?;
    Ok(success(StatusCode::OK))
}

/// A request for a new one, or the question whether that is allowed.
pub(super) fn request(on: &On<'_>, verb: Verb) -> Result<Response<Body>, Refusal> {
    if verb == Verb::Create {
        return requested(on);
    }
    let wanted = Attributes {
        verb: "create".to_owned(),
        group: project::GROUP.to_owned(),
        resource: "projectrequests".to_owned(),
        ..Attributes::default()
    };
    if authz::decide(&on.api.store, on.user, &wanted).allowed {
        Ok(success(StatusCode::OK))
    } else {
        Err(project::may_not_request())
    }
}

fn requested(on: &On<'_>) -> Result<Response<Body>, Refusal> {
    let request = on.body()?;
    let wanted = name(&request).to_owned();
    project::check_request(&request)?;
    let namespaces = resource(on, "", "namespaces")?;
    if on.api.get(&namespaces, None, &wanted).is_ok() {
        return Err(project::taken(&wanted));
    }
    let how = own(on);
    let namespace = project::requested(&request, &on.user.name);
    let written = on.api.create(&namespaces, None, namespace, &how)?;
    if !how.dry_run {
        let bindings = resource(on, "rbac.authorization.k8s.io", "rolebindings")?;
        let binding: Value = project::admin_binding(&wanted, &on.user.name);
        on.api.create(&bindings, Some(&wanted), binding, &how)?;
    }
    let project = project::of_namespace(&written.object);
    Ok(on.object(StatusCode::CREATED, &project, &[]))
}
