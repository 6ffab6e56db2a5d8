//! Jobs, and what makes them by the clock.

use serde_json::Value;

use super::{
    found::{Found, is_empty},
    pod,
};

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
    } else if let Some(problem) = schedule_problem(schedule) {
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

/// The least and the most of each field of a schedule.
const BOUNDS: [(u32, u32); 5] = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 6)];

/// What is wrong with a schedule, as the parser of schedules says it.
/// <https://github.com/robfig/cron/blob/v3/parser.go>
fn schedule_problem(text: &str) -> Option<String> {
    if text.starts_with('@') {
        let known = [
            "@yearly",
            "@annually",
            "@monthly",
            "@weekly",
            "@daily",
            "@midnight",
            "@hourly",
        ];
        let right = known.contains(&text) || text.starts_with("@every ");
        return (!right).then(|| format!("unrecognized descriptor: {text}"));
    }
    let fields: Vec<&str> = text.split_whitespace().collect();
    if fields.len() != 5 {
        let shown = fields.join(" ");
        return Some(format!(
            "expected exactly 5 fields, found {}: [{shown}]",
            fields.len()
        ));
    }
    let each = fields.iter().zip(BOUNDS);
    each.flat_map(|(field, bounds)| field.split(',').map(move |part| (part, bounds)))
        .find_map(|(part, bounds)| range_problem(part, bounds))
}

/// What is wrong with `*`, `5`, `1-5`, `*/10`, `mon-fri`.
fn range_problem(part: &str, (least, most): (u32, u32)) -> Option<String> {
    const NAMES: [&str; 19] = [
        "sun", "mon", "tue", "wed", "thu", "fri", "sat", "jan", "feb", "mar", "apr", "may", "jun",
        "jul", "aug", "sep", "oct", "nov", "dec",
    ];
    let (range, step) = part
        .split_once('/')
        .map_or((part, None), |(r, s)| (r, Some(s)));
    let number = |text: &str| -> Result<Option<u32>, String> {
        if NAMES.contains(&text.to_lowercase().as_str()) {
            return Ok(None);
        }
        text.parse().map(Some).map_err(|_| {
            format!(
                "failed to parse int from {text}: strconv.Atoi: parsing \"{text}\": invalid syntax"
            )
        })
    };
    if let Some(Err(problem)) = step.map(number) {
        return Some(problem);
    }
    if matches!(range, "*" | "?") {
        return None;
    }
    let (from, to) = range
        .split_once('-')
        .map_or((range, None), |(f, t)| (f, Some(t)));
    let from = match number(from) {
        Ok(from) => from,
        Err(problem) => return Some(problem),
    };
    let to = match to.map(number).transpose() {
        Ok(to) => to.flatten(),
        Err(problem) => return Some(problem),
    };
    if let Some(from) = from.filter(|f| *f < least) {
        return Some(format!(
            "beginning of range ({from}) below minimum ({least}): {part}"
        ));
    }
    let end = to.or(from);
    if let Some(end) = end.filter(|e| *e > most) {
        return Some(format!(
            "end of range ({end}) above maximum ({most}): {part}"
        ));
    }
    match (from, to) {
        (Some(from), Some(to)) if from > to => Some(format!(
            "beginning of range ({from}) beyond end of range ({to}): {part}"
        )),
        _ => None,
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
            assert_eq!(schedule_problem(right), None, "{right}");
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
            assert_eq!(schedule_problem(wrong).as_deref(), Some(why));
        }
    }
}
