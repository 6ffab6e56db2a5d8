//! `ccnr lab list`.

use std::{collections::BTreeMap, process::ExitCode, time::Duration};

use crate::{
    cli::desk::Desk,
    cluster::call::Limits,
    session::{course::Course, progress::Progress, served::Served, store::Store},
    ui::{
        machine, place,
        step::{self, LabLine},
    },
};

/// A list is worth no long wait: without an answer it shows the labs as for any Kubernetes.
const SHORT: Limits = Limits {
    attempt: Duration::from_secs(2),
    total: Duration::from_secs(2),
    pause: Duration::from_millis(100),
};

pub(super) async fn run(desk: &Desk) -> anyhow::Result<ExitCode> {
    let learner = desk.learner()?;
    let (served, records) = known(desk).await?;
    let mut lines = Vec::new();
    for folder in learner.catalogue.folders()? {
        let loaded = learner.load(&folder, &served)?;
        let none = Progress::default();
        let progress = records.get(&loaded.lab.id).unwrap_or(&none);
        let course = Course {
            lab: &loaded.lab,
            served: &served,
            progress,
            client: "kubectl",
        };
        let passed = |id: &str| progress.step(id).passed_at.is_some();
        lines.push(LabLine {
            number: loaded.lab.number,
            id: loaded.lab.id.clone(),
            title: loaded.lab.title.clone(),
            minutes: loaded.lab.minutes,
            done: progress
                .started_at
                .map(|_| course.steps().filter(|(_, s)| passed(&s.id)).count()),
            total: course.steps().count(),
            finished: progress.started_at.is_some() && course.current().is_none(),
        });
    }
    let text = step::lab_list(&lines, &desk.style);
    desk.answer(&text, &machine::labs(&lines, desk.style.lang))?;
    Ok(ExitCode::SUCCESS)
}

/// What the cluster serves and what was done on it, where there is one. One that was named has to be there.
async fn known(desk: &Desk) -> anyhow::Result<(Served, BTreeMap<String, Progress>)> {
    if !desk.globals.sandbox && desk.has_no_cluster() {
        return Ok(<_>::default());
    }
    let cluster = match desk.cluster(SHORT).await {
        Ok(cluster) => cluster,
        Err(error) if desk.globals.kubeconfig.is_some() || desk.globals.context.is_some() => {
            return Err(error);
        }
        Err(_) => return Ok(<_>::default()),
    };
    let store = Store::of(&cluster.server, &desk.student());
    let records = store.all()?;
    let served = match cluster.groups().await {
        Ok(served) => served,
        Err(obstacle) => {
            desk.notice(&place::from_the_record(&obstacle));
            store.served()?.unwrap_or_default()
        }
    };
    Ok((Served(served), records))
}
