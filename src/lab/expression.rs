//! Expressions in CEL, Kubernetes' expression language: whether they are well-formed. `check::cel` evaluates them.

use kube_cel::cel::{ParseErrors, Program};

/// What is wrong with an expression, with line and column in it; none if it is well-formed.
#[must_use]
pub fn problem(expression: &str) -> Option<String> {
    Program::compile(expression).err().map(|e| told(&e))
}

/// Parse errors on one line.
#[must_use]
pub fn told(errors: &ParseErrors) -> String {
    let one = |e: &kube_cel::cel::ParseError| format!("{} at {}:{}", e.msg, e.pos.0, e.pos.1);
    let all: Vec<String> = errors.errors.iter().map(one).collect();
    all.join("; ")
}
