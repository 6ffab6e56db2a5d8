//! The command line without a cluster: exit codes, and what is said of wrong usage.
#![allow(clippy::unwrap_used)] // Helpers of tests.

use assert_cmd::Command;

fn ccnr(home: &tempfile::TempDir) -> Command {
    let mut command = Command::cargo_bin("ccnr").unwrap();
    command
        .env_clear()
        .env("HOME", home.path())
        .env("LANG", "C.UTF-8")
        .current_dir(home.path());
    command
}

/// Exit code, standard output, standard error.
fn said(args: &[&str]) -> (i32, String, String) {
    let home = tempfile::tempdir().unwrap();
    let output = ccnr(&home).args(args).output().unwrap();
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn help_and_list_need_no_cluster() {
    assert_eq!(said(&["--help"]).0, 0);
    let (code, out, err) = said(&["lab", "list"]);
    assert_eq!((code, err.as_str()), (0, ""));
    insta::assert_snapshot!(out);
    let (_, japanese, _) = said(&["--lang", "ja", "lab", "list"]);
    assert!(
        japanese.contains("プロジェクトと Kubernetes リソース"),
        "{japanese}"
    );
}

#[test]
fn a_start_of_no_lab_lists_them() {
    let (code, out, _) = said(&["lab", "start"]);
    assert_eq!(code, 2);
    assert!(out.contains("`ccnr lab start 1` starts it."), "{out}");
}

#[test]
fn a_kubeconfig_that_is_named_has_to_be_there() {
    for args in [
        &["doctor"][..],
        &["lab", "start", "1"],
        &["lab", "verify", "1"],
        &["lab", "reset", "1", "--yes"],
    ] {
        let (code, out, err) = said(&[args, &["--kubeconfig", "mine"]].concat());
        assert_eq!((code, out.as_str()), (3, ""), "{args:?}");
        assert!(err.starts_with("error: the kubeconfig mine"), "{err}");
        assert!(err.contains("\nnext:  "), "{err}");
    }
}

#[test]
fn wrong_usage_is_told_with_what_was_meant() {
    for (args, meant) in [
        (&["lab", "strat", "1"][..], "'start'"),
        (&["lab", "start", "9"], "there is no lab \"9\""),
        (
            &["--student", "Sato_", "lab", "verify", "1"],
            "--student: \"Sato_\"",
        ),
        (&["lab", "verify", "--wait", "soon"], "write 90s or 2m"),
    ] {
        let (code, _, err) = said(args);
        assert_eq!(code, 2, "{args:?}: {err}");
        assert!(err.contains(meant), "{args:?}: {err}");
    }
}

#[test]
fn a_broken_lab_is_told_with_its_place() {
    let home = tempfile::tempdir().unwrap();
    let lab = home.path().join("labs/01-mine");
    std::fs::create_dir_all(&lab).unwrap();
    std::fs::create_dir(home.path().join("manifests")).unwrap();
    std::fs::write(lab.join("lab.yaml"), "apiVersion: ccnr.dev/v1\nknid: Lab\n").unwrap();
    let output = ccnr(&home)
        .args(["--labs", ".", "lab", "list"])
        .output()
        .unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(err.contains("labs/01-mine/lab.yaml:2:1"), "{err}");
    assert!(
        err.contains("did you mean `kind`") || err.contains("did you mean \"kind\""),
        "{err}"
    );
}

#[test]
fn a_client_that_is_missing_is_told_with_where_to_get_it() {
    let (code, _, err) = said(&["oc", "get", "pods"]);
    assert_ne!(code, 0);
    assert!(err.contains("oc is not installed"), "{err}");
}

#[test]
fn completions_are_for_the_shell_that_was_asked_for() {
    let (code, out, _) = said(&["completions", "zsh"]);
    assert_eq!(code, 0);
    assert!(out.starts_with("#compdef ccnr"), "{out}");
}
