//! What has to be true before a lab starts: told all at once, before anything is written.

use super::{Error, Session, ownership::Ownership};
use crate::{
    cluster::{
        resources::brought_by,
        snapshot::{Answer, Obstacle, Read},
    },
    lab::{
        model::{AccessRef, Need, Requirement},
        text::Text,
    },
};

/// A requirement that is not met.
#[derive(Debug, Clone, PartialEq)]
pub struct Unmet {
    /// What is missing.
    pub missing: Text,
    /// Why it is needed, and what to do.
    pub why: Option<Text>,
}

/// What was found before the start.
#[derive(Debug, Clone, PartialEq)]
pub struct Preflight {
    /// The lab's projects.
    pub projects: Vec<(String, Ownership)>,
    /// What is missing.
    pub unmet: Vec<Unmet>,
}

impl Session {
    /// Looks at the projects and the requirements. A project of somebody else is an error.
    pub async fn preflight(&self) -> Result<Preflight, Error> {
        let projects = self.ownership().await?;
        let foreign = projects
            .iter()
            .find(|(_, o)| matches!(o, Ownership::Foreign(_)));
        if let Some((name, _)) = foreign {
            return Err(Error::Foreign {
                name: name.clone(),
                student: self.learner.student.clone(),
            });
        }
        let exists = |name: &Option<String>| {
            let of =
                |(n, o): &(String, Ownership)| Some(n) == name.as_ref() && *o != Ownership::Absent;
            name.is_none() || projects.iter().any(of)
        };
        let asked = self.loaded.lab.requires.iter().map(|requirement| async {
            match &requirement.need {
                // Nobody may anything in a project that does not exist yet; who makes it may.
                Need::Can(access) if !exists(&access.namespace) => Ok(None),
                _ => self.unmet(requirement).await,
            }
        });
        let unmet = futures::future::try_join_all(asked).await?;
        Ok(Preflight {
            projects,
            unmet: unmet.into_iter().flatten().collect(),
        })
    }

    async fn unmet(&self, requirement: &Requirement) -> Result<Option<Unmet>, Obstacle> {
        let missing = match &requirement.need {
            Need::Api(api) if self.served.has(api) => return Ok(None),
            Need::NoApi(api) if !self.served.has(api) => return Ok(None),
            Need::Api(api) => not_served(api),
            Need::NoApi(api) => Text::new(
                format!("this cluster serves {api}"),
                format!("このクラスターには {api} があります"),
            ),
            Need::Can(access) => {
                let read = Read::Access(access.clone());
                match self.cluster.read(&read).await? {
                    Answer::Access { allowed: true, .. } => return Ok(None),
                    _ => may_not(access, self.client),
                }
            }
        };
        Ok(Some(Unmet {
            missing,
            why: requirement.why.clone(),
        }))
    }
}

fn not_served(api: &str) -> Text {
    let (en, ja) = brought_by(api).map_or_else(Default::default, |who| {
        (
            format!("; {who} brings it"),
            format!("（{who} が提供します）"),
        )
    });
    Text::new(
        format!("this cluster does not serve {api}{en}"),
        format!("このクラスターには {api} がありません{ja}"),
    )
}

fn may_not(access: &AccessRef, client: &str) -> Text {
    let (what, command) = (access.words(), access.command(client));
    Text::new(
        format!("you may not {what} (`{command}`)"),
        format!("{what} の権限がありません（`{command}`）"),
    )
}
