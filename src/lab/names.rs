//! Kubernetes' own rules for names, and the projects that are never touched.
//! <https://kubernetes.io/docs/concepts/overview/working-with-objects/names/>

/// Why a project's name can't be used, if it can't.
#[must_use]
pub fn project_problem(name: &str) -> Option<String> {
    if is_protected(name) {
        return Some(format!(
            "project \"{name}\" belongs to the cluster; labs never write to it"
        ));
    }
    label_problem(name)
}

/// Why this is no DNS label (RFC 1123, at most 63 characters), if it is none.
#[must_use]
pub fn label_problem(name: &str) -> Option<String> {
    if name.is_empty() || name.len() > 63 {
        return Some(format!(
            "\"{name}\" has {} characters; a name has 1 to 63",
            name.len()
        ));
    }
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !name.chars().all(allowed) || name.starts_with('-') || name.ends_with('-') {
        return Some(format!(
            "\"{name}\" is no name for Kubernetes: lower-case letters, digits and inner dashes only"
        ));
    }
    None
}

/// Whether a project belongs to the cluster itself.
#[must_use]
pub fn is_protected(name: &str) -> bool {
    name == "default"
        || name == "kube"
        || name.starts_with("kube-")
        || name.starts_with("openshift")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_final_length_counts() {
        assert_eq!(label_problem(&"a".repeat(63)), None);
        assert!(label_problem(&"a".repeat(64)).is_some());
        assert!(label_problem("").is_some());
    }

    #[test]
    fn what_belongs_to_the_cluster_is_refused() {
        for name in [
            "default",
            "kube-system",
            "openshift",
            "openshift-monitoring",
        ] {
            assert!(project_problem(name).is_some(), "{name}");
        }
        assert_eq!(project_problem("student-web"), None);
        assert!(project_problem("Student_web").is_some());
    }
}
