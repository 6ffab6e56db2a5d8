//! Jobs, and what makes them by the clock.

use serde_json::Value;

use super::{
    found::{Found, is_empty},
    pod,
};
use crate::sandbox::controllers::workloads::cronjob::schedule::Schedule;

/// The longest name of a `CronJob`: its Jobs' names get a number more.
const LONGEST: usize = 52;

/// The specification of Jobs.
pub(super) fn job(spec: &Value, at: &str, found: &mut Found) {
    for field in [
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
    ] {
        found.natural(format!("{at}.{field}"), &spec[field]);
    }
    found.optional_of(
        format!("{at}.completionMode"),
        &spec["completionMode"],
        &["Indexed", "NonIndexed"],
    );
    if spec["completionMode"] == "Indexed" && spec["completions"].is_null() {
        let why = "when completion mode is Indexed";
        found.required(format!("{at}.completions"), why);
    }
    let template = &spec["template"]["spec"];
    let at = format!("{at}.template.spec");
    pod::spec(template, &at, found);
    if !matches!(
        template["restartPolicy"].as_str(),
        Some("OnFailure" | "Never")
    ) {
        let why = "valid values: \"OnFailure\", \"Never\"";
        found.required(format!("{at}.restartPolicy"), why);
    }
}

/// A `CronJob`.
pub(super) fn cron_job(object: &Value, found: &mut Found) {
    let (name, spec) = (&object["metadata"]["name"], &object["spec"]);
    if name.as_str().is_some_and(|n| n.len() > LONGEST) {
        found.invalid("metadata.name", name, "must be no more than 52 characters");
    }
    let schedule = spec["schedule"].as_str().unwrap_or_default();
    if schedule.is_empty() {
        found.required("spec.schedule", "");
    } else if let Err(problem) = Schedule::parse(schedule) {
        found.invalid("spec.schedule", &spec["schedule"], &problem);
    }
    found.natural(
        "spec.startingDeadlineSeconds",
        &spec["startingDeadlineSeconds"],
    );
    if let Some(zone) = spec["timeZone"].as_str()
        && jiff::tz::TimeZone::get(zone).is_err()
    {
        let why = format!("unknown time zone {zone}");
        found.invalid("spec.timeZone", &spec["timeZone"], &why);
    }
    if is_empty(&spec["concurrencyPolicy"]) {
        found.required("spec.concurrencyPolicy", "");
    } else {
        let known = ["Allow", "Forbid", "Replace"];
        found.one_of("spec.concurrencyPolicy", &spec["concurrencyPolicy"], &known);
    }
    job(&spec["jobTemplate"]["spec"], "spec.jobTemplate.spec", found);
    for field in ["successfulJobsHistoryLimit", "failedJobsHistoryLimit"] {
        found.natural(format!("spec.{field}"), &spec[field]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_are_looked_at_field_by_field() {
        for right in [
            "* * * * *",
            "*/5 0-6 1,15 jan mon-fri",
            "@daily",
            "@every 5m",
            "0 0 1 1 *",
        ] {
            assert_eq!(Schedule::parse(right).err(), None, "{right}");
        }
        for (wrong, why) in [
            ("often", "expected exactly 5 fields, found 1: [often]"),
            ("60 * * * *", "end of range (60) above maximum (59): 60"),
            ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
            (
                "5-1 * * * *",
                "beginning of range (5) beyond end of range (1): 5-1",
            ),
            ("@often", "unrecognized descriptor: @often"),
        ] {
            assert_eq!(Schedule::parse(wrong).err().as_deref(), Some(why));
        }
    }
}
