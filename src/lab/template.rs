//! Templates in the string values of parsed YAML: a value can't change the structure around it.

use std::collections::BTreeMap;

use minijinja::{Environment, UndefinedBehavior};
use serde_json::{Value, json};

use super::{
    problem::Problem,
    yaml::{Node, Tree},
};

/// The image of lab 4's Java app, unless an instructor names another.
pub const JAVA_IMAGE: &str = "quay.io/ccnr/java-demo:1.0";

/// For whom and for which cluster a lab is rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // One per capability: each is detected alone and never inferred from another.
pub struct Context {
    /// The learner's id, a DNS label.
    pub student: String,
    /// `config.openshift.io` and `project.openshift.io` are served.
    pub openshift: bool,
    /// `operators.coreos.com` is served.
    pub olm: bool,
    /// `route.openshift.io` is served.
    pub route: bool,
    /// `build.openshift.io` is served.
    pub build: bool,
    /// `networking.k8s.io` is served.
    pub ingress: bool,
    /// `monitoring.coreos.com` is served.
    pub monitoring: bool,
    /// The image of lab 4's Java app.
    pub java_image: String,
    /// Whether the learner has `oc` at hand, for the clusters that it is made for.
    pub has_oc: bool,
    /// Where the router of the practice cluster listens, host and port, if that is where the lab runs: no DNS knows the hosts
    /// of its Routes, and no port of its Pods can be forwarded.
    pub router: Option<String>,
}

impl Context {
    /// A learner on a cluster that serves these groups.
    pub fn new(student: impl Into<String>, serves: impl Fn(&str) -> bool) -> Self {
        Self {
            student: student.into(),
            openshift: serves("config.openshift.io") && serves("project.openshift.io"),
            olm: serves("operators.coreos.com"),
            route: serves("route.openshift.io"),
            build: serves("build.openshift.io"),
            ingress: serves("networking.k8s.io"),
            monitoring: serves("monitoring.coreos.com"),
            java_image: JAVA_IMAGE.to_owned(),
            has_oc: true,
            router: None,
        }
    }

    /// The client whose commands are shown: `oc` on `OpenShift`, where the learner has it.
    #[must_use]
    pub fn client(&self) -> &'static str {
        if self.openshift && self.has_oc {
            "oc"
        } else {
            "kubectl"
        }
    }
}

/// The names that templates may use, and their values.
pub(crate) struct Scope {
    environment: Environment<'static>,
    names: BTreeMap<String, Value>,
}

impl Scope {
    /// The names every lab has.
    pub(crate) fn new(context: &Context) -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        let platform = json!({
            "openshift": context.openshift, "olm": context.olm, "route": context.route,
            "build": context.build, "ingress": context.ingress, "monitoring": context.monitoring,
            "simulated": context.router.is_some(),
        });
        let names = BTreeMap::from([
            ("student".to_owned(), Value::from(context.student.as_str())),
            ("client".to_owned(), Value::from(context.client())),
            ("platform".to_owned(), platform),
            (
                "router".to_owned(),
                Value::from(context.router.as_deref().unwrap_or_default()),
            ),
            (
                "java_image".to_owned(),
                Value::from(context.java_image.as_str()),
            ),
        ]);
        Self { environment, names }
    }

    /// The learner's id.
    pub(crate) fn student(&self) -> &str {
        self.names
            .get("student")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// Adds a name; later templates may use it.
    pub(crate) fn define(&mut self, name: &str, value: Value) {
        self.names.insert(name.to_owned(), value);
    }

    /// Renders every string below `node`, and collects what can't be rendered.
    pub(crate) fn render(&self, node: &mut Node, problems: &mut Vec<Problem>) {
        match &mut node.value {
            Tree::Scalar(Value::String(text)) if text.contains("{{") || text.contains("{%") => {
                match self.value(text) {
                    Ok(value) => node.value = Tree::Scalar(value),
                    Err(message) => problems.push(Problem::at(node.place, message)),
                }
            }
            Tree::Scalar(_) => {}
            Tree::List(items) => items
                .iter_mut()
                .for_each(|item| self.render(item, problems)),
            Tree::Map(fields) => fields
                .iter_mut()
                .for_each(|(_, value)| self.render(value, problems)),
        }
    }

    /// Renders every string of a JSON value.
    pub(crate) fn render_json(&self, value: &mut Value) -> Result<(), String> {
        match value {
            Value::String(text) if text.contains("{{") || text.contains("{%") => {
                *value = self.value(text)?;
            }
            Value::Array(items) => items
                .iter_mut()
                .try_for_each(|item| self.render_json(item))?,
            Value::Object(fields) => fields
                .values_mut()
                .try_for_each(|field| self.render_json(field))?,
            _ => {}
        }
        Ok(())
    }

    fn value(&self, text: &str) -> Result<Value, String> {
        let rendered = match lone_expression(text) {
            Some(expression) => self.expression(expression),
            None => self
                .environment
                .render_str(text, self.scope())
                .map(Value::from),
        };
        rendered.map_err(|e| {
            let detail = e.detail().map_or_else(String::new, |d| format!(": {d}"));
            format!(
                "template: {}{detail} in `{}`",
                e.kind(),
                text.lines().next().unwrap_or_default()
            )
        })
    }

    fn scope(&self) -> minijinja::Value {
        minijinja::Value::from(minijinja::value::Serde(&self.names))
    }

    fn expression(&self, expression: &str) -> Result<Value, minijinja::Error> {
        let undefined =
            || minijinja::Error::new(minijinja::ErrorKind::UndefinedError, expression.to_owned());
        let value = self
            .environment
            .compile_expression(expression)?
            .eval(self.scope())?;
        if value.is_undefined() {
            return Err(undefined());
        }
        serde_json::to_value(&value).map_err(|_| undefined())
    }
}

/// `{{ expression }}` and nothing else.
fn lone_expression(text: &str) -> Option<&str> {
    let inner = text.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    (!inner.contains("{{") && !inner.contains("{%") && !inner.contains("}}")).then_some(inner)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scope() -> Scope {
        Scope::new(&Context::new("sato", |group| {
            group == "operators.coreos.com"
        }))
    }

    #[test]
    fn commands_are_for_the_client_that_is_there() {
        let client = |openshift: bool, has_oc| {
            let mut context = Context::new("sato", |_| openshift);
            context.has_oc = has_oc;
            context.client()
        };
        assert_eq!(client(true, true), "oc");
        assert_eq!(client(true, false), "kubectl");
        assert_eq!(client(false, true), "kubectl");
    }

    fn rendered(text: &str) -> Result<Value, String> {
        let mut value = Value::from(text);
        scope().render_json(&mut value).map(|()| value)
    }

    #[test]
    fn a_lone_expression_keeps_its_type_and_other_text_is_a_string() {
        let mut scope = scope();
        scope.define("replicas", json!(3));
        assert_eq!(scope.value("{{ replicas }}"), Ok(json!(3)));
        assert_eq!(scope.value("{{ replicas }}0"), Ok(json!("30")));
        assert_eq!(rendered("{{ student }}-web"), Ok(json!("sato-web")));
        assert_eq!(
            rendered("{% if platform.olm %}a{% else %}b{% endif %}"),
            Ok(json!("a"))
        );
    }

    #[test]
    fn an_undefined_name_is_a_mistake() {
        assert!(rendered("{{ nobody }}").is_err());
        assert!(rendered("x {{ nobody }}").is_err());
        assert!(rendered("{{ student").is_err());
    }

    proptest! {
        #[test]
        fn a_value_never_changes_the_structure(student in "\\PC{0,40}") {
            let scope = Scope::new(&Context::new(student.clone(), |_| false));
            let mut tree = Node::parse("a: \"{{ student }}\"\nb: [\"x{{ student }}\"]\n").unwrap();
            let mut problems = Vec::new();
            scope.render(&mut tree, &mut problems);
            prop_assert!(problems.is_empty());
            prop_assert_eq!(tree.json(), json!({"a": student.clone(), "b": [format!("x{student}")]}));
        }
    }
}
