//! The users, groups and `SELinux` levels that a namespace's Pods may have.
//! <https://github.com/openshift/cluster-policy-controller/tree/main/pkg/security/controller>

use std::sync::Arc;

use serde_json::{Value, json};

/// The users of a namespace's Pods: the first, and how many.
pub const UIDS: &str = "openshift.io/sa.scc.uid-range";
/// Their groups.
pub const GROUPS: &str = "openshift.io/sa.scc.supplemental-groups";
/// Their `SELinux` level.
pub const LEVEL: &str = "openshift.io/sa.scc.mcs";

/// The first user of all.
const FIRST: u64 = 1_000_000_000;
/// How many users a namespace has.
const SIZE: u64 = 10_000;
/// How many `SELinux` categories there are.
const CATEGORIES: u64 = 1024;

/// The annotations of a namespace that has none yet, beside all the others.
#[must_use]
pub fn free(namespaces: impl Iterator<Item = Arc<Value>>) -> Value {
    let first = |namespace: Arc<Value>| -> Option<u64> {
        let range = namespace["metadata"]["annotations"][UIDS].as_str()?;
        range.split('/').next()?.parse().ok()
    };
    let taken: Vec<u64> = namespaces.filter_map(first).collect();
    let free =
        (0..=CATEGORIES * CATEGORIES / 2).find(|block| !taken.contains(&(FIRST + block * SIZE)));
    let block = free.unwrap_or_default();
    let range = format!("{}/{SIZE}", FIRST + block * SIZE);
    json!({UIDS: range, GROUPS: range, LEVEL: level(block)})
}

/// The pair of categories with a number, the larger one first: `s0:c1,c0`, `s0:c2,c0`, `s0:c2,c1`.
fn level(number: u64) -> String {
    let (mut high, mut left) = (1, number);
    while left >= high && high < CATEGORIES {
        left -= high;
        high += 1;
    }
    format!("s0:c{high},c{left}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_namespaces_have_the_same_level() {
        let first: Vec<String> = (0..4).map(level).collect();
        assert_eq!(first, ["s0:c1,c0", "s0:c2,c0", "s0:c2,c1", "s0:c3,c0"]);
    }
}
