//! What a Build prints: the lines of the stages that it has come through.
//! <https://github.com/openshift/builder>

use serde_json::Value;

use super::{image::REGISTRY, list, text};

/// Whether nothing more is going to be printed.
#[must_use]
pub fn is_complete(build: &Value) -> bool {
    let phase = text(build, "/status/phase");
    matches!(phase, "Complete" | "Failed" | "Error" | "Cancelled")
}

/// The log so far.
#[must_use]
pub fn written(build: &Value) -> String {
    let mut lines = Vec::new();
    for stage in list(build, "/status/stages") {
        lines.extend(stage_lines(build, text(stage, "/name")));
    }
    if text(build, "/status/phase") == "Complete" {
        lines.push("Push successful".to_owned());
    }
    if text(build, "/status/phase") == "Failed" {
        lines.extend(failure(build));
    }
    lines.into_iter().map(|line| line + "\n").collect()
}

fn stage_lines(build: &Value, stage: &str) -> Vec<String> {
    let spec = &build["spec"];
    let uri = text(spec, "/source/git/uri");
    let from = super::build::strategy(build).map_or("", |s| text(s, "/from/name"));
    let is_source = spec["strategy"]["sourceStrategy"].is_object();
    match stage {
        "FetchInputs" if uri.is_empty() => vec!["Receiving source from STDIN as archive ...".to_owned()],
        "FetchInputs" => {
            let mut lines = vec![format!("Cloning \"{uri}\" ...")];
            let revision = &spec["revision"]["git"];
            let commit = revision["commit"].as_str().map_or_else(
                || super::image::digest(&format!("{uri}{}", text(spec, "/source/git/ref")))[7..47].to_owned(),
                str::to_owned,
            );
            lines.push(format!("\tCommit:\t{commit} (Update dependencies)"));
            lines.push("\tAuthor:\tThe authors <authors@example.test>".to_owned());
            lines
        }
        "PullImages" => vec![
            "time=\"2025-01-01T00:00:00Z\" level=info msg=\"Not using native diff for overlay, this may cause degraded performance for building images: kernel has CONFIG_OVERLAY_FS_REDIRECT_DIR enabled\"".to_owned(),
            format!("Trying to pull {from}..."),
            "Getting image source signatures".to_owned(),
            "Writing manifest to image destination".to_owned(),
        ],
        "Build" if is_source => source_lines(from),
        "Build" => vec![format!("STEP 1/2: FROM {from}"), "STEP 2/2: COMMIT temp.builder.openshift.io".to_owned()],
        "PushImage" => vec![
            String::new(),
            format!("Pushing image {} ...", pushed(build)),
            "Getting image source signatures".to_owned(),
            "Writing manifest to image destination".to_owned(),
        ],
        _ => Vec::new(),
    }
}

fn source_lines(from: &str) -> Vec<String> {
    let mut lines: Vec<String> = [
        "Generating dockerfile with builder image",
        "STEP 1/9: FROM",
        "STEP 2/9: LABEL \"io.openshift.build.image\"=",
        "STEP 3/9: USER root",
        "STEP 4/9: COPY upload/src /tmp/src",
        "STEP 5/9: RUN chown -R 1001:0 /tmp/src",
        "STEP 6/9: USER 1001",
        "STEP 7/9: RUN /usr/libexec/s2i/assemble",
        "---> Installing application source ...",
    ]
    .map(str::to_owned)
    .to_vec();
    lines[0] = format!("{} {from}", lines[0]);
    lines[1] = format!("{} {from}", lines[1]);
    lines[2] = format!("{}\"{from}\"", lines[2]);
    let own: &[&str] = if from.contains("python") {
        &[
            "---> Installing dependencies ...",
            "Collecting gunicorn",
            "Successfully installed gunicorn",
        ]
    } else if from.contains("nodejs") {
        &[
            "---> Installing all dependencies",
            "---> Building in production mode",
        ]
    } else if from.contains("openjdk") {
        &[
            "INFO Performing Maven build in /tmp/src",
            "[INFO] BUILD SUCCESS",
        ]
    } else {
        &[]
    };
    lines.extend(own.iter().map(|&line| line.to_owned()));
    lines.push("STEP 8/9: CMD /usr/libexec/s2i/run".to_owned());
    lines.push("STEP 9/9: COMMIT temp.builder.openshift.io".to_owned());
    lines.push("Successfully tagged temp.builder.openshift.io".to_owned());
    lines
}

/// Where the image is pushed.
fn pushed(build: &Value) -> String {
    let to = &build["spec"]["output"]["to"];
    let name = text(to, "/name");
    if to["kind"] == "DockerImage" {
        return name.to_owned();
    }
    let namespace = match text(to, "/namespace") {
        "" => text(build, "/metadata/namespace"),
        given => given,
    };
    format!("{REGISTRY}/{namespace}/{name}")
}

/// The last lines of a Build that failed.
fn failure(build: &Value) -> Vec<String> {
    let uri = text(build, "/spec/source/git/uri");
    let from = super::build::strategy(build).map_or("", |s| text(s, "/from/name"));
    match text(build, "/status/reason") {
        "FetchSourceFailed" => vec![
            format!("Cloning \"{uri}\" ..."),
            format!("error: fatal: unable to access '{uri}/': Could not resolve host: {}", host(uri)),
        ],
        "PullBuilderImageFailed" => vec![format!(
            "error: build error: failed to pull image: After retrying 2 times, Pull image still failed due to error: unable to retrieve image {from}"
        )],
        "GenericBuildFailed" => vec![
            "---> Installing application source ...".to_owned(),
            "error: build error: error building at STEP \"RUN /usr/libexec/s2i/assemble\": error while running runtime: exit status 1".to_owned(),
        ],
        _ => Vec::new(),
    }
}

/// The host of a URL.
#[must_use]
pub fn host(uri: &str) -> &str {
    let rest = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    rest.split(['/', ':']).next().unwrap_or_default()
}
