//! `ccnr class …`: the instructor's commands.

mod apply;
mod board;
mod board_served;
mod credentials;
mod destroy;
mod init;
mod plan;
mod reset;
mod solve;
mod status;
mod verify;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Subcommand};

use super::desk::Desk;
use crate::{
    class::{
        self,
        desired::Blueprint,
        model::{Class as Model, Student},
    },
    cluster::{Cluster, project::CLASS},
    session::{Learner, Session, ownership::Ownership, store::Store},
    ui,
};

/// The instructor's commands. FILE is the class's file; with --student, one or several by commas, only these are meant.
#[derive(Debug, Subcommand)]
pub(super) enum Class {
    /// Write a class file to begin with
    Init(init::Init),
    /// Say what an apply would change, and change nothing
    Plan(plan::Plan),
    /// Make the class as its file says: projects, rights, limits, credentials; then prove the isolation
    Apply(apply::Apply),
    /// Say how the class is: who is ready, what drifted, what ends when
    Status(status::Status),
    /// Show who is where, who is stuck and why: live on a terminal
    Board(board::Board),
    /// Check every student now
    Verify(verify::Verify),
    /// Write, renew or take back the students' kubeconfigs, and the sheet to print
    Credentials(credentials::Credentials),
    /// Empty a student's projects of a lab, so that it can be started over
    Reset(reset::Reset),
    /// Help a student: do a step for them, or all up to one
    Solve(solve::Solve),
    /// Take the class down, and look whether anything is left
    Destroy(destroy::Destroy),
}

pub(super) async fn run(desk: &Desk, command: Class) -> anyhow::Result<ExitCode> {
    let answers = matches!(
        command,
        Class::Plan(_) | Class::Status(_) | Class::Board(_) | Class::Verify(_)
    );
    if !answers {
        desk.text_only()?;
    }
    match command {
        Class::Init(args) => init::run(desk, &args),
        Class::Plan(args) => plan::run(desk, args).await,
        Class::Apply(args) => apply::run(desk, args).await,
        Class::Status(args) => status::run(desk, args).await,
        Class::Board(args) => board::run(desk, args).await,
        Class::Verify(args) => verify::run(desk, args).await,
        Class::Credentials(args) => credentials::run(desk, args).await,
        Class::Reset(args) => reset::run(desk, args).await,
        Class::Solve(args) => solve::run(desk, args).await,
        Class::Destroy(args) => destroy::run(desk, args).await,
    }
}

/// Which class.
#[derive(Debug, Args)]
pub(in crate::cli) struct Which {
    /// The class's file
    #[arg(value_name = "FILE", default_value = "class.yaml")]
    file: PathBuf,
}

/// The students that `--student` names, as `ID` or `ID,ID`; none for all.
fn named(desk: &Desk) -> Vec<&str> {
    let named = desk.globals.student.as_deref().into_iter();
    named
        .flat_map(|all| all.split(','))
        .filter(|id| !id.is_empty())
        .collect()
}

/// A class on its cluster.
struct Ground {
    cluster: Cluster,
    blueprint: Blueprint,
}

impl Ground {
    /// Reads the file, and looks at the cluster.
    async fn of(desk: &Desk, file: &Path) -> anyhow::Result<Self> {
        let class = Model::read(file)?;
        let cluster = desk.instructors_cluster().await?;
        let catalogue = desk.catalogue();
        let blueprint = Blueprint::survey(&cluster, &catalogue, class).await?;
        Ok(Self { cluster, blueprint })
    }

    fn class(&self) -> &Model {
        &self.blueprint.class
    }

    /// The students who are meant: all, or those that `--student` names.
    fn students(&self, desk: &Desk) -> Result<Vec<&Student>, class::Error> {
        let named = named(desk);
        if named.is_empty() {
            return Ok(self.class().students.iter().collect());
        }
        let find = |id: &&str| {
            self.class()
                .student(id)
                .ok_or_else(|| class::Error::NoStudent {
                    class: self.class().name.clone(),
                    wanted: (*id).to_owned(),
                })
        };
        named.iter().map(find).collect()
    }

    /// The students that `--student` names, of whom there has to be one: what is done to them is not done to all by mistake.
    fn named_students(&self, desk: &Desk) -> anyhow::Result<Vec<&Student>> {
        if named(desk).is_empty() {
            anyhow::bail!("whose? --student ID names one student, --student ID,ID several");
        }
        Ok(self.students(desk)?)
    }

    /// A lab as this student has it, with their record. A project that is not this class's is an error: what is in it is
    /// somebody else's.
    async fn session(&self, desk: &Desk, student: &Student, lab: &str) -> anyhow::Result<Session> {
        let learner = Learner {
            user: Some(self.class().user(student)),
            ..desk.learner_called(student.id.clone())
        };
        let store = Store::of(&self.cluster.server, &student.id);
        let session = Session::open(self.cluster.clone(), learner, Some(lab), store).await?;
        let class = &self.class().name;
        for (name, ownership) in session.ownership().await? {
            let ours = match ownership {
                Ownership::Absent => true,
                Ownership::Given(project) => project.labels.get(CLASS) == Some(class),
                Ownership::Ours(_) | Ownership::Foreign(_) => false,
            };
            if !ours {
                return Err(class::Error::Foreign {
                    what: format!("namespace {name}"),
                    class: class.clone(),
                }
                .into());
            }
        }
        Ok(session)
    }

    /// Says which class it is, and where.
    async fn head(&self, desk: &Desk, students: usize) -> anyhow::Result<String> {
        let user = self.cluster.identity().await?.name;
        let place = ui::class::Place {
            server: &self.cluster.server,
            user: &user,
            students,
        };
        Ok(ui::class::head(&self.blueprint, &place, &desk.style))
    }
}
