//! From a tree to a lab: every mistake of the file is found in one reading.

mod action;
mod check;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    fields::{Fields, Problems, string, text},
    model::{Action, Baseline, Check, Lab, Need, Platform, Requirement, Run, Step, Verb, When},
    names,
    problem::{Place, Problem},
    template::{Context, Scope},
    yaml::{Node, Spot, Tree},
};

/// The most steps of a lab.
const MOST_STEPS: usize = 100;
/// The most checks of a step.
const MOST_CHECKS: usize = 50;

/// The only version of the format so far.
const VERSION: &str = "ccnr.dev/v1";

/// Renders and decodes a lab file. Manifests are not read here.
pub(super) fn lab(mut tree: Node, context: &Context) -> Result<(Lab, Scope), Vec<Problem>> {
    let problems = Problems::default();
    version(&tree, &problems);
    let mut scope = Scope::new(context);
    let params = params(&mut tree, &mut scope, &problems);
    let mut unrendered = Vec::new();
    scope.render(&mut tree, &mut unrendered);
    for problem in unrendered {
        problems.add(problem);
    }
    let lab = decode(&tree, params, &problems);
    let problems = problems.into_sorted();
    if problems.is_empty() {
        Ok((lab, scope))
    } else {
        Err(problems)
    }
}

/// The projects that a lab has for a learner, and nothing else of it: for a class of a thousand. A file with mistakes has none.
pub(super) fn projects(tree: &Node, context: &Context) -> Vec<String> {
    let mut scope = Scope::new(context);
    let problems = Problems::default();
    let mut spec = Node {
        place: tree.place,
        value: Tree::Map(Vec::new()),
    };
    if let (Tree::Map(fields), Tree::Map(kept)) = (&tree.value, &mut spec.value) {
        let whole = fields.iter().find(|(spot, _)| spot.key == "spec");
        if let Some((
            spot,
            Node {
                value: Tree::Map(fields),
                place,
            },
        )) = whole
        {
            let needed =
                |(spot, _): &&(Spot, Node)| matches!(spot.key.as_str(), "params" | "projects");
            let value = Tree::Map(fields.iter().filter(needed).cloned().collect());
            kept.push((
                spot.clone(),
                Node {
                    place: *place,
                    value,
                },
            ));
        }
    }
    params(&mut spec, &mut scope, &problems);
    scope.render(&mut spec, &mut Vec::new());
    let rendered = spec.json();
    let projects = rendered["spec"]["projects"]
        .as_array()
        .into_iter()
        .flatten();
    projects
        .filter_map(|p| p.as_str().map(str::to_owned))
        .collect()
}

/// What a step is judged by; the rest is for who takes it.
const JUDGED: [&str; 7] = [
    "id", "title", "when", "optional", "once", "baseline", "checks",
];

/// Leaves of a lab file only what steps are judged by: a class of a thousand needs no guide a thousand times.
pub(super) fn keep_checks(tree: &mut Node) {
    let Some(spec) = child(tree, "spec") else {
        return;
    };
    if let Tree::Map(fields) = &mut spec.value {
        fields.retain(|(spot, _)| ["params", "projects", "steps"].contains(&spot.key.as_str()));
    }
    let Some(Tree::List(steps)) = child(spec, "steps").map(|n| &mut n.value) else {
        return;
    };
    for step in steps {
        if let Tree::Map(fields) = &mut step.value {
            fields.retain(|(spot, _)| JUDGED.contains(&spot.key.as_str()));
        }
    }
}

/// The lab of what `keep_checks` left, for one learner. What is missing then is no mistake, so none is told.
pub(super) fn checks(mut tree: Node, context: &Context) -> Lab {
    let problems = Problems::default();
    let mut scope = Scope::new(context);
    let params = params(&mut tree, &mut scope, &problems);
    scope.render(&mut tree, &mut Vec::new());
    decode(&tree, params, &problems)
}

/// A file that this program can't know is refused before its keys are.
fn version(tree: &Node, problems: &Problems) {
    let Tree::Map(fields) = &tree.value else {
        return;
    };
    let Some((_, node)) = fields.iter().find(|(spot, _)| spot.key == "apiVersion") else {
        return;
    };
    match node.json().as_str() {
        Some(VERSION) => {}
        Some(other) if other.starts_with("ccnr.dev/") => problems.say(
            node.place,
            format!(
                "this lab is written for {other}; this ccnr knows {VERSION}: a newer ccnr is needed"
            ),
        ),
        _ => problems.say(node.place, format!("expected apiVersion {VERSION}")),
    }
}

/// Parameters are rendered in their order, each with those before it.
fn params(tree: &mut Node, scope: &mut Scope, problems: &Problems) -> BTreeMap<String, Value> {
    let mut params = BTreeMap::new();
    let Some(spec) = child(tree, "spec") else {
        return params;
    };
    if let Some(node) = child(spec, "params")
        && let Tree::Map(fields) = &mut node.value
    {
        for (spot, value) in fields {
            let mut found = Vec::new();
            scope.render(value, &mut found);
            for problem in found {
                problems.add(problem);
            }
            scope.define(&spot.key, value.json());
            params.insert(spot.key.clone(), value.json());
        }
    }
    params.insert("student".to_owned(), Value::from(scope.student()));
    params
}

fn child<'a>(node: &'a mut Node, key: &str) -> Option<&'a mut Node> {
    match &mut node.value {
        Tree::Map(fields) => fields
            .iter_mut()
            .find(|(spot, _)| spot.key == key)
            .map(|(_, node)| node),
        _ => None,
    }
}

fn decode(tree: &Node, params: BTreeMap<String, Value>, p: &Problems) -> Lab {
    let top = Fields::of(tree, &["apiVersion", "kind", "metadata", "spec"], p);
    top.need("apiVersion");
    if top.string("kind") != "Lab" {
        p.say(
            top.get("kind").map_or(top.place(), |n| n.place),
            "expected kind: Lab",
        );
    }
    let nothing = Node {
        place: top.place(),
        value: Tree::Map(Vec::new()),
    };
    let meta_keys = ["id", "number", "minutes", "title", "summary"];
    let meta = Fields::of(top.need("metadata").unwrap_or(&nothing), &meta_keys, p);
    let spec_keys = ["needs", "params", "projects", "requires", "setup", "steps"];
    let spec = Fields::of(top.need("spec").unwrap_or(&nothing), &spec_keys, p);
    meta.need("number");
    meta.need("minutes");
    for node in spec.items("projects") {
        if let Some(problem) = string(node, p).and_then(|name| names::project_problem(&name)) {
            p.say(node.place, problem);
        }
    }
    let projects = spec.strings("projects");
    let steps: Vec<Step> = spec
        .items("steps")
        .iter()
        .map(|n| step(n, &projects, p))
        .collect();
    unique(
        spec.items("steps"),
        steps.iter().map(|s| s.id.as_str()),
        "step",
        p,
    );
    if steps.is_empty() {
        p.say(spec.place(), "a lab has at least one step");
    }
    at_most(MOST_STEPS, spec.items("steps"), "steps", p);
    Lab {
        id: meta.string("id"),
        number: meta.number("number").unwrap_or_default(),
        minutes: meta.number("minutes").unwrap_or_default(),
        title: meta.text("title"),
        summary: meta.text("summary"),
        needs: spec.strings("needs"),
        params,
        requires: spec
            .items("requires")
            .iter()
            .filter_map(|n| requirement(n, p))
            .collect(),
        setup: actions(spec.items("setup"), &projects, p),
        steps,
        projects,
    }
}

fn step(node: &Node, projects: &[String], p: &Problems) -> Step {
    let keys = [
        "id", "title", "when", "optional", "once", "text", "files", "run", "baseline", "checks",
        "hints", "solve", "debrief",
    ];
    let f = Fields::of(node, &keys, p);
    let checks: Vec<Check> = f
        .items("checks")
        .iter()
        .filter_map(|n| check::check(n, p))
        .collect();
    unique(
        f.items("checks"),
        checks.iter().map(|c| c.id.as_str()),
        "check",
        p,
    );
    if f.need("checks").is_some() && f.items("checks").is_empty() {
        p.say(node.place, "a step has at least one check");
    }
    at_most(MOST_CHECKS, f.items("checks"), "checks", p);
    if f.items("hints").len() < 2 {
        p.say(node.place, "a step has at least two hints");
    }
    f.need("solve");
    let solve = actions(f.items("solve"), projects, p);
    for (action, node) in solve.iter().zip(f.items("solve")) {
        if let Verb::Wait(id) = &action.verb
            && !checks.iter().any(|c| c.id == *id)
        {
            let known: Vec<&str> = checks.iter().map(|c| c.id.as_str()).collect();
            p.add(Problem::unknown(node.place, "check", id, &known));
        }
    }
    Step {
        id: f.string("id"),
        title: f.text("title"),
        when: when(f.get("when"), p),
        optional: f.flag("optional", false),
        once: f.flag("once", false),
        text: f.text("text"),
        files: f.strings("files"),
        run: f.get("run").map(|n| run(n, p)).unwrap_or_default(),
        baseline: f.named("baseline", |n| baseline(n, p)),
        checks,
        hints: f.items("hints").iter().map(|n| text(n, p)).collect(),
        solve,
        debrief: f.maybe_text("debrief"),
    }
}

/// Actions, each of which changes the lab's own projects only.
fn actions(nodes: &[Node], projects: &[String], p: &Problems) -> Vec<Action> {
    let one = |node: &Node| {
        let action = action::action(node, p)?;
        if let Some(project) = action.verb.project()
            && (names::is_protected(project) || !projects.iter().any(|own| own == project))
        {
            let problem = format!("it changes \"{project}\", which is none of the lab's projects");
            p.say(node.place, problem);
        }
        Some(action)
    };
    nodes.iter().filter_map(one).collect()
}

fn run(node: &Node, p: &Problems) -> Run {
    let f = Fields::of(node, &["openshift", "kubernetes", "all"], p);
    if f.get("all").is_some() {
        // A template leaves nothing of a command where it does not apply.
        let mut all = f.strings("all");
        all.retain(|command| !command.trim().is_empty());
        return Run {
            openshift: all.clone(),
            kubernetes: all,
        };
    }
    Run {
        openshift: f.strings("openshift"),
        kubernetes: f.strings("kubernetes"),
    }
}

fn baseline(node: &Node, p: &Problems) -> Baseline {
    let f = Fields::of(node, &["object", "list", "api", "keep"], p);
    Baseline {
        given: check::given(node, p),
        keep: match check::cel(&f, "keep") {
            Some(keep) => keep,
            None => f.string("keep"),
        },
    }
}

fn requirement(node: &Node, p: &Problems) -> Option<Requirement> {
    let f = Fields::of(node, &["api", "noApi", "can", "resource", "in", "why"], p);
    let need = if let Some(api) = f.maybe("api") {
        Need::Api(api)
    } else if let Some(api) = f.maybe("noApi") {
        Need::NoApi(api)
    } else if let Some(verb) = f.maybe("can") {
        Need::Can(check::access(&f, &verb))
    } else {
        p.say(node.place, "a requirement has one of api, noApi, can");
        return None;
    };
    Some(Requirement {
        need,
        why: f.maybe_text("why"),
    })
}

/// A condition on the cluster; none given holds everywhere.
fn when(node: Option<&Node>, p: &Problems) -> When {
    let Some(node) = node else {
        return When::default();
    };
    let f = Fields::of(node, &["api", "noApi", "platform"], p);
    let platform = f.maybe("platform").and_then(|name| match name.as_str() {
        "openshift" => Some(Platform::OpenShift),
        "kubernetes" => Some(Platform::Kubernetes),
        other => {
            p.add(Problem::unknown(
                node.place,
                "platform",
                other,
                &["openshift", "kubernetes"],
            ));
            None
        }
    });
    When {
        api: f.maybe("api"),
        no_api: f.maybe("noApi"),
        platform,
    }
}

/// One too many is a mistake at its own place.
fn at_most(most: usize, nodes: &[Node], what: &str, p: &Problems) {
    if let Some(node) = nodes.get(most) {
        p.say(node.place, format!("more than {most} {what} here"));
    }
}

fn unique<'a>(nodes: &[Node], ids: impl Iterator<Item = &'a str>, what: &str, p: &Problems) {
    let mut seen = BTreeSet::new();
    for (i, id) in ids.enumerate() {
        let place = nodes.get(i).map_or(Place::default(), |n| n.place);
        if !seen.insert(id) {
            p.say(place, format!("there is another {what} \"{id}\""));
        }
        if let Some(problem) = names::label_problem(id) {
            p.say(place, problem);
        }
    }
}
