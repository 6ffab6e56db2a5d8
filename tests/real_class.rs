//! A class on a real API server, at scale and under fire: made, found in order, mended, killed in the middle, and taken down
//! without a trace. Credentials are tried for real.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests.

mod support;

use std::{
    env,
    path::PathBuf,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;
use support::{
    cluster::{RealCluster, fresh},
    proxy::{Fault, Proxy, Rate},
};

/// How many students the large class has; `CCNR_TEST_STUDENTS` for another number.
const STUDENTS: usize = 50;
/// How many trials run at once: most of their time they wait for the cluster.
const THREADS: usize = 5;
/// How many times a command is killed; `CCNR_TEST_KILLS` for another number.
const KILLS: usize = 6;

/// What is tried on a cluster.
type Check = fn(&RealCluster) -> Result<(), Failed>;

fn main() {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(THREADS);
    let cluster = RealCluster::find_api_only();
    if let Err(reason) = &cluster {
        eprintln!("skipped: a class on a real API server: {reason}");
    }
    let whole = RealCluster::find();
    if let Err(reason) = &whole {
        eprintln!("skipped: a class with operators of its own: {reason}");
    }
    let all: [(&str, Check); 4] = [
        ("a large class comes, is mended, and goes", large),
        ("students are refused all that is not theirs", apart),
        (
            "an apply or a destroy that is killed is taken up again",
            killed,
        ),
        ("faults of the API cost nothing", faults),
    ];
    let trial = |name: &str, cluster: &Result<RealCluster, String>, check: Check| {
        let cluster = cluster.clone();
        let missing = cluster.is_err();
        Trial::test(name, move || check(&cluster?)).with_ignored_flag(missing)
    };
    let mut trials: Vec<Trial> = all
        .iter()
        .map(|(name, check)| trial(name, &cluster, *check))
        .collect();
    trials.push(trial(
        "operators that students installed leave nothing",
        &whole,
        operators,
    ));
    libtest_mimic::run(&arguments, trials).exit();
}

fn number(variable: &str, usual: usize) -> usize {
    env::var(variable).map_or(usual, |v| v.parse().unwrap())
}

/// A class of its own, in a folder of its own.
struct Class {
    name: String,
    folder: tempfile::TempDir,
    kubeconfig: PathBuf,
    students: Vec<String>,
}

impl Class {
    fn new(cluster: &RealCluster, count: usize, labs: &str) -> Self {
        let name = fresh("class");
        let folder = tempfile::tempdir().unwrap();
        let file = format!(
            "apiVersion: ccnr.dev/v1\nkind: Class\nmetadata: {{name: {name}}}\nspec:\n  students: {{count: {count}, prefix: {name}}}\n  \
             labs: {labs}\n  credentials: {{dir: out}}\n"
        );
        std::fs::write(folder.path().join("class.yaml"), file).unwrap();
        let width = count.to_string().len().max(2);
        Self {
            students: (1..=count).map(|i| format!("{name}-{i:0width$}")).collect(),
            name,
            folder,
            kubeconfig: cluster.kubeconfig.clone(),
        }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ccnr"));
        command.arg("class").args(args).arg("--yes");
        command
            .env_clear()
            .env("HOME", self.folder.path())
            .env("KUBECONFIG", &self.kubeconfig);
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs it; it has to go well. Gives what it says.
    fn good(&self, args: &[&str]) -> Result<String, Failed> {
        let output = self.run(args);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok(said);
        }
        let told = String::from_utf8_lossy(&output.stderr);
        Err(format!("{args:?}: {}\n{said}\n{told}", output.status).into())
    }

    /// How many objects a plan would create, change and delete.
    fn plan(&self) -> Result<[u64; 3], Failed> {
        let plan: Value = serde_json::from_str(&self.good(&["plan", "-o", "json"])?)?;
        Ok(["create", "change", "delete"].map(|what| plan["summary"][what].as_u64().unwrap()))
    }
}

impl Drop for Class {
    fn drop(&mut self) {
        self.run(&["destroy"]);
    }
}

/// That something holds, or what was seen instead.
fn ensure(holds: bool, seen: impl std::fmt::Debug) -> Result<(), Failed> {
    if holds {
        Ok(())
    } else {
        Err(format!("{seen:?}").into())
    }
}

fn large(cluster: &RealCluster) -> Result<(), Failed> {
    let class = Class::new(
        cluster,
        number("CCNR_TEST_STUDENTS", STUDENTS),
        "[1, 2, 3, 4]",
    );
    let [create, ..] = class.plan()?;
    let said = class.good(&["apply"])?;
    ensure(said.contains("all denied"), &said)?;
    ensure(class.plan()? == [0, 0, 0], class.plan()?)?;
    let versions = versions(cluster, &class);
    class.good(&["apply", "--no-credentials"])?;
    ensure(
        versions == self::versions(cluster, &class),
        "an apply of what is in order writes nothing",
    )?;
    ensure(versions.len() as u64 > create / 8, versions.len())?;

    let [first, second] = [&class.students[1], &class.students[2]];
    cluster.kubectl(&[
        "delete",
        "networkpolicy",
        "class-isolation",
        "-n",
        &format!("{first}-web"),
    ]);
    let more = r#"{"spec":{"hard":{"pods":"99"}}}"#;
    cluster.kubectl(&[
        "patch",
        "resourcequota",
        "class",
        "-n",
        &format!("{second}-web"),
        "--type=merge",
        "-p",
        more,
    ]);
    // What a student makes is none of the class's business.
    cluster.kubectl(&["create", "configmap", "mine", "-n", &format!("{first}-web")]);
    ensure(class.plan()? == [1, 1, 0], class.plan()?)?;
    class.good(&["apply", "--no-credentials"])?;
    ensure(class.plan()? == [0, 0, 0], class.plan()?)?;
    cluster.kubectl(&["get", "configmap", "mine", "-n", &format!("{first}-web")]);

    class.good(&["reset", "--student", first, "--lab", "1"])?;
    let left = cluster.try_kubectl(&["get", "configmap", "mine", "-n", &format!("{first}-web")]);
    ensure(!left.status.success(), "a reset empties the project")?;
    ensure(class.plan()? == [0, 0, 0], class.plan()?)?;

    let said = class.good(&["destroy"])?;
    ensure(said.contains(" 0 objects left"), &said)
}

/// The versions of what the class made of a kind that nobody else writes.
fn versions(cluster: &RealCluster, class: &Class) -> Vec<String> {
    let path = "jsonpath={range .items[*]}{.metadata.namespace}/{.metadata.name} {.metadata.resourceVersion}{\"\\n\"}{end}";
    let selector = format!("ccnr.dev/class={}", class.name);
    let said = cluster.kubectl(&[
        "get",
        "rolebindings,limitranges,networkpolicies",
        "-A",
        "-l",
        &selector,
        "-o",
        path,
    ]);
    said.lines().map(str::to_owned).collect()
}

fn apart(cluster: &RealCluster) -> Result<(), Failed> {
    let class = Class::new(cluster, 5, "[1, 2, 3, 4]");
    class.good(&["apply"])?;
    let students: Vec<&str> = class.students.iter().map(String::as_str).collect();
    support::apart::try_everything(
        &class.folder.path().join("out"),
        &students,
        &format!("ccnr-{}", class.name),
    );
    Ok(())
}

/// Kills applies, then destroys, each at another moment; what is begun again ends as if nothing had been.
fn killed(cluster: &RealCluster) -> Result<(), Failed> {
    let class = Class::new(cluster, 10, "[1]");
    let began = Instant::now();
    class.good(&["apply"])?;
    let whole = began.elapsed();
    for verb in ["destroy", "apply"] {
        for _ in 0..number("CCNR_TEST_KILLS", KILLS).div_ceil(2) {
            // From the moment when it begins to write until it would be done.
            let after = whole.mul_f64(fastrand::f64());
            let mut child = class
                .command(&[verb])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()?;
            std::thread::sleep(after);
            child.kill()?;
            child.wait()?;
            println!("{verb} was killed after {} ms", after.as_millis());
        }
        // Who was killed holds the lease until it runs out.
        let deadline = Instant::now() + Duration::from_secs(45);
        let said = loop {
            match class.good(&[verb]) {
                Err(told)
                    if told
                        .message()
                        .unwrap_or_default()
                        .contains("is changing class")
                        && Instant::now() < deadline =>
                {
                    std::thread::sleep(Duration::from_secs(1));
                }
                other => break other?,
            }
        };
        let done = match verb {
            "destroy" => said.contains(" 0 objects left"),
            _ => class.plan()? == [0, 0, 0],
        };
        ensure(done, &said)?;
    }
    let files = std::fs::read_dir(class.folder.path().join("out"))?.count();
    // A kubeconfig each and the two sheets; nothing half-written beside them.
    ensure(files == 12, files)
}

fn faults(cluster: &RealCluster) -> Result<(), Failed> {
    let mut class = Class::new(cluster, 4, "[1]");
    let direct = class.kubeconfig.clone();
    let proxy = Proxy::start(&direct, class.folder.path());
    class.kubeconfig.clone_from(&proxy.kubeconfig);
    for fault in [Fault::Busy, Fault::Down, Fault::Reset, Fault::Cut] {
        proxy.set(fault, Rate::EveryThird);
        class.good(&["apply"])?;
        proxy.set(Fault::None, Rate::Always);
        ensure(class.plan()? == [0, 0, 0], (fault, class.plan()?))?;
        proxy.set(fault, Rate::EveryThird);
        let said = class.good(&["destroy"])?;
        ensure(said.contains(" 0 objects left"), (fault, said))?;
    }
    // Where nothing works, that is said, and nothing is half done.
    proxy.set(Fault::Expired, Rate::Always);
    let output = class.run(&["apply"]);
    ensure(output.status.code() == Some(3), output.status)?;
    class.kubeconfig = direct;
    Ok(())
}

/// Two students install an operator each, at the same time and with the rights that the class gave them; then the class goes.
fn operators(cluster: &RealCluster) -> Result<(), Failed> {
    let class = Class::new(cluster, 2, "[3]");
    class.good(&["apply"])?;
    std::thread::scope(|scope| {
        let all = class
            .students
            .iter()
            .map(|student| scope.spawn(|| lab_3(&class, student)));
        let all: Vec<_> = all.collect();
        all.into_iter()
            .try_for_each(|student| student.join().unwrap())
    })?;
    let said = class.good(&["destroy"])?;
    ensure(said.contains(" 0 objects left"), &said)?;
    // OLM makes its Operators again as long as something says that there are such.
    std::thread::sleep(Duration::from_secs(5));
    let left = cluster.kubectl(&["get", "operators.operators.coreos.com", "-o", "name"]);
    ensure(!left.contains(&class.name), &left)
}

fn lab_3(class: &Class, student: &str) -> Result<(), Failed> {
    let kubeconfig = class
        .folder
        .path()
        .join("out")
        .join(format!("{student}.kubeconfig"));
    let home = class.folder.path().join(student);
    std::fs::create_dir_all(&home)?;
    let ccnr = |args: &[&str]| -> Result<String, Failed> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ccnr"));
        command
            .arg("lab")
            .args(args)
            .env_clear()
            .env("HOME", &home)
            .env("KUBECONFIG", &kubeconfig);
        let output = command.current_dir(&home).stdin(Stdio::null()).output()?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() {
            Ok(said)
        } else {
            Err(format!("{args:?}: {said}{told}").into())
        }
    };
    ccnr(&["start", "3", "--yes"])?;
    ccnr(&["solve", "3", "--to", "ui", "--yes"])?;
    let report = ccnr(&["verify", "3"])?;
    ensure(report.contains("Lab 3 is done"), &report)
}
