//! Any answer of a cluster to every check of every lab: a verdict, never a panic.
#![no_main]

use std::{collections::HashMap, sync::LazyLock};

use ccnr::{
    check::{
        evaluate::{Known, evaluate},
        plan,
    },
    cluster::snapshot::{Answer, Read, Snapshot},
    lab::{catalogue::Catalogue, model::Lab, template::Context},
};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

static LABS: LazyLock<Vec<Lab>> = LazyLock::new(|| {
    let (labs, context) = (Catalogue::embedded(), Context::new("fuzz", |_| true));
    let folders = labs.folders().expect("the labs");
    let all = folders.iter().map(|f| labs.load(f, &context));
    all.map(|l| l.expect("a lab").lab).collect()
});

fn answer(read: &Read, text: &str, value: Option<&Value>) -> Answer {
    match (read, value) {
        (Read::Object(_), Some(object @ Value::Object(_))) => Answer::Object(object.clone()),
        (Read::Object(_), _) => Answer::Missing,
        (Read::List(_), Some(Value::Array(items))) => Answer::List(items.clone()),
        (Read::List(_), Some(item)) => Answer::List(vec![item.clone()]),
        (Read::List(_), None) => Answer::List(Vec::new()),
        (Read::Api(_), _) => Answer::Kinds(text.split(' ').map(str::to_owned).collect()),
        (Read::Access(_), _) => Answer::Access {
            allowed: text.len() % 2 == 0,
            reason: text.to_owned(),
        },
        (Read::Proxy(_) | Read::Web(_), _) => Answer::Http {
            status: 200,
            body: text.to_owned(),
        },
        (Read::Log(_), _) => Answer::Log(text.to_owned()),
    }
}

/// Answers these reads.
fn tell(seen: &mut Snapshot, reads: Vec<Read>, text: &str, value: Option<&Value>) {
    for read in reads {
        let answer = answer(&read, text, value);
        seen.answers.insert(read, Ok(answer));
    }
}

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let value: Option<Value> = serde_json::from_str(&text).ok();
    for lab in LABS.iter() {
        let known = Known {
            params: lab.params.clone(),
            answer: Some(text.to_string()),
            ..Known::default()
        };
        for check in lab.steps.iter().flat_map(|s| &s.checks) {
            let mut seen = Snapshot {
                at: "2026-01-02T00:00:00Z".parse().expect("a time"),
                answers: HashMap::new(),
            };
            tell(&mut seen, plan::reads(check), &text, value.as_ref());
            let further = plan::follow_up(check, &seen);
            tell(&mut seen, further, &text, value.as_ref());
            let evidence = plan::evidence(check, &seen);
            tell(&mut seen, evidence, &text, value.as_ref());
            let _ = evaluate(check, &seen, &known);
        }
    }
});
