//! `ccnr class init`.

use std::{fs::OpenOptions, io::Write as _, path::PathBuf, process::ExitCode};

use clap::Args;

use crate::{class::model::name_problem, cli::desk::Desk, lab::text::Text, ui::prompt};

/// Arguments of `ccnr class init`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Init {
    /// The file to write
    #[arg(value_name = "FILE", default_value = "class.yaml")]
    file: PathBuf,
    /// The class's name
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// How many students
    #[arg(long, value_name = "COUNT")]
    students: Option<usize>,
}

pub(super) fn run(desk: &Desk, args: &Init) -> anyhow::Result<ExitCode> {
    let lang = desk.style.lang;
    let taken = || {
        anyhow::anyhow!(
            "{} is there already, and is left as it is",
            args.file.display()
        )
    };
    if args.file.exists() {
        return Err(taken());
    }
    let ask = |given: Option<String>, question: Text, usual: &str| -> anyhow::Result<String> {
        match given {
            Some(given) => Ok(given),
            None if prompt::possible() && !desk.globals.yes => {
                prompt::line(question.get(lang), usual)
            }
            None => Ok(usual.to_owned()),
        }
    };
    let name = ask(
        args.name.clone(),
        Text::new("What is the class called?", "クラスの名前は?"),
        "my-class",
    )?;
    if let Some(problem) = name_problem(&name) {
        anyhow::bail!("{problem}");
    }
    let count = args.students.map(|n| n.to_string());
    let count = ask(
        count,
        Text::new("How many students?", "受講者は何人ですか?"),
        "20",
    )?;
    let count: usize = count
        .parse()
        .map_err(|_| anyhow::anyhow!("\"{count}\" is no number of students"))?;
    let text = TEMPLATE
        .replace("NAME", &name)
        .replace("COUNT", &count.to_string());
    // A file that came meanwhile is somebody's work too.
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&args.file)
        .map_err(|e| match e.kind() {
            std::io::ErrorKind::AlreadyExists => taken(),
            _ => anyhow::anyhow!("{} can't be written: {e}", args.file.display()),
        })?;
    file.write_all(text.as_bytes())?;
    let file = args.file.display();
    desk.notice(&Text::new(
        format!("Written: {file}\nNext, look at it, then:\n\n    ccnr class plan {file}"),
        format!("作成しました: {file}\n内容を確認してから、次を実行してください:\n\n    ccnr class plan {file}"),
    ));
    Ok(ExitCode::SUCCESS)
}

/// The file to begin with. What it says is what holds without it, but for the students.
const TEMPLATE: &str = "\
apiVersion: ccnr.dev/v1
kind: Class
metadata:
  name: NAME
spec:
  # So many students, called PREFIX-01, PREFIX-02 and so on. Or a roster:
  # a CSV file with the columns id, name, email and language (en or ja), or
  # a YAML list with the same keys.  students: {roster: students.csv}
  students: {count: COUNT, prefix: student}

  # The labs, by number or id.
  labs: [1, 2, 3, 4]

  # What each project may use: small, medium, large, none, or hard limits by
  # name, such as {requests.cpu: 500m, pods: 10}.
  budget: medium

  # Whether students' Pods are kept apart by network policies.
  isolation: true

  # Each student's kubeconfig: how long it is good for, and the folder that
  # it is written to.
  credentials: {kind: token, expires: 12h, dir: NAME}

  # The last day; `ccnr class status` warns, and `ccnr class destroy --expired`
  # takes the class down after it.
  # expires: 2026-12-31

  # A file with registry credentials (.dockerconfigjson) that every project
  # gets.
  # pullSecret: pull-secret.json

  # Users who may work in every project, besides you.
  # instructors: [kim]
";

#[cfg(test)]
mod tests {
    use crate::class::model::Class;

    #[test]
    fn the_file_to_begin_with_is_a_good_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("class.yaml");
        let text = super::TEMPLATE.replace("NAME", "a").replace("COUNT", "3");
        // What is commented out has to be right too.
        let uncommented = text
            .replace("  # expires", "  expires")
            .replace("  # pullSecret", "  pullSecret")
            .replace("  # instructors", "  instructors");
        for text in [text, uncommented] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(Class::read(&path).unwrap().students.len(), 3);
        }
    }
}
