//! What a sandbox is like: which API groups it serves, and what is in it at the start.

use std::{fmt, str::FromStr};

/// The kinds of clusters that a sandbox can be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Flavour {
    /// Kubernetes alone.
    Kubernetes,
    /// Kubernetes with the Operator Lifecycle Manager.
    KubernetesOlm,
    /// `OpenShift`.
    #[default]
    OpenShift,
}

impl Flavour {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::OpenShift, Self::KubernetesOlm, Self::Kubernetes];

    /// Its name, as commands take it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Kubernetes => "kubernetes",
            Self::KubernetesOlm => "kubernetes-olm",
            Self::OpenShift => "openshift",
        }
    }

    /// Whether it has `OpenShift`'s API groups.
    #[must_use]
    pub fn has_openshift(self) -> bool {
        self == Self::OpenShift
    }

    /// Whether the Operator Lifecycle Manager runs in it.
    #[must_use]
    pub fn has_olm(self) -> bool {
        self != Self::Kubernetes
    }
}

impl fmt::Display for Flavour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Flavour {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|f| f.name() == text);
        found.ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            format!("there is no flavour \"{text}\"; there are {known}")
        })
    }
}
