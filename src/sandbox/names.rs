//! Names and uids that the server makes, and the rules for those that it is given.
//! <https://kubernetes.io/docs/concepts/overview/working-with-objects/names/>

use std::fmt::Write as _;

/// The letters of generated names: no vowels, so that no words come of it.
const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
/// The longest base of a generated name.
const LONGEST_BASE: usize = 58;

/// A name from its base, with five more letters.
#[must_use]
pub fn generate(base: &str) -> String {
    let mut out: String = base.chars().take(LONGEST_BASE).collect();
    out.push_str(&suffix(5));
    out
}

/// So many random letters.
#[must_use]
pub fn suffix(length: usize) -> String {
    let letter = || char::from(LETTERS[fastrand::usize(..LETTERS.len())]);
    std::iter::repeat_with(letter).take(length).collect()
}

/// A random UUID, version 4.
#[must_use]
pub fn uid() -> String {
    let mut bytes = fastrand::u128(..).to_be_bytes();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut out = String::with_capacity(36);
    for (i, byte) in bytes.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            out.push('-');
        }
        // Writing to a String does not fail.
        let _ = write!(out, "{byte:02x}");
    }
    out
}

/// What is wrong with a name of the form of a DNS subdomain; nothing if it is right.
#[must_use]
pub fn subdomain_problem(name: &str) -> Option<String> {
    if name.len() > 253 {
        return Some("must be no more than 253 characters".to_owned());
    }
    let right = name.split('.').all(is_label);
    (!right).then(|| {
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')".to_owned()
    })
}

/// What is wrong with a name of the form of a DNS label; nothing if it is right.
#[must_use]
pub fn label_problem(name: &str) -> Option<String> {
    if name.len() > 63 {
        return Some("must be no more than 63 characters".to_owned());
    }
    (!is_label(name)).then(|| {
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')".to_owned()
    })
}

/// What is wrong with a Service's name; nothing if it is right.
#[must_use]
pub fn service_problem(name: &str) -> Option<String> {
    if name.len() > 63 {
        return Some("must be no more than 63 characters".to_owned());
    }
    let right = is_label(name) && name.starts_with(|c: char| c.is_ascii_lowercase());
    (!right).then(|| {
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')".to_owned()
    })
}

/// What is wrong with the key of a label, of an annotation or of a finalizer: a name, and a domain before it.
/// <https://github.com/kubernetes/apimachinery/blob/master/pkg/util/validation/validation.go> (`IsQualifiedName`)
#[must_use]
pub fn qualified_problems(key: &str) -> Vec<String> {
    const FORM: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
    let mut problems = Vec::new();
    let parts: Vec<&str> = key.split('/').collect();
    let name = match parts.as_slice() {
        [name] => name,
        [prefix, name] => {
            if prefix.is_empty() {
                problems.push("prefix part must be non-empty".to_owned());
            } else if let Some(problem) = subdomain_problem(prefix) {
                problems.push(format!("prefix part {problem}"));
            }
            name
        }
        _ => {
            problems.push(format!(
                "a qualified name {FORM} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            ));
            return problems;
        }
    };
    if name.is_empty() {
        problems.push("name part must be non-empty".to_owned());
    } else if name.len() > 63 {
        problems.push("name part must be no more than 63 characters".to_owned());
    }
    if !is_qualified(name) {
        problems.push(format!("name part {FORM}"));
    }
    problems
}

/// What is wrong with the value of a label; nothing if it is right.
#[must_use]
pub fn label_value_problem(value: &str) -> Option<&'static str> {
    if value.len() > 63 {
        return Some("must be no more than 63 characters");
    }
    (!value.is_empty() && !is_qualified(value)).then_some(
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
    )
}

fn is_qualified(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    text.chars().all(inner) && edge(text.chars().next()) && edge(text.chars().next_back())
}

/// What is wrong with the name of a port.
/// <https://github.com/kubernetes/apimachinery/blob/master/pkg/util/validation/validation.go> (`IsValidPortName`)
#[must_use]
pub fn port_problems(name: &str) -> Vec<&'static str> {
    let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let problems = [
        (name.len() > 15, "must be no more than 15 characters"),
        (
            name.is_empty() || !name.chars().all(known),
            "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)",
        ),
        (
            !name.contains(|c: char| c.is_ascii_lowercase()),
            "must contain at least one letter (a-z)",
        ),
        (name.contains("--"), "must not contain consecutive hyphens"),
        (
            name.starts_with('-') || name.ends_with('-'),
            "must not begin or end with a hyphen",
        ),
    ];
    let found = problems.into_iter().filter(|(wrong, _)| *wrong);
    found.map(|(_, problem)| problem).collect()
}

fn is_label(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty() && text.chars().all(inner) && !text.starts_with('-') && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_is_well_formed() {
        assert_eq!(uid().len(), 36);
        assert_eq!(uid().as_bytes()[14], b'4');
        let name = generate("web-");
        assert!(name.starts_with("web-") && name.len() == 9);
        assert_eq!(subdomain_problem(&name), None);
        assert!(generate(&"x".repeat(80)).len() <= 63);
    }

    #[test]
    fn what_is_given_is_checked() {
        assert_eq!(subdomain_problem("a.b-c.1"), None);
        assert!(subdomain_problem("A").is_some());
        assert!(subdomain_problem("a..b").is_some());
        assert!(label_problem("a.b").is_some());
        assert!(service_problem("1a").is_some());
        assert_eq!(service_problem("a1"), None);
    }
}
