//! Whose a project is. What somebody else made is neither written to nor deleted.

use super::progress::Progress;
use crate::cluster::project::{CLASS, MANAGED_BY, Project, STUDENT};

/// Whose a project is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ownership {
    /// There is none, or none that this user may see.
    Absent,
    /// Made in this lab: reset deletes it.
    Ours(Project),
    /// Made for this student by an instructor: reset empties it.
    Given(Project),
    /// Somebody else's.
    Foreign(Project),
}

/// Decides by labels, by the uid that was remembered, by who asked for it, and by its age: what is younger than the start
/// of the lab and carries the lab's name was made in it.
#[must_use]
pub fn of(project: Option<Project>, progress: &Progress, student: &str, user: &str) -> Ownership {
    let Some(project) = project else {
        return Ownership::Absent;
    };
    let label = |key: &str| project.labels.get(key).map(String::as_str);
    let labelled = label(MANAGED_BY) == Some("ccnr");
    let for_other = label(STUDENT).is_some_and(|s| s != student);
    let remembered = progress.projects.get(&project.name) == Some(&project.uid);
    let since_start = match (project.created, progress.started_at) {
        // The API server counts whole seconds.
        (Some(created), Some(started)) => created.as_second() >= started.as_second(),
        _ => false,
    };
    let asked_by_other = project.requester.as_ref().is_some_and(|r| r != user);
    if for_other {
        Ownership::Foreign(project)
    } else if labelled && project.labels.contains_key(CLASS) {
        Ownership::Given(project)
    } else if asked_by_other && !remembered {
        // Two people took the same id.
        Ownership::Foreign(project)
    } else if labelled || remembered || since_start {
        Ownership::Ours(project)
    } else {
        Ownership::Foreign(project)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(labels: &[(&str, &str)], created: &str) -> Project {
        let owned = |(k, v): &(&str, &str)| ((*k).to_owned(), (*v).to_owned());
        Project {
            name: "sato-web".to_owned(),
            uid: "u1".to_owned(),
            labels: labels.iter().map(owned).collect(),
            requester: None,
            created: created.parse().ok(),
            terminating: false,
        }
    }

    fn started() -> Progress {
        Progress {
            started_at: "2026-01-02T00:00:00.7Z".parse().ok(),
            ..Progress::default()
        }
    }

    const OLD: &str = "2026-01-01T00:00:00Z";
    const NEW: &str = "2026-01-02T00:00:00Z";

    #[test]
    fn labels_say_whose_it_is() {
        let ours = project(&[(MANAGED_BY, "ccnr"), (STUDENT, "sato")], OLD);
        let given = project(
            &[(MANAGED_BY, "ccnr"), (CLASS, "osaka"), (STUDENT, "sato")],
            OLD,
        );
        let other = project(&[(MANAGED_BY, "ccnr"), (STUDENT, "mori")], NEW);
        let at = |p: Project| of(Some(p), &started(), "sato", "sato@example.com");
        assert!(matches!(at(ours), Ownership::Ours(_)));
        assert!(matches!(at(given), Ownership::Given(_)));
        assert!(matches!(at(other), Ownership::Foreign(_)));
    }

    #[test]
    fn two_people_with_the_same_id_keep_their_hands_off_each_other() {
        let mut made = project(&[(MANAGED_BY, "ccnr"), (STUDENT, "student")], NEW);
        made.requester = Some("sato".to_owned());
        let at = |user: &str| of(Some(made.clone()), &started(), "student", user);
        assert!(matches!(at("sato"), Ownership::Ours(_)));
        assert!(matches!(at("mori"), Ownership::Foreign(_)));
        let mut class = made.clone();
        class.labels.insert(CLASS.to_owned(), "osaka".to_owned());
        let given = of(Some(class), &started(), "student", "mori");
        assert!(matches!(given, Ownership::Given(_)));
    }

    #[test]
    fn without_labels_its_age_and_uid_decide() {
        let at =
            |p: Project, progress: &Progress| of(Some(p), progress, "sato", "sato@example.com");
        assert!(matches!(
            at(project(&[], NEW), &started()),
            Ownership::Ours(_)
        ));
        assert!(matches!(
            at(project(&[], OLD), &started()),
            Ownership::Foreign(_)
        ));
        assert!(matches!(
            at(project(&[], NEW), &Progress::default()),
            Ownership::Foreign(_)
        ));
        let mut known = Progress::default();
        known
            .projects
            .insert("sato-web".to_owned(), "u1".to_owned());
        assert!(matches!(at(project(&[], OLD), &known), Ownership::Ours(_)));
    }
}
