//! On which clusters something exists: `when`, against what is served.

use crate::lab::{
    model::{Platform, When},
    text::Text,
};

/// The groups and group/versions that the cluster serves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Served(pub Vec<String>);

impl Served {
    /// Whether a group or group/version is served.
    #[must_use]
    pub fn has(&self, group: &str) -> bool {
        self.0.iter().any(|g| g == group)
    }

    /// Whether it is OpenShift.
    #[must_use]
    pub fn is_openshift(&self) -> bool {
        self.has("config.openshift.io") && self.has("project.openshift.io")
    }

    /// Why something with this condition is not on this cluster; none if it is.
    #[must_use]
    pub fn lacks(&self, when: &When) -> Option<Text> {
        if let Some(api) = when.api.as_ref().filter(|api| !self.has(api)) {
            return Some(Text::new(
                format!("this cluster does not serve {api}"),
                format!("このクラスターには {api} がありません"),
            ));
        }
        if let Some(api) = when.no_api.as_ref().filter(|api| self.has(api)) {
            return Some(Text::new(
                format!("only for clusters without {api}"),
                format!("{api} のないクラスターだけのステップです"),
            ));
        }
        match when.platform {
            Some(Platform::OpenShift) if !self.is_openshift() => Some(Text::new(
                "only on OpenShift",
                "OpenShift だけのステップです",
            )),
            Some(Platform::Kubernetes) if self.is_openshift() => Some(Text::new(
                "not on OpenShift",
                "OpenShift 以外のステップです",
            )),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_condition_must_hold() {
        let served = Served(vec!["apps".to_owned(), "apps/v1".to_owned()]);
        let when = |api: &str, no_api: &str| When {
            api: Some(api.to_owned()),
            no_api: Some(no_api.to_owned()),
            platform: Some(Platform::Kubernetes),
        };
        assert_eq!(served.lacks(&when("apps/v1", "batch")), None);
        assert!(served.lacks(&when("batch", "x")).is_some());
        assert!(served.lacks(&when("apps", "apps/v1")).is_some());
        let openshift = When {
            platform: Some(Platform::OpenShift),
            ..When::default()
        };
        assert!(served.lacks(&openshift).is_some());
    }
}
