//! What a request's parameters may say of how it is meant.
//! <https://github.com/kubernetes/apimachinery/blob/master/pkg/apis/meta/v1/validation/validation.go>

use serde_json::{Value, json};

use super::request::{Query, Verb};
use crate::sandbox::{
    go,
    status::{Cause, Refusal},
};

/// The longest name of a field manager, in bytes.
const LONGEST_MANAGER: usize = 128;

/// Refuses parameters that make no sense for what is done; `applies` says whether a patch is a server-side apply.
pub(super) fn check(query: &Query, verb: Verb, applies: bool) -> Result<(), Refusal> {
    match verb {
        Verb::Create => refuse("CreateOptions", writing(query)),
        Verb::Update => refuse("UpdateOptions", writing(query)),
        Verb::Patch => {
            let mut causes = forcing(query, applies);
            causes.extend(writing(query));
            refuse("PatchOptions", causes)
        }
        Verb::List | Verb::DeleteCollection => {
            number(query, "limit")?;
            number(query, "timeoutSeconds")?;
            refuse("ListOptions", listing(query))
        }
        Verb::Watch => {
            number(query, "limit")?;
            number(query, "timeoutSeconds")?;
            refuse("ListOptions", watching(query))
        }
        Verb::Get | Verb::Delete => Ok(()),
    }
}

/// A parameter that is a whole number.
pub(super) fn number(query: &Query, name: &str) -> Result<Option<i64>, Refusal> {
    let text = query.get(name);
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| {
        Refusal::bad_request(format!(
            "strconv.ParseInt: parsing {}: invalid syntax",
            go::quoted(text)
        ))
    })
}

/// What `dryRun` has wrong, which is `All` where it is given.
fn dry_run(values: &[&str]) -> Option<Cause> {
    let wrong = values.iter().any(|v| *v != "All");
    wrong.then(|| Cause::not_supported("dryRun", &json!(values), &["All"]))
}

/// What the parameters of a deletion say, as the options that a body would hold.
pub(super) fn of_deletion(query: &Query) -> Result<Value, Refusal> {
    let mut options = json!({});
    if query.is_given("dryRun") {
        options["dryRun"] = json!(query.all("dryRun"));
    }
    if let Some(seconds) = number(query, "gracePeriodSeconds")? {
        options["gracePeriodSeconds"] = json!(seconds);
    }
    if query.is_given("orphanDependents") {
        options["orphanDependents"] = json!(query.is("orphanDependents"));
    }
    if query.is_given("propagationPolicy") {
        options["propagationPolicy"] = json!(query.get("propagationPolicy"));
    }
    Ok(options)
}

/// The refusal of options.
fn refuse(kind: &str, causes: Vec<Cause>) -> Result<(), Refusal> {
    if causes.is_empty() {
        return Ok(());
    }
    Err(Refusal::of_options(kind, causes))
}

fn forcing(query: &Query, applies: bool) -> Vec<Cause> {
    let mut causes = Vec::new();
    if !applies && query.is_given("force") {
        let why = "may not be specified for non-apply patch";
        causes.push(Cause::forbidden("force", why));
    }
    if applies && query.get("fieldManager").is_empty() {
        causes.push(Cause::no_manager());
    }
    causes
}

fn writing(query: &Query) -> Vec<Cause> {
    let mut causes = Vec::new();
    let manager = query.get("fieldManager");
    if manager.len() > LONGEST_MANAGER {
        causes.push(Cause::too_long("fieldManager", LONGEST_MANAGER));
    }
    for (at, c) in manager.char_indices().filter(|(_, c)| !go::is_print(*c)) {
        let why = format!(
            "invalid character U+{:04X} (at position {at})",
            u32::from(c)
        );
        causes.push(Cause::invalid("fieldManager", &json!(manager), &why));
    }
    causes.extend(dry_run(&query.all("dryRun")));
    let validation = query.get("fieldValidation");
    let known = ["", "Ignore", "Strict", "Warn"];
    if !known.contains(&validation) {
        let cause = Cause::not_supported("fieldValidation", &json!(validation), &known);
        causes.push(cause);
    }
    causes
}

fn forbidden(why: &str) -> Cause {
    Cause::forbidden("resourceVersionMatch", why)
}

/// What every use of `resourceVersionMatch` has to keep to.
fn matching(query: &Query, known: &[&str]) -> Vec<Cause> {
    let wanted = query.get("resourceVersionMatch");
    let mut causes = Vec::new();
    if !query.get("continue").is_empty() {
        let why = "resourceVersionMatch is forbidden when continue is provided";
        causes.push(forbidden(why));
    }
    if !known.contains(&wanted) {
        let cause = Cause::none_of_its_type("resourceVersionMatch", wanted, known);
        causes.push(cause);
    }
    causes
}

fn listing(query: &Query) -> Vec<Cause> {
    if query.is_given("sendInitialEvents") {
        let why = "sendInitialEvents is forbidden for list";
        return vec![Cause::forbidden("sendInitialEvents", why)];
    }
    let wanted = query.get("resourceVersionMatch");
    if wanted.is_empty() {
        return Vec::new();
    }
    let mut causes = Vec::new();
    if query.get("resourceVersion").is_empty() {
        let why = "resourceVersionMatch is forbidden unless resourceVersion is provided";
        causes.push(forbidden(why));
    }
    causes.extend(matching(query, &["Exact", "NotOlderThan", ""]));
    if wanted == "Exact" && query.get("resourceVersion") == "0" {
        let why = "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"";
        causes.push(forbidden(why));
    }
    causes
}

fn watching(query: &Query) -> Vec<Cause> {
    let wanted = query.get("resourceVersionMatch");
    let mut causes = Vec::new();
    if query.is_given("sendInitialEvents") {
        if wanted != "NotOlderThan" {
            let why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
            causes.push(forbidden(why));
        }
    } else if !wanted.is_empty() {
        let why =
            "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
        causes.push(forbidden(why));
    }
    if !wanted.is_empty() {
        causes.extend(matching(query, &["NotOlderThan"]));
    }
    causes
}
