//! What every command works with: flags, style, the way to the cluster, output.

use std::{
    env,
    io::{self, Write as _},
    path::PathBuf,
    sync::OnceLock,
    time::Duration,
};

use serde_json::Value;
use tracing_subscriber::{
    Layer as _,
    filter::{LevelFilter, Targets},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use super::{Form, Globals, client, sandbox};
use crate::{
    cluster::{Cluster, call::Limits, connect},
    lab::{
        catalogue::{self, Catalogue},
        names,
        text::Text,
    },
    sandbox::home::Identity,
    session::{self, Learner, Session, actions::Decision, store::Store},
    ui::{self, layout, place, progress::Progress, prompt, style::Style},
};

/// The flags of one run, made ready.
pub(super) struct Desk {
    pub(super) globals: Globals,
    pub(super) style: Style,
    /// The kubeconfig of the practice cluster, once it is what commands go to.
    practice: OnceLock<PathBuf>,
}

/// Our own warnings on standard error; with -vv all that is asked of the cluster, with -vvv the libraries' words too.
fn log(globals: &Globals, style: &Style) {
    let ours = match (globals.quiet, globals.verbose) {
        (true, _) => LevelFilter::ERROR,
        (_, 0 | 1) => LevelFilter::WARN,
        _ => LevelFilter::DEBUG,
    };
    let others = if globals.verbose > 2 {
        LevelFilter::DEBUG
    } else {
        LevelFilter::OFF
    };
    let levels = Targets::new()
        .with_target("ccnr", ours)
        .with_default(others);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(style.color)
        .with_target(false)
        .without_time();
    tracing_subscriber::registry()
        .with(lines.with_filter(levels))
        .init();
}

impl Desk {
    pub(super) fn new(globals: Globals) -> Self {
        let mut style = Style::detect(globals.color.into(), globals.lang.map(Into::into));
        style.verbose = globals.verbose > 0;
        log(&globals, &style);
        Self {
            globals,
            style,
            practice: OnceLock::new(),
        }
    }

    /// The bounds of one call: a few seconds more than one attempt, for the next ones.
    pub(super) fn limits(&self) -> Limits {
        let attempt = self.globals.request_timeout;
        Limits {
            attempt,
            total: attempt + Duration::from_secs(5),
            ..Limits::default()
        }
    }

    /// The cluster of the flags and the environment.
    pub(super) async fn cluster(&self, limits: Limits) -> anyhow::Result<Cluster> {
        let source = match self.kubeconfig()? {
            Some(path) => connect::find(Some(&path))?,
            None => connect::find(self.globals.kubeconfig.as_deref())?,
        };
        Ok(Cluster::connect(source, self.globals.context.clone(), limits).await?)
    }

    /// The cluster, as an instructor: in the practice cluster its administrator.
    pub(super) async fn instructors_cluster(&self) -> anyhow::Result<Cluster> {
        if self.kubeconfig()?.is_none() {
            return self.cluster(self.limits()).await;
        }
        self.notice(&ui::class::practice());
        let source = connect::find(Some(&sandbox::home().kubeconfig(Identity::Admin)))?;
        Ok(Cluster::connect(source, None, self.limits()).await?)
    }

    /// The labs of the flags.
    pub(super) fn catalogue(&self) -> Catalogue {
        match &self.globals.labs {
            Some(folder) => Catalogue::from_dir(folder),
            None => Catalogue::embedded(),
        }
    }

    /// The kubeconfig of the practice cluster, if that is what commands go to: it is asked for, or there is no kubeconfig at
    /// all. It is started where it does not run.
    pub(super) fn kubeconfig(&self) -> anyhow::Result<Option<PathBuf>> {
        self.practice(false)
    }

    /// The same; `announce`, to say so also where it ran already.
    pub(super) fn practice(&self, announce: bool) -> anyhow::Result<Option<PathBuf>> {
        if let Some(path) = self.practice.get() {
            return Ok(Some(path.clone()));
        }
        if self.names_the_practice_cluster() {
            sandbox::ensure()?;
            return Ok(None);
        }
        if !self.globals.sandbox {
            match connect::find(self.globals.kubeconfig.as_deref()) {
                Err(connect::Error::None { .. }) => {}
                Err(other) => return Err(other.into()),
                Ok(_) => return Ok(None),
            }
        }
        let (home, _, new) = sandbox::ensure()?;
        let path = home.kubeconfig(Identity::Student);
        if !self.globals.sandbox && (new || announce) {
            self.notice(&ui::sandbox::instead());
        }
        Ok(Some(self.practice.get_or_init(|| path).clone()))
    }

    /// Whether the kubeconfig that is named is the practice cluster's own, as in a terminal where it was exported.
    fn names_the_practice_cluster(&self) -> bool {
        let exported = || env::var_os("KUBECONFIG").map(PathBuf::from);
        let named = self.globals.kubeconfig.clone().or_else(exported);
        let home = sandbox::home();
        let own = [Identity::Student, Identity::Admin].map(|i| home.kubeconfig(i));
        named.is_some_and(|named| own.contains(&named) && named.exists())
    }

    /// Where the router of the practice cluster listens, if that is what commands go to and it runs.
    fn router(&self) -> Option<String> {
        let practice = self.practice.get().is_some() || self.names_the_practice_cluster();
        let running = || sandbox::home().running().ok().flatten();
        let router = practice.then(running).flatten()?.router;
        Some(router).filter(|r| !r.is_empty())
    }

    /// Whether there is no cluster at all yet: no kubeconfig, and no practice cluster that was ever started.
    pub(super) fn has_no_cluster(&self) -> bool {
        let none = connect::find(self.globals.kubeconfig.as_deref());
        matches!(none, Err(connect::Error::None { .. })) && !sandbox::home().exists()
    }

    /// Who takes labs.
    pub(super) fn learner(&self) -> Result<Learner, session::Error> {
        let student = self.student();
        if let Some(problem) = names::label_problem(&student) {
            return Err(catalogue::Error::Student(problem).into());
        }
        Ok(self.learner_called(student))
    }

    /// A learner of this id.
    pub(super) fn learner_called(&self, student: String) -> Learner {
        Learner {
            student,
            user: None,
            catalogue: self.catalogue(),
            java_image: self.globals.java_image.clone(),
            has_oc: client::in_path("oc").is_some(),
            router: self.router(),
        }
    }

    /// The id: of the flag or the environment, else of the kubeconfig that a class gives out.
    pub(super) fn student(&self) -> String {
        let named = self.globals.student.clone();
        let named = named.or_else(|| env::var("CCNR_STUDENT").ok().filter(|s| !s.is_empty()));
        let given = || {
            let source = connect::find(self.globals.kubeconfig.as_deref()).ok()?;
            source.student(self.globals.context.as_deref())
        };
        let named = named.or_else(|| given().filter(|_| !self.globals.sandbox));
        named.unwrap_or_else(|| "student".to_owned())
    }

    /// Who takes a lab, which has to be there: looked at before anything is started for it.
    pub(super) fn learner_of(&self, lab: Option<&str>) -> Result<Learner, session::Error> {
        let learner = self.learner()?;
        if let Some(wanted) = lab {
            learner
                .catalogue
                .find(wanted)
                .map_err(session::Error::Lab)?;
        }
        Ok(learner)
    }

    /// The named lab on the cluster; with none, the current one.
    pub(super) async fn session(&self, lab: Option<&str>) -> anyhow::Result<Session> {
        self.learner_of(lab)?;
        let cluster = self.cluster(self.limits()).await?;
        // Only now is it known which cluster it is.
        let learner = self.learner()?;
        let store = Store::of(&cluster.server, &learner.student);
        Ok(Session::open(cluster, learner, lab, store).await?)
    }

    /// The same for commands that the record on this machine is enough for: where the cluster gives no answer, that is said,
    /// and the record alone is used.
    pub(super) async fn session_or_record(&self, lab: Option<&str>) -> anyhow::Result<Session> {
        let error = match self.session(lab).await {
            Ok(session) => return Ok(session),
            Err(error) => error,
        };
        let Some(session::Error::Cluster(obstacle)) = error.downcast_ref() else {
            return Err(error);
        };
        let cluster = self.cluster(self.limits()).await?;
        let learner = self.learner()?;
        let store = Store::of(&cluster.server, &learner.student);
        let Some(session) = Session::open_offline(cluster, learner, lab, store)? else {
            return Err(error);
        };
        self.notice(&place::from_the_record(obstacle));
        Ok(session)
    }

    /// Asks before something is done.
    pub(super) fn confirm(&self, question: &Text) -> anyhow::Result<bool> {
        prompt::confirm(
            question.get(self.style.lang),
            self.globals.yes,
            self.style.lang,
        )
    }

    /// Whether to take over fields that belong to somebody else. Where nobody can be asked, not.
    pub(super) fn decide(&self, conflict: &Text) -> Decision {
        if self.globals.yes || prompt::possible() {
            self.notice(&place::conflict());
            for line in conflict.get(self.style.lang).lines() {
                let wrapped = layout::wrap(line, "  ", "    ", self.style.width);
                self.notice(&Text::same(wrapped.join("\n")));
            }
        } else {
            return Decision::Unasked;
        }
        match self.confirm(&place::take_over()) {
            Ok(true) => Decision::TakeOver,
            Ok(false) => Decision::Leave,
            Err(_) => Decision::Stop,
        }
    }

    /// The answer, on standard output. A reader that went away is no error.
    // Every answer goes through here, whatever it is told with.
    #[allow(clippy::unused_self)]
    pub(super) fn print(&self, text: &str) -> io::Result<()> {
        match io::stdout().write_all(text.as_bytes()) {
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }

    /// Refuses another form than text, for commands that know no other.
    pub(super) fn text_only(&self) -> anyhow::Result<()> {
        if self.globals.output == Form::Text {
            return Ok(());
        }
        let text = Text::new(
            "this command answers as text only; -o is for `ccnr lab list`, `lab status`, `lab verify` and `doctor`",
            "このコマンドはテキストでだけ答えます。-o を使えるのは `ccnr lab list`、`lab status`、`lab verify`、`doctor` です",
        );
        anyhow::bail!("{}", text.get(self.style.lang))
    }

    /// The answer as text or as JSON, as the flags say.
    pub(super) fn answer(&self, text: &str, json: &Value) -> anyhow::Result<()> {
        match self.globals.output {
            Form::Text => self.print(text)?,
            Form::Json => self.print(&format!("{json}\n"))?,
            Form::Junit | Form::Tap => {
                anyhow::bail!("only `ccnr lab verify` answers as JUnit or TAP; use -o json")
            }
        }
        Ok(())
    }

    /// A notice in the reader's language, on standard error, unless `--quiet`.
    pub(super) fn notice(&self, text: &Text) {
        if !self.globals.quiet {
            let told = text.get(self.style.lang);
            // A terminal breaks long lines in the middle of a word; a command to type stays whole.
            let told = if console::Term::stderr().is_term() {
                let wrap = |line: &str| {
                    if line.starts_with(' ') {
                        return vec![line.to_owned()];
                    }
                    layout::wrap(line, "", "", self.style.width)
                };
                told.lines().flat_map(wrap).collect::<Vec<_>>().join("\n")
            } else {
                told.to_owned()
            };
            // Nobody is left to tell if that fails.
            let _ = writeln!(io::stderr(), "{told}");
        }
    }

    /// Progress of work of known length.
    pub(super) fn bar(&self, what: &Text, whole: usize) -> Progress {
        let what = what.get(self.style.lang);
        Progress::bar(what, whole as u64, &self.style, self.globals.quiet)
    }

    /// Progress of work of unknown length.
    pub(super) fn spinner(&self, what: &Text) -> Progress {
        Progress::spinner(what.get(self.style.lang), &self.style, self.globals.quiet)
    }
}
