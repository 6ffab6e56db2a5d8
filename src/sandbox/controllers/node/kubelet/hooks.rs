//! What runs beside a container's program: after it began, and before it is stopped.
//! <https://kubernetes.io/docs/concepts/containers/container-lifecycle-hooks/>

use std::time::Duration;

use serde_json::Value;

use super::{Look, life::Run, name_of};
use crate::sandbox::programs::Ran;

/// Runs what is to run after a start; gives what it says where it fails.
pub(super) fn post_start(look: &Look<'_>, spec: &Value, part: &str, run: &Run) -> Option<String> {
    let why = failure(&spec["lifecycle"]["postStart"], look, run)?;
    look.event(part, true, "FailedPostStartHook", "PostStartHook failed");
    let words = command(&spec["lifecycle"]["postStart"]);
    let (pod, namespace, uid) = (look.name(), look.namespace(), look.uid());
    Some(format!(
        "Exec lifecycle hook ([{}]) for Container \"{}\" in Pod \"{pod}_{namespace}({uid})\" failed - error: {why}",
        words.join(" "),
        name_of(spec),
    ))
}

/// Runs what is to run before an end; gives how long it takes.
pub(super) fn pre_stop(look: &Look<'_>, spec: &Value, part: &str, run: &Run) -> Duration {
    let hook = &spec["lifecycle"]["preStop"];
    if failure(hook, look, run).is_some() {
        look.event(part, true, "FailedPreStopHook", "PreStopHook failed");
        return Duration::ZERO;
    }
    let slept = hook["sleep"]["seconds"].as_u64().or_else(|| {
        let text = command(hook).join(" ");
        let after = text.split("sleep ").nth(1)?;
        after.split([' ', ';']).next()?.parse().ok()
    });
    Duration::from_secs(slept.unwrap_or_default())
}

/// Why a hook's command fails; requests always go well.
fn failure(hook: &Value, look: &Look<'_>, run: &Run) -> Option<String> {
    let words = command(hook);
    if words.is_empty() {
        return None;
    }
    let age = run.running_for(look.now).unwrap_or_default();
    match run.program.exec(&words, age) {
        Ran::Ended(0, _) => None,
        Ran::Ended(code, said) => Some(format!(
            "command '{}' exited with {code}: {said}, message: \"{said}\"",
            words.join(" ")
        )),
        Ran::Missing(why) => Some(format!(
            "rpc error: code = Unknown desc = failed to exec in container: failed to start exec: OCI runtime exec failed: exec failed: {why}: unknown, message: \"\""
        )),
    }
}

fn command(hook: &Value) -> Vec<String> {
    let words = hook["exec"]["command"].as_array().into_iter().flatten();
    let words = words.filter_map(|w| w.as_str().map(str::to_owned));
    words.collect()
}
