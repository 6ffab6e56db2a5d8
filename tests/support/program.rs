//! A real cluster's programs, as the rig has built them: started against some API server, with what they say in their logs.

use std::{
    fs::{self, File},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};

use super::cluster::rig_out;

/// Where the rig puts its binaries, if this one is there.
pub fn built(name: &str) -> Result<PathBuf, String> {
    let path = rig_out().join("bin").join(name);
    let missing = || format!("the rig has no {name}: run `tests/rig/rig build`");
    path.exists().then_some(path).ok_or_else(missing)
}

/// A program that runs until this is dropped.
pub struct Program {
    child: Child,
    log: PathBuf,
}

impl Program {
    /// Starts one, with its log in a folder.
    pub fn start(folder: &Path, name: &str, command: &mut Command) -> Self {
        let log = folder.join(format!("{name}.log"));
        let file = File::create(&log).unwrap();
        command
            .stdin(Stdio::null())
            .stderr(file.try_clone().unwrap());
        let child = command.stdout(file).current_dir(folder).spawn().unwrap();
        Self { child, log }
    }

    /// What it has said so far.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// The errors of its log, but for those that hold one of these texts, in which `*` stands for anything.
    pub fn errors(&self, allowed: &[&str]) -> Vec<String> {
        let log = self.log();
        let lines = log.lines().filter(|line| is_error(line));
        let lines = lines.filter(|line| !allowed.iter().any(|text| holds(line, text)));
        lines.map(str::to_owned).collect()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether a line holds the parts of a text one after the other.
fn holds(line: &str, text: &str) -> bool {
    let mut parts = text.split('*');
    let rest = |rest: &str, part: &str| Some(rest.split_once(part)?.1.to_owned());
    parts
        .try_fold(line.to_owned(), |line, part| rest(&line, part))
        .is_some()
}

/// Whether a line tells of an error: `E1231 …` of klog, `level=error` of others, or the trace of a panic.
fn is_error(line: &str) -> bool {
    let klog = line.strip_prefix(['E', 'F']);
    let klog = klog.is_some_and(|l| l.len() > 4 && l[..4].bytes().all(|b| b.is_ascii_digit()));
    let level = [
        "level=error",
        "level=ERROR",
        "level=fatal",
        "level=panic",
        "\"level\":\"error\"",
    ];
    klog || level.iter().any(|l| line.contains(l)) || line.starts_with("panic:")
}

/// A kubeconfig like another one, in whose name requests are made for somebody else; gives its path.
pub fn kubeconfig_as(kubeconfig: &Path, user: &str, folder: &Path) -> PathBuf {
    let text = fs::read_to_string(kubeconfig).unwrap();
    let mut config: Value = serde_yaml::from_str(&text).unwrap();
    config["users"][0]["user"]["as"] = json!(user);
    let path = folder.join(format!("{}.kubeconfig", user.replace(':', "-")));
    fs::write(&path, config.to_string()).unwrap();
    path
}

/// The certificate of a kubeconfig's authority, as a file.
pub fn authority_of(kubeconfig: &Path, folder: &Path) -> PathBuf {
    use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
    let text = fs::read_to_string(kubeconfig).unwrap();
    let config: Value = serde_yaml::from_str(&text).unwrap();
    let data = config["clusters"][0]["cluster"]["certificate-authority-data"].as_str();
    let path = folder.join("authority.crt");
    fs::write(&path, BASE64.decode(data.unwrap()).unwrap()).unwrap();
    path
}

/// A port that nobody listens at.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
