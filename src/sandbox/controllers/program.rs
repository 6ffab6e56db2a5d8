//! The programs whose control loops a sandbox can leave to others: to the real ones, started against its API.

use std::{fmt, str::FromStr};

use super::Controller;

/// A program of a real cluster, of which the sandbox has the control loops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// The controllers of Kubernetes.
    KubeControllerManager,
    /// The scheduler.
    KubeScheduler,
    /// Of the Operator Lifecycle Manager: from a `ClusterServiceVersion` on.
    OlmOperator,
    /// Of the Operator Lifecycle Manager: from a Subscription to a `ClusterServiceVersion`.
    CatalogOperator,
    /// The Prometheus Operator.
    PrometheusOperator,
}

impl Program {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::KubeControllerManager,
        Self::KubeScheduler,
        Self::OlmOperator,
        Self::CatalogOperator,
        Self::PrometheusOperator,
    ];

    /// Its name, as commands take it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::KubeControllerManager => "kube-controller-manager",
            Self::KubeScheduler => "kube-scheduler",
            Self::OlmOperator => "olm-operator",
            Self::CatalogOperator => "catalog-operator",
            Self::PrometheusOperator => "prometheus-operator",
        }
    }

    /// As which it manages fields: the file that it is run from, or what it calls itself.
    fn manager(self) -> &'static str {
        match self {
            Self::OlmOperator => "olm",
            Self::CatalogOperator => "catalog",
            Self::PrometheusOperator => "PrometheusOperator",
            other => other.name(),
        }
    }
}

impl FromStr for Program {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|p| p.name() == text);
        found.ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            format!("the sandbox can do without none of this name: \"{text}\"; there are {known}")
        })
    }
}

/// The programs that a sandbox does without.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Without(Vec<Program>);

impl Without {
    /// The word for no program.
    const NONE: &str = "none";

    /// Whether there is a program that it does without.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a controller is of none of these programs.
    #[must_use]
    pub fn keeps(&self, controller: &dyn Controller) -> bool {
        self.0.iter().all(|p| p.manager() != controller.program())
    }
}

impl fmt::Display for Without {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_none() {
            return f.write_str(Self::NONE);
        }
        let names: Vec<&str> = self.0.iter().map(|p| p.name()).collect();
        f.write_str(&names.join(","))
    }
}

impl FromStr for Without {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == Self::NONE {
            return Ok(Self::default());
        }
        let mut all = Vec::new();
        for name in text.split(',') {
            let program = name.trim().parse()?;
            if !all.contains(&program) {
                all.push(program);
            }
        }
        Ok(Self(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::{controllers, flavour::Flavour};

    #[test]
    fn each_program_has_controllers_that_go_with_it() {
        for program in Program::ALL {
            let without: Without = program.name().parse().unwrap();
            assert_eq!(without.to_string(), program.name());
            let (kept, left): (Vec<_>, Vec<_>) = controllers::all(Flavour::KubernetesOlm)
                .into_iter()
                .partition(|c| without.keeps(c.as_ref()));
            assert!(!left.is_empty() && !kept.is_empty(), "{program:?}");
        }
    }

    #[test]
    fn a_list_of_programs_is_read_as_it_is_written() {
        let text = "kube-controller-manager,kube-scheduler";
        let two: Without = "kube-controller-manager, kube-scheduler,kube-scheduler"
            .parse()
            .unwrap();
        assert_eq!(two.to_string(), text);
        assert_eq!("none".parse(), Ok(Without::default()));
        assert_eq!(Without::default().to_string(), "none");
        let refused = "kubelet".parse::<Without>().unwrap_err();
        assert!(refused.contains("prometheus-operator"), "{refused}");
    }
}
