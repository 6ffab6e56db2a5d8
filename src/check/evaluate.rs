//! From a snapshot to a verdict. Pure: no I/O, no clock but the snapshot's.

use crate::cluster::snapshot::{Answer, Obstacle, ObstacleKind, Read, Snapshot};
use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    cause::{self, Weight},
    cel,
    finding::{self, show},
    matching::mismatches,
    plan,
    ready::{Readiness, is_stale, readiness},
    verdict::{Finding, Verdict},
};
use crate::lab::{
    model::{Check, Condition, Count, Given, ListRef, ObjectRef, Subject},
    text::Text,
};

/// What an evaluation knows besides the snapshot.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// The lab's parameters, bound as `params`.
    pub params: BTreeMap<String, Value>,
    /// What was kept when the step began, bound as `baseline`.
    pub baseline: BTreeMap<String, Value>,
    /// The learner's answer to a question.
    pub answer: Option<String>,
    /// `oc` or `kubectl`.
    pub client: String,
    /// The step that the check belongs to.
    pub step: String,
    /// How long ago something that the step is about last changed; `None` if nothing of it exists yet.
    pub unchanged_for: Option<std::time::Duration>,
}

/// What a condition comes to, before time is considered.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Held {
    /// It holds.
    Yes,
    /// It does not; it may yet.
    No(Finding),
    /// It does not, and waiting won't help.
    Never(Finding),
    /// It can't be said.
    Unknown(Obstacle),
}

/// Evaluates one check. A check that is not met but has time to converge is `Waiting`.
#[must_use]
pub fn evaluate(check: &Check, seen: &Snapshot, known: &Known) -> Verdict {
    let judge = Judge { check, seen, known };
    match judge.subject() {
        Held::Yes => Verdict::Pass,
        Held::Unknown(obstacle) => Verdict::Error(obstacle),
        Held::Never(finding) => Verdict::Fail(Box::new(finding)),
        Held::No(finding) => match (check.within, known.unchanged_for) {
            (Some(within), Some(age)) if age < within => Verdict::Waiting(Box::new(finding), age),
            _ => Verdict::Fail(Box::new(finding)),
        },
    }
}

/// The accepted answer of a question, as `solve` gives it: the first where several are accepted.
pub fn accepted_answer(
    check: &Check,
    seen: &Snapshot,
    known: &Known,
) -> Result<Option<String>, Obstacle> {
    let Subject::Question { given, answer, .. } = &check.subject else {
        return Ok(None);
    };
    let judge = Judge { check, seen, known };
    let bound = judge.bound(given)?;
    Ok(match judge.cel(answer, &bound)? {
        Some(Value::Array(accepted)) => accepted.first().map(plain),
        Some(Value::Bool(_)) | None => None,
        Some(value) => Some(plain(&value)),
    })
}

/// What a baseline keeps of what was read.
pub fn keep(given: &Given, keep: &str, seen: &Snapshot) -> Result<Value, Obstacle> {
    let name = match given {
        Given::Object(_) => "self",
        Given::List(_) | Given::Api(_) => "items",
    };
    let value = bound_value(&plan::given_read(given), seen)?;
    match cel::eval(keep, &[(name, &value)]) {
        Ok(cel::Outcome::Value(kept)) => Ok(kept),
        Ok(cel::Outcome::Absent(_)) => Ok(Value::Null),
        Err(error) => Err(author_error(&error)),
    }
}

struct Judge<'a> {
    check: &'a Check,
    seen: &'a Snapshot,
    known: &'a Known,
}

impl Judge<'_> {
    fn subject(&self) -> Held {
        match &self.check.subject {
            Subject::Object {
                object,
                condition,
                absent,
            } => self.object(object, condition, *absent),
            Subject::Objects {
                list,
                all,
                any,
                none,
                count,
                cel,
            } => self.objects(list, &[all, any, none], count.as_ref(), cel.as_deref()),
            Subject::Question { given, answer, .. } => self.question(given, answer),
            other => super::probe::held(other, self.seen, &self.known.client),
        }
    }

    fn object(&self, object: &ObjectRef, condition: &Condition, absent: bool) -> Held {
        let found = match answer(self.seen, &Read::Object(object.clone())) {
            Ok(Answer::Object(found)) => Some(found),
            Ok(_) => None,
            // RBAC forbids the Namespaces that don't exist to a student who may see only their own.
            Err(o)
                if o.kind == ObstacleKind::Forbidden && object.kind == "Namespace" && !absent =>
            {
                return Held::No(finding::unseen(object, &self.known.client));
            }
            Err(obstacle) => return Held::Unknown(obstacle),
        };
        match (found, absent) {
            (None, true) => Held::Yes,
            (None, false) => Held::No(finding::missing(object, &self.known.client)),
            (Some(_), true) => Held::No(finding::still_there(object, &self.known.client)),
            (Some(found), false) => self.condition(object, found, condition),
        }
    }

    fn condition(&self, reference: &ObjectRef, object: &Value, condition: &Condition) -> Held {
        if let Some(expected) = &condition.matches {
            let differences = mismatches(expected, object);
            if !differences.is_empty() {
                return Held::No(finding::differs(
                    reference,
                    &differences,
                    &self.known.client,
                ));
            }
        }
        if let Some(expression) = &condition.cel {
            match self.holds(expression, ("self", object.clone())) {
                Ok(true) => {}
                Ok(false) => {
                    return Held::No(finding::untrue(
                        reference,
                        object,
                        &self.check.title,
                        expression,
                        &self.known.client,
                    ));
                }
                Err(obstacle) => return Held::Unknown(obstacle),
            }
        }
        if condition.ready {
            return self.ready(reference, object);
        }
        Held::Yes
    }

    fn ready(&self, reference: &ObjectRef, object: &Value) -> Held {
        let slices = match self.slices(reference) {
            Ok(slices) => slices,
            Err(obstacle) => return Held::Unknown(obstacle),
        };
        let (state, failed) = match readiness(object, &slices) {
            Readiness::Ready => return Held::Yes,
            Readiness::NotYet(state) => (state, false),
            Readiness::Failed(state) => (state, true),
        };
        let listed = |list: ListRef| match self.seen.answers.get(&Read::List(list)) {
            Some(Ok(Answer::List(items))) => items.as_slice(),
            _ => &[],
        };
        let pods = plan::pods_of(reference, object).map_or(&[][..], listed);
        let warnings = listed(plan::warnings_of_pods(reference.namespace.clone()));
        let cause = cause::of(object, pods, warnings);
        let weight = cause.as_ref().map(|c| c.weight);
        // Pods and conditions don't tell of a change that its controller has not seen yet.
        let hopeless = failed || weight == Some(Weight::Hopeless) && !is_stale(object);
        match cause {
            Some(known) if weight == Some(Weight::OfCluster) => Held::Unknown(known.into()),
            cause => {
                let finding = finding::not_ready(reference, state, cause, &self.known.client);
                if hopeless {
                    Held::Never(finding)
                } else {
                    Held::No(finding)
                }
            }
        }
    }

    /// The `EndpointSlices` of a Service, which were read alone, or with those of all Services of the project.
    fn slices(&self, reference: &ObjectRef) -> Result<Vec<Value>, Obstacle> {
        if reference.kind != "Service" {
            return Ok(Vec::new());
        }
        let all = Read::List(plan::all_slices(reference.namespace.clone()));
        let own = Read::List(plan::slices_of(reference));
        let read = if self.seen.answers.contains_key(&all) {
            all
        } else {
            own
        };
        let of_it = |s: &&Value| {
            s.pointer("/metadata/labels/kubernetes.io~1service-name")
                .is_none_or(|name| *name == reference.name)
        };
        match answer(self.seen, &read)? {
            Answer::List(items) => Ok(items.iter().filter(of_it).cloned().collect()),
            _ => Ok(Vec::new()),
        }
    }

    fn objects(
        &self,
        list: &ListRef,
        [all, any, none]: &[&Option<Condition>; 3],
        count: Option<&Count>,
        cel: Option<&str>,
    ) -> Held {
        let items = match answer(self.seen, &Read::List(list.clone())) {
            Ok(Answer::List(items)) => items.as_slice(),
            Ok(_) => &[],
            Err(obstacle) => return Held::Unknown(obstacle),
        };
        let each = |condition: &Condition| -> Result<Vec<Held>, Obstacle> {
            items
                .iter()
                .map(|item| {
                    match self.condition(&finding::reference(list, item), item, condition) {
                        Held::Unknown(obstacle) => Err(obstacle),
                        held => Ok(held),
                    }
                })
                .collect()
        };
        let client = &self.known.client;
        let judged = || -> Result<Held, Obstacle> {
            if let Some(condition) = all {
                if items.is_empty() {
                    return Ok(Held::No(finding::none_found(list, client)));
                }
                let held = each(condition)?;
                // One that can't get there decides, whatever the others may still do.
                let hopeless = held.iter().find(|h| matches!(h, Held::Never(_)));
                if let Some(held) = hopeless.or_else(|| held.iter().find(|h| **h != Held::Yes)) {
                    return Ok(held.clone());
                }
            }
            if let Some(condition) = any {
                let held = each(condition)?;
                if !held.contains(&Held::Yes) {
                    // One that may still get there gives hope.
                    let hope = held.iter().find(|h| matches!(h, Held::No(_)));
                    let none = || Held::No(finding::none_found(list, client));
                    return Ok(hope.or(held.first()).cloned().unwrap_or_else(none));
                }
            }
            if let Some(condition) = none
                && let Some(i) = each(condition)?.iter().position(|h| *h == Held::Yes)
            {
                return Ok(Held::No(finding::unwanted(list, &items[i], client)));
            }
            if let Some(count) = count {
                let number = each(&count.filter)?
                    .iter()
                    .filter(|h| **h == Held::Yes)
                    .count();
                if !within(count, number) {
                    return Ok(Held::No(finding::wrong_count(list, count, number, client)));
                }
            }
            if let Some(expression) = cel
                && !self.holds(expression, ("items", Value::Array(items.to_vec())))?
            {
                let title = &self.check.title;
                return Ok(Held::No(finding::untrue_of_list(list, title, client)));
            }
            Ok(Held::Yes)
        };
        judged().unwrap_or_else(Held::Unknown)
    }

    fn question(&self, given: &BTreeMap<String, Given>, expression: &str) -> Held {
        let Some(said) = &self.known.answer else {
            return Held::Never(finding::unanswered(&self.known.step));
        };
        let right = || -> Result<bool, Obstacle> {
            let mut bound = self.bound(given)?;
            bound.push(("answer".to_owned(), Value::from(said.trim())));
            Ok(match self.cel(expression, &bound)? {
                Some(Value::Bool(right)) => right,
                Some(Value::Array(accepted)) => accepted.iter().any(|a| equals(said, a)),
                Some(value) => equals(said, &value),
                None => false,
            })
        };
        match right() {
            Ok(true) => Held::Yes,
            Ok(false) => Held::Never(Finding {
                expected: Text::new(
                    "the answer that the cluster gives",
                    "クラスターの現在の状態と一致する答え",
                ),
                observed: Text::same(show(&Value::from(said.as_str()))),
                next: Some(finding::answer_again(&self.known.step)),
                ..Finding::default()
            }),
            Err(obstacle) => Held::Unknown(obstacle),
        }
    }

    fn bound(&self, given: &BTreeMap<String, Given>) -> Result<Vec<(String, Value)>, Obstacle> {
        given
            .iter()
            .map(|(name, given)| {
                Ok((
                    name.clone(),
                    bound_value(&plan::given_read(given), self.seen)?,
                ))
            })
            .collect()
    }

    /// Whether a condition holds: not where it uses a field that is not there. One that says neither yes nor no is a
    /// mistake in the lab.
    fn holds(&self, expression: &str, (name, value): (&str, Value)) -> Result<bool, Obstacle> {
        match self.cel(expression, &[(name.to_owned(), value)])? {
            Some(Value::Bool(holds)) => Ok(holds),
            None => Ok(false),
            Some(other) => Err(Obstacle::of_lab(format!(
                "CEL: `{expression}` gives {}, neither true nor false",
                show(&other)
            ))),
        }
    }

    /// `None`: the expression uses a field that is not there.
    fn cel(&self, expression: &str, bound: &[(String, Value)]) -> Result<Option<Value>, Obstacle> {
        let params = Value::Object(self.known.params.clone().into_iter().collect());
        let baseline = Value::Object(self.known.baseline.clone().into_iter().collect());
        let mut names = vec![("params", &params), ("baseline", &baseline)];
        names.extend(bound.iter().map(|(name, value)| (name.as_str(), value)));
        match cel::eval(expression, &names) {
            Ok(cel::Outcome::Value(value)) => Ok(Some(value)),
            Ok(cel::Outcome::Absent(key)) => match lacks_name(expression, &key, self.known) {
                Some(name) => Err(Obstacle::of_lab(format!(
                    "CEL: there is no {name}.{key} in `{expression}`"
                ))),
                None => Ok(None),
            },
            Err(error) => Err(author_error(&error)),
        }
    }
}

/// Which of the names that the lab itself binds an expression looks a key up in that it does not have.
fn lacks_name(expression: &str, key: &str, known: &Known) -> Option<&'static str> {
    let bound = [("params", &known.params), ("baseline", &known.baseline)];
    let lacks = |(name, values): &(&str, &BTreeMap<String, Value>)| {
        let whole = format!("{name}.{key}");
        let part = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
        let alone = |(i, _): (usize, &str)| {
            let before = expression[..i].chars().next_back();
            let after = expression[i + whole.len()..].chars().next();
            !before.is_some_and(part) && !after.is_some_and(|c| part(c) && c != '.')
        };
        !values.contains_key(key) && expression.match_indices(&whole).any(alone)
    };
    bound.into_iter().find(lacks).map(|(name, _)| name)
}

fn within(count: &Count, number: usize) -> bool {
    count.equal.is_none_or(|n| number == n)
        && count.min.is_none_or(|n| number >= n)
        && count.max.is_none_or(|n| number <= n)
}

/// The answer to a read. One that was never asked is a mistake of the program, not of the learner.
pub(crate) fn answer<'a>(seen: &'a Snapshot, read: &Read) -> Result<&'a Answer, Obstacle> {
    match seen.answers.get(read) {
        Some(Ok(answer)) => Ok(answer),
        Some(Err(obstacle)) => Err(obstacle.clone()),
        None => Err(Obstacle {
            kind: ObstacleKind::Other,
            message: Text::new(
                "this was not read from the cluster",
                "クラスターから読み取られていません",
            ),
            next: Text::new(
                "this is a mistake of ccnr: please report it with the step's name",
                "これは ccnr の間違いです。ステップの名前とともに報告してください",
            ),
            status: None,
        }),
    }
}

fn bound_value(read: &Read, seen: &Snapshot) -> Result<Value, Obstacle> {
    Ok(match answer(seen, read)? {
        Answer::Object(object) => object.clone(),
        Answer::List(items) => Value::Array(items.clone()),
        Answer::Kinds(kinds) => Value::from(kinds.clone()),
        _ => Value::Null,
    })
}

fn author_error(error: &cel::Error) -> Obstacle {
    Obstacle::of_lab(error.to_string())
}

/// Learners type `Deployment`, `deployment` and `"3 "`; all are meant the same, as is a name in the form that `-o name` has,
/// `replicaset.apps/web-5c86`.
fn equals(said: &str, accepted: &Value) -> bool {
    let accepted = plain(accepted);
    let (said, accepted) = (said.trim(), accepted.trim());
    let name = said.rsplit_once('/').map(|(_, name)| name);
    let name = name.filter(|_| !accepted.contains('/'));
    std::iter::once(said)
        .chain(name)
        .any(|said| said.eq_ignore_ascii_case(accepted))
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}
