//! One Prometheus: its configuration, targets, samples and rules, moved on by time.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use super::{
    config::{Config, Job, Source},
    discovery::{self, ADDRESS, Seen},
    labels::Labels,
    rules::{Group, Looking, groups},
    storage::Storage,
    target::Target,
    world::World,
};

/// How often found targets become scraped ones.
/// <https://github.com/prometheus/prometheus/blob/main/discovery/manager.go>
const SYNC: i64 = 5_000;
/// How many targets a job may have.
const MOST_TARGETS: usize = 200;

/// The targets of a job.
#[derive(Debug, Clone)]
pub struct Pool {
    /// The job.
    pub job: Job,
    /// What is scraped.
    pub active: Vec<Target>,
    /// What rules drop.
    pub dropped: Vec<Labels>,
}

/// What its process was started with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The Pod's name.
    pub host: String,
    /// How old the newest sample of a series may be.
    pub lookback: i64,
    /// How long samples are kept.
    pub retention: i64,
    /// Its version, without `v`.
    pub version: String,
}

/// A Prometheus.
#[derive(Debug, Clone)]
pub struct Server {
    /// What it was started with.
    pub settings: Settings,
    /// When it was started.
    pub started: i64,
    /// When its configuration was read.
    pub loaded: i64,
    /// Whether the last configuration could be read.
    pub valid: bool,
    /// The configuration.
    pub config: Config,
    /// The rule files that it has read: path and text.
    pub files: Vec<(String, String)>,
    /// Targets by job.
    pub pools: BTreeMap<String, Pool>,
    /// Rules.
    pub groups: Vec<Group>,
    /// Samples.
    pub storage: Storage,
    /// What the API refused, by what was asked.
    pub refused: BTreeMap<String, String>,
    /// Targets that are gone: their series end at a time, of which is told at a later one.
    ending: Vec<(i64, i64, Target)>,
    synced: i64,
}

impl Server {
    /// A Prometheus that has read no configuration yet.
    #[must_use]
    pub fn start(settings: Settings, now: i64) -> Self {
        Self {
            settings,
            started: now,
            loaded: now,
            valid: true,
            config: Config {
                interval: 60_000,
                evaluation: 60_000,
                jobs: Vec::new(),
                text: String::new(),
            },
            files: Vec::new(),
            pools: BTreeMap::new(),
            groups: Vec::new(),
            storage: Storage::default(),
            refused: BTreeMap::new(),
            ending: Vec::new(),
            synced: now,
        }
    }

    /// Reads its configuration and rule files; where they are wrong, it goes on as before.
    pub fn load(&mut self, text: &str, files: &[(String, String)], now: i64) -> Result<(), String> {
        self.valid = false;
        let config = Config::parse(text)?;
        let mut read = Vec::new();
        for (file, text) in files {
            read.extend(groups(file, text, config.evaluation)?);
        }
        for group in &mut read {
            let same = |old: &&Group| old.file == group.file && old.name == group.name;
            match self.groups.iter().find(same) {
                Some(before) if before.interval == group.interval => group.follow(before),
                _ => group.plan(now),
            }
        }
        self.groups = read;
        // The series of jobs that are gone get no end: they are found until the newest sample is too old.
        self.pools
            .retain(|name, _| config.jobs.iter().any(|job| job.name == *name));
        for job in &config.jobs {
            let pool = self.pools.entry(job.name.clone()).or_insert_with(|| Pool {
                job: job.clone(),
                active: Vec::new(),
                dropped: Vec::new(),
            });
            pool.job = job.clone();
        }
        self.config = config;
        self.files = files.to_vec();
        self.loaded = now;
        self.valid = true;
        self.synced = now;
        Ok(())
    }

    /// Does what is due by now; gives when something is due next.
    pub fn advance(&mut self, world: &dyn World, now: i64) -> i64 {
        if now - self.synced >= SYNC {
            self.sync(world, now);
            self.storage.forget(now - self.settings.retention);
        }
        for pool in self.pools.values_mut() {
            for target in &mut pool.active {
                if target.next <= now {
                    target.scrape(&pool.job, world, &mut self.storage, now);
                }
            }
        }
        let storage = &mut self.storage;
        self.ending.retain(|(end, told, target)| {
            let over = *told <= now;
            if over {
                target.end(storage, *end);
            }
            !over
        });
        let looking = self.looking();
        for group in &mut self.groups {
            if group.next <= now {
                group.evaluate(&mut self.storage, looking, now);
            }
        }
        let targets = self.pools.values().flat_map(|p| &p.active).map(|t| t.next);
        let rules = self.groups.iter().map(|g| g.next);
        let ends = self.ending.iter().map(|(_, told, _)| *told);
        let all = targets.chain(rules).chain(ends);
        all.chain([self.synced + SYNC]).min().unwrap_or(now + SYNC)
    }

    /// How queries look at samples.
    #[must_use]
    pub fn looking(&self) -> Looking {
        Looking {
            lookback: self.settings.lookback,
            interval: self.config.evaluation,
        }
    }

    /// Finds targets.
    fn sync(&mut self, world: &dyn World, now: i64) {
        self.synced = now;
        self.refused.clear();
        for pool in self.pools.values_mut() {
            let mut found = Vec::new();
            for source in &pool.job.sources {
                found.extend(discover(source, world, &mut self.refused));
            }
            let mut before: Vec<Target> = std::mem::take(&mut pool.active);
            pool.dropped.clear();
            for labels in found.into_iter().take(MOST_TARGETS) {
                match Target::of(&pool.job, labels) {
                    Err(discovered) => pool.dropped.push(discovered),
                    Ok(mut target) => {
                        let identity = target.identity();
                        if pool.active.iter().any(|t| t.identity() == identity) {
                            continue;
                        }
                        match before.iter().position(|t| t.identity() == identity) {
                            Some(at) => {
                                let discovered = std::mem::take(&mut target.discovered);
                                target = before.swap_remove(at);
                                target.discovered = discovered;
                                target.next = target.next.min(now + pool.job.interval);
                            }
                            None => target.plan(now, pool.job.interval),
                        }
                        pool.active.push(target);
                    }
                }
            }
            let interval = pool.job.interval;
            for gone in before.into_iter().filter(|t| t.scraped.is_some()) {
                let end = gone.next;
                self.ending
                    .push((end, end + interval + interval / 10, gone));
            }
        }
    }
}

fn discover(
    source: &Source,
    world: &dyn World,
    refused: &mut BTreeMap<String, String>,
) -> Vec<Labels> {
    let mut get = |resource: &str, namespace: Option<&str>| -> Option<Vec<Arc<Value>>> {
        match world.list(resource, namespace) {
            Ok(found) => Some(found),
            Err(error) => {
                let of = format!("{}/{resource}", namespace.unwrap_or_default());
                refused.insert(of, error);
                None
            }
        }
    };
    let places = |names: &[String]| -> Vec<Option<String>> {
        if names.is_empty() {
            vec![None]
        } else {
            names.iter().cloned().map(Some).collect()
        }
    };
    let mut found = Vec::new();
    match source {
        Source::Static(addresses, labels) => {
            for address in addresses {
                let mut labels = labels.clone();
                labels.set(ADDRESS, address.as_str());
                found.push(labels);
            }
        }
        Source::Pods(names) => {
            for place in places(names) {
                if let Some(pods) = get("pods", place.as_deref()) {
                    found.extend(discovery::pods(&pods));
                }
            }
        }
        Source::Endpoints(names) => {
            for place in places(names) {
                let place = place.as_deref();
                let (endpoints, services, pods) = (
                    get("endpoints", place),
                    get("services", place),
                    get("pods", place),
                );
                // It waits for all three before it tells of anything.
                if let (Some(endpoints), Some(services), Some(pods)) = (endpoints, services, pods) {
                    found.extend(discovery::endpoints(&Seen {
                        endpoints,
                        services,
                        pods,
                    }));
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sandbox::prometheus::{
        api::pages::{Request, answer},
        world::{Fetched, Unreachable},
    };

    /// A namespace with one endpoint; its page, or why there is none.
    struct Fake {
        page: Result<Fetched, Unreachable>,
        allowed: bool,
        there: bool,
    }

    impl World for Fake {
        fn list(&self, resource: &str, _: Option<&str>) -> Result<Vec<Arc<Value>>, String> {
            if !self.allowed {
                return Err(format!("{resource} is forbidden"));
            }
            let endpoints = json!({"metadata": {"namespace": "app", "name": "web"}, "subsets": [
                {"addresses": [{"ip": "10.0.0.1"}], "ports": [{"name": "metrics", "port": 9404}]}]});
            let found = resource == "endpoints" && self.there;
            Ok(found.then(|| Arc::new(endpoints)).into_iter().collect())
        }

        fn get(&self, _: &str, _: &str, _: &str) -> Result<Fetched, Unreachable> {
            self.page.clone()
        }
    }

    fn page(status: u16, kind: &str, body: &str) -> Fake {
        Fake {
            page: Ok(Fetched {
                status,
                content_type: kind.to_owned(),
                body: body.to_owned(),
            }),
            allowed: true,
            there: true,
        }
    }

    const CONFIG: &str = "global: {scrape_interval: 10s, evaluation_interval: 10s}\nscrape_configs:\n- job_name: j\n  kubernetes_sd_configs: [{role: endpoints, namespaces: {names: [app]}}]\n";

    fn started() -> Server {
        let mut server = Server::start(
            Settings {
                host: "prometheus-0".to_owned(),
                lookback: 30_000,
                retention: 7_200_000,
                version: "3.11.0".to_owned(),
            },
            0,
        );
        server.load(CONFIG, &[], 0).unwrap();
        server
    }

    fn run(server: &mut Server, world: &Fake, from: i64, until: i64) {
        let mut now = from;
        while now <= until {
            now = server.advance(world, now).max(now + 1);
        }
    }

    fn ask(server: &Server, path: &str, query: &str, now: i64) -> Value {
        let request = Request {
            method: "GET",
            path,
            query,
            form: "",
        };
        serde_json::from_str(&answer(server, &request, now).text).unwrap()
    }

    fn values(server: &Server, query: &str, now: i64) -> Vec<String> {
        let query = format!("query={query}");
        let body = ask(server, "/api/v1/query", &query, now);
        let all = body["data"]["result"].as_array().unwrap().iter();
        all.map(|s| s["value"][1].as_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn a_target_is_found_scraped_and_lost() {
        let mut server = started();
        let world = page(200, "text/plain; version=0.0.4", "a{instance=\"x\"} 7\n");
        run(&mut server, &world, 0, 20_000);
        assert_eq!(
            values(
                &server,
                "a%7Bjob=\"j\",exported_instance=\"x\",instance=\"10.0.0.1:9404\"%7D",
                20_000
            ),
            ["7"]
        );
        assert_eq!(values(&server, "up", 20_000), ["1"]);
        assert_eq!(values(&server, "scrape_samples_scraped", 20_000), ["1"]);
        let gone = Fake {
            there: false,
            ..world
        };
        run(&mut server, &gone, 20_001, 46_000);
        assert!(values(&server, "up", 46_000).is_empty());
    }

    #[test]
    fn what_is_wrong_with_a_target_is_told() {
        let error = |world: &Fake| {
            let mut server = started();
            run(&mut server, world, 0, 20_000);
            assert_eq!(values(&server, "up", 20_000), ["0"]);
            let body = ask(&server, "/api/v1/targets", "", 20_000);
            let target = &body["data"]["activeTargets"][0];
            assert_eq!(target["health"], "down");
            target["lastError"].as_str().unwrap().to_owned()
        };
        let with = |why| Fake {
            page: Err(why),
            ..page(0, "", "")
        };
        assert_eq!(
            error(&with(Unreachable::Refused)),
            "Get \"http://10.0.0.1:9404/metrics\": dial tcp 10.0.0.1:9404: connect: connection refused"
        );
        assert_eq!(
            error(&with(Unreachable::Silent)),
            "Get \"http://10.0.0.1:9404/metrics\": context deadline exceeded"
        );
        assert_eq!(
            error(&page(404, "", "")),
            "server returned HTTP status 404 Not Found"
        );
        assert_eq!(
            error(&page(200, "text/html", "<html>")),
            "received unsupported Content-Type \"text/html\" and no fallback_scrape_protocol specified for target"
        );
    }

    #[test]
    fn without_permission_there_is_nothing() {
        let mut server = started();
        let world = Fake {
            allowed: false,
            ..page(200, "text/plain", "a 1\n")
        };
        run(&mut server, &world, 0, 20_000);
        assert_eq!(server.refused["app/endpoints"], "endpoints is forbidden");
        let body = ask(&server, "/api/v1/targets", "", 20_000);
        assert_eq!(body["data"]["activeTargets"], json!([]));
    }

    #[test]
    fn a_job_that_is_gone_leaves_its_last_samples() {
        let mut server = started();
        let world = page(200, "text/plain", "a 1\n");
        run(&mut server, &world, 0, 20_000);
        server
            .load("global: {scrape_interval: 10s}\n", &[], 20_000)
            .unwrap();
        run(&mut server, &world, 20_001, 35_000);
        assert_eq!(values(&server, "up", 35_000), ["1"]);
        assert!(values(&server, "up", 51_000).is_empty());
        // What can't be read changes nothing.
        assert!(
            server
                .load("global: {scrape_interval: x}", &[], 51_000)
                .is_err()
        );
        assert_eq!(server.loaded, 20_000);
    }

    #[test]
    fn parameters_are_refused_as_by_the_real_one() {
        let server = started();
        for line in include_str!("../../../tests/prometheus/api.txt").lines() {
            let (request, wanted) = line.split_once('\t').unwrap();
            let (path, query) = request.split_once('?').unwrap_or((request, ""));
            let got = ask(&server, path, query, 0);
            let wanted: Value = serde_json::from_str(wanted).unwrap();
            assert_eq!(got, wanted, "{request}");
        }
    }
}
