//! A real cluster's own programs, as the rig has built them, against the sandbox's API, with its own controllers of that kind
//! off: they say nothing of the API in their logs that they would not say on a real cluster, and what they make is the same.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests.

mod support;

use std::{
    fs,
    path::Path,
    process::Command,
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::{Value, json};
use support::{
    catalogue::catalogue,
    cluster::{RealCluster, fresh, rig_out},
    http::Client,
    operator,
    program::{Program, authority_of, built, free_port, kubeconfig_as},
    scenario::{self, Played, Scenario, apply},
    stage::Stage,
};

/// How many scenarios of a program run at once: most of their time they wait.
const AT_ONCE: usize = 6;
/// How long something may take that is waited for.
const LIMIT: Duration = Duration::from_secs(90);
const PAUSE: Duration = Duration::from_millis(200);

/// The host's address on the way to the rig's node.
const HOST: &str = "10.99.0.2";

/// Errors that programs tell of on any cluster: on the rig they are in their logs too.
const USUAL: [&str; 4] = [
    // Two workers write the same object; the second one reads it again.
    "the object has been modified; please apply your changes to the latest version",
    // The lock that its holder is elected by is not there before the first election.
    "falling back to slow path",
    // What is still being looked after in a scenario's namespace that goes, or is gone.
    "because it is being terminated",
    "namespaces \\\"client",
];
/// Those of kube-controller-manager.
const OF_CONTROLLERS: [&str; 7] = [
    // What the scenarios are about.
    "exceeded quota: ",
    "storageclass.storage.k8s.io \\\"no-such-class\\\" not found",
    // Who else deletes it was faster than the garbage collector.
    "error syncing item &garbagecollector.node*not found\"",
    // A new kind is heard of every half minute.
    "unable to get REST mapping for clients.example.test/v1/Owner",
    // A namespace is looked at again until its Pods have ended.
    "unexpected items still remain in namespace",
    // It looks again before it has heard of the Pod that it made.
    "error syncing StatefulSet*already exists",
    // What it was at work on is gone by the time it writes.
    "Unhandled Error*failed with *not found",
];
/// Those of the Prometheus Operator, as what it looks after goes.
const OF_PROMETHEUS: [&str; 3] = [
    "namespace \\\"client",
    "instances failed: namespace does not exist",
    "prometheuses.monitoring.coreos.com \\\"main\\\" not found",
];
/// Those of OLM, which are how it says that it waits for something.
const OF_OLM: [&str; 14] = [
    "requirements were not met",
    "owned roles not found in cache",
    "no operator group found that is managing this namespace",
    "operatorGroups, expected 1",
    // As a Subscription goes, and the connection to its catalogue.
    "unexpected subscription state in installplan reconciler *subscription.subscriptionDeletedState",
    "the client connection is closing",
    "csv in namespace with no operatorgroups",
    "bug: no target CSV for namespace",
    "operatorgroups in namespace client*expected 1",
    "resource name may not be empty",
    "\"greeter\" not found",
    "\\\"greeter\\\" not found",
    "\\\"greeter.v1.0.0\\\" already exists",
    // Its two programs want the same port for their metrics, which they have each for themselves in Pods.
    "listen tcp :8080: bind: address already in use",
];

/// What is tried with a program, beside a real cluster where there is one.
type Check = fn(Option<&RealCluster>) -> Result<(), Failed>;

fn main() {
    let arguments = Arguments::from_args();
    let cluster = RealCluster::find();
    if let Err(reason) = &cluster {
        eprintln!("real programs in the sandbox are not compared with a real cluster: {reason}");
    }
    let all: [(&str, &str, Check); 4] = [
        ("kube-controller-manager", "k8s", controller_manager),
        ("kube-scheduler", "k8s", scheduler),
        ("prometheus-operator", "operator", prometheus_operator),
        ("olm-operator and catalog-operator", "catalog", olm),
    ];
    let trials = all.map(|(name, binary, check)| {
        let missing = built(binary).err();
        if let Some(reason) = &missing {
            eprintln!("skipped: {name}: {reason}");
        }
        let cluster = cluster.clone().ok();
        let trial = Trial::test(name, move || check(cluster.as_ref()));
        trial.with_ignored_flag(missing.is_some())
    });
    libtest_mimic::run(&arguments, trials.into()).exit();
}

fn controller_manager(cluster: Option<&RealCluster>) -> Result<(), Failed> {
    let stage = Stage::without("kube-controller-manager");
    let key = stage.folder.path().join("accounts.key");
    fs::write(&key, rcgen::KeyPair::generate()?.serialize_pem())?;
    let authority = authority_of(&stage.kubeconfig(), stage.folder.path());
    let mut command = stage.of_kubernetes("kube-controller-manager");
    command
        .arg("--use-service-account-credentials=true")
        .arg(format!("--root-ca-file={}", authority.display()))
        .arg(format!(
            "--service-account-private-key-file={}",
            key.display()
        ));
    let program = stage.start("kube-controller-manager", &mut command);
    let shared = ["workloads", "rollouts", "jobs", "services"];
    let shared = shared.map(|file| format!("scenarios/{file}.yaml"));
    let mut all: Vec<Scenario> = shared.iter().flat_map(|file| scenarios(file)).collect();
    all.extend(scenarios("clients/controllers.yaml"));
    play(&stage, cluster, &all)?;
    if let Some(cluster) = cluster {
        let ours = template_hash(&stage.machine.admin())?;
        let theirs = template_hash(&Client::of(&cluster.kubeconfig))?;
        assert_eq!(
            ours, theirs,
            "a Deployment's template is read in another form"
        );
    }
    silent(
        &stage,
        vec![program],
        &[&USUAL[..], &OF_CONTROLLERS].concat(),
    )
}

/// The hash that a Deployment's template has for its controller: it depends on all that the API fills in.
fn template_hash(client: &Client) -> Result<String, String> {
    let namespace = fresh("client");
    let namespaces = "/api/v1/namespaces";
    let own = json!({"metadata": {"name": namespace}});
    client.send("POST", namespaces, Some(&own));
    let probe = json!({"tcpSocket": {"port": "web"}});
    let container = json!({
        "name": "web", "image": "quay.io/nginx/nginx-unprivileged", "readinessProbe": probe,
        "ports": [{"name": "web", "containerPort": 8080}], "resources": {"limits": {"cpu": "0.5"}},
        "env": [{"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
    });
    let spec = json!({
        "containers": [container],
        "volumes": [{"name": "map", "configMap": {"name": "map"}}, {"name": "empty", "emptyDir": {}}],
    });
    let labels = json!({"app": "web"});
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": spec}},
    });
    apply(client, &deployment, &namespace)?;
    let sets = format!("/apis/apps/v1/namespaces/{namespace}/replicasets");
    let began = Instant::now();
    let hash = loop {
        let (_, found) = client.send("GET", &sets, None);
        let labels = &found["items"][0]["metadata"]["labels"];
        if let Some(hash) = labels["pod-template-hash"].as_str() {
            break hash.to_owned();
        }
        if began.elapsed() > LIMIT {
            return Err("no ReplicaSet is made".to_owned());
        }
        thread::sleep(PAUSE);
    };
    client.send("DELETE", &format!("{namespaces}/{namespace}"), None);
    Ok(hash)
}

fn scheduler(cluster: Option<&RealCluster>) -> Result<(), Failed> {
    let stage = Stage::without("kube-scheduler");
    let program = stage.start("kube-scheduler", &mut stage.of_kubernetes("kube-scheduler"));
    play(&stage, cluster, &scenarios("clients/scheduler.yaml"))?;
    silent(&stage, vec![program], &USUAL)
}

fn prometheus_operator(cluster: Option<&RealCluster>) -> Result<(), Failed> {
    let stage = Stage::without("prometheus-operator");
    let bundle = fs::read_to_string(rig_out().join("prometheus-operator.yaml"))?;
    let namespace = "prometheus-operator";
    let bundle = bundle.replace("namespace: default", &format!("namespace: {namespace}"));
    let file = stage.folder.path().join("bundle.yaml");
    fs::write(&file, bundle)?;
    stage.kubectl(&["create", "namespace", namespace]);
    let file = file.display().to_string();
    stage.kubectl(&["apply", "--server-side", "-f", &file]);
    let user = format!("system:serviceaccount:{namespace}:prometheus-operator");
    let config = kubeconfig_as(&stage.kubeconfig(), &user, stage.folder.path());
    let mut command = Command::new(built("operator")?);
    command.env("KUBECONFIG", config);
    command.arg("--prometheus-config-reloader=quay.io/prometheus-operator/prometheus-config-reloader:v0.85.0");
    command.arg(format!("--web.listen-address=127.0.0.1:{}", free_port()));
    let program = stage.start("prometheus-operator", &mut command);
    play(
        &stage,
        cluster,
        &scenarios("clients/prometheus-operator.yaml"),
    )?;
    silent(
        &stage,
        vec![program],
        &[&USUAL[..], &OF_PROMETHEUS].concat(),
    )
}

/// The catalogue lies in a server of its own beside the sandbox, whose bundle needs no Pod to unpack it: what runs in a Pod is
/// simulated.
fn olm(cluster: Option<&RealCluster>) -> Result<(), Failed> {
    let stage = Stage::without("olm-operator,catalog-operator");
    // Its own catalogue is an image, in which nothing runs.
    stage.kubectl(&["delete", "catalogsources", "--all", "--namespace=olm"]);
    let port = free_port();
    let objects: Vec<Value> = serde_yaml::from_str(&text_of("clients/greeter.yaml"))?;
    let catalogue = stage.start("opm", &mut catalogue(&objects, stage.folder.path(), port));
    let config = stage.kubeconfig();
    let mut olm = Command::new(built("olm")?);
    olm.env("KUBECONFIG", &config)
        .env("OPERATOR_NAMESPACE", "olm")
        .env("OPERATOR_NAME", "olm-operator")
        .args(["--namespace", "olm"]);
    let mut catalog = Command::new(built("catalog")?);
    catalog
        .env("RELEASE_VERSION", "0.28.0")
        .arg("--kubeconfig")
        .arg(&config)
        .args(["--namespace", "olm"]);
    let programs = vec![
        catalogue,
        stage.start("olm-operator", &mut olm),
        stage.start("catalog-operator", &mut catalog),
    ];
    let host = if cluster.is_some() { HOST } else { "127.0.0.1" };
    let text = text_of("clients/olm.yaml").replace("CATALOGUE", &format!("{host}:{port}"));
    play(
        &stage,
        cluster,
        &serde_yaml::from_str::<Vec<Scenario>>(&text)?,
    )?;
    silent(&stage, programs, &[&USUAL[..], &OF_OLM].concat())
}

fn text_of(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(file);
    fs::read_to_string(path).unwrap()
}

fn scenarios(file: &str) -> Vec<Scenario> {
    serde_yaml::from_str(&text_of(file)).unwrap_or_else(|e| panic!("{file}: {e}"))
}

/// Plays scenarios in the sandbox and, where there is one, on a real cluster; tells where they end otherwise.
fn play(stage: &Stage, cluster: Option<&RealCluster>, all: &[Scenario]) -> Result<(), Failed> {
    let next = Mutex::new(all.iter());
    let told = Mutex::new(Vec::new());
    let work = || {
        while let Some(scenario) = { next.lock().unwrap().next() } {
            if let Err(why) = compare(stage, cluster, scenario) {
                let why = format!("{}: {why}", scenario.name);
                told.lock().unwrap().push(why);
            }
        }
    };
    thread::scope(|scope| (0..AT_ONCE).for_each(|_| drop(scope.spawn(work))));
    let mut told = told.into_inner()?;
    if told.is_empty() {
        Ok(())
    } else {
        let logs = fs::read_dir(stage.folder.path())?.filter_map(|f| Some(f.ok()?.path()));
        for log in logs.filter(|f| f.extension().is_some_and(|e| e == "log")) {
            let text = fs::read_to_string(&log)?;
            let last: Vec<&str> = text.lines().rev().take(5).collect();
            told.push(format!("the end of {}: {last:#?}", log.display()));
        }
        Err(told.join("\n").into())
    }
}

/// Compares both sides. Two clusters at work never meet at quite the same moment: what differs has to differ twice.
fn compare(
    stage: &Stage,
    cluster: Option<&RealCluster>,
    scenario: &Scenario,
) -> Result<(), String> {
    compare_once(stage, cluster, scenario).or_else(|told| {
        println!("tried again: {}:\n{told}", scenario.name);
        compare_once(stage, cluster, scenario)
    })
}

fn compare_once(
    stage: &Stage,
    cluster: Option<&RealCluster>,
    scenario: &Scenario,
) -> Result<(), String> {
    let namespace = &fresh("client");
    let admin = stage.machine.admin();
    let Some(cluster) = cluster else {
        let ours = Played::new(&admin, scenario, namespace);
        drop(ours.map_err(|e| format!("sandbox: {e}"))?);
        return gone(&admin, namespace);
    };
    let real = Client::of(&cluster.kubeconfig);
    let operator = scenario.operator.then(|| Operator::new(&real, namespace));
    if let Some(Err(why)) = operator.as_ref().map(|o| &o.installed) {
        return Err(format!("real: {why}"));
    }
    thread::scope(|scope| {
        let ours = scope.spawn(|| Played::new(&admin, scenario, namespace));
        let theirs = Played::new(&real, scenario, namespace);
        let ours = ours.join().unwrap().map_err(|e| format!("sandbox: {e}"))?;
        scenario::compare(&ours, &theirs.map_err(|e| format!("real: {e}"))?)
    })?;
    gone(&admin, namespace)
}

/// Waits until a namespace is gone.
fn gone(client: &Client, namespace: &str) -> Result<(), String> {
    let path = format!("/api/v1/namespaces/{namespace}");
    let began = Instant::now();
    loop {
        let (status, left) = client.send("GET", &path, None);
        if status == 404 {
            return Ok(());
        }
        if began.elapsed() > LIMIT {
            return Err(format!("the namespace does not go: {}", left["status"]));
        }
        thread::sleep(PAUSE);
    }
}

/// The Prometheus Operator that a scenario has on the real cluster. It goes with it.
struct Operator<'a> {
    client: &'a Client,
    own: String,
    targets: [String; 1],
    installed: Result<(), String>,
}

impl<'a> Operator<'a> {
    fn new(client: &'a Client, namespace: &str) -> Self {
        let own = fresh("client-operator");
        let targets = [namespace.to_owned()];
        let installed = operator::install(client, &own, &targets);
        Self {
            client,
            own,
            targets,
            installed,
        }
    }
}

impl Drop for Operator<'_> {
    fn drop(&mut self) {
        operator::remove(self.client, &self.own, &self.targets);
    }
}

/// That programs still run, and told of no errors but of these.
fn silent(stage: &Stage, programs: Vec<Program>, allowed: &[&str]) -> Result<(), Failed> {
    let mut told = Vec::new();
    for mut program in programs {
        if !program.runs() {
            let log = program.log();
            let last: Vec<&str> = log.lines().rev().take(5).collect();
            told.push(format!("a program ended: {last:#?}"));
        }
        told.extend(program.errors(allowed));
    }
    let log = stage.machine.log();
    told.extend(
        log.lines()
            .filter(|l| l.contains("panicked"))
            .map(str::to_owned),
    );
    if told.is_empty() {
        Ok(())
    } else {
        Err(told.join("\n").into())
    }
}
