//! Runs a sandbox in this process, until it is told to stop.

use std::{
    fs, io,
    mem::ManuallyDrop,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use tokio::net::TcpListener;

use super::{Error, Home, Running, Settings, credentials::Credentials};
use crate::sandbox::{
    clock::Clock, controllers::program::Without, flavour::Flavour, instance::Sandbox, serve,
};

/// How long is tried to get the lock.
const PATIENCE: Duration = Duration::from_millis(300);
/// How often.
const LOOK: Duration = Duration::from_millis(5);

/// How a sandbox is wanted; what is not given stays as it was.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What it is to be like.
    pub flavour: Option<Flavour>,
    /// How many times faster than it says simulated work is done.
    pub speed: Option<f64>,
    /// The programs whose control loops are left to others.
    pub without: Option<Without>,
    /// Whether to forget what was kept.
    pub fresh: bool,
}

/// Runs the sandbox of a folder, and tells when it is ready. The folder stays locked until the process ends.
pub fn run(home: &Home, options: &Options, ready: impl FnOnce(&Running)) -> Result<(), Error> {
    // Controllers and requests may still write when this returns: the system lets go of it after them.
    let _lock = ManuallyDrop::new(patiently(home)?);
    home.empty_log();
    // A process that was killed left it behind.
    let _ = fs::remove_file(home.announcement());
    let mut settings = prepare(home, options)?;
    let flavour: Flavour = settings.flavour.parse().unwrap_or_default();
    let credentials = Credentials::of(home)?;
    let clock = Clock::at_speed(settings.speed);
    let without: Without = settings.without.parse().unwrap_or_default();
    let sandbox = Sandbox::open(&home.objects(), flavour, clock)?.without(&without);
    sandbox.api.sign_with(credentials.authority.key.as_bytes());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(Error::Network)?;
    let outcome = runtime.block_on(async {
        let listener = listen(settings.port).await.map_err(Error::Network)?;
        let address = listener.local_addr().map_err(Error::Network)?;
        settings.port = Some(address.port());
        let outside = listen(settings.router).await.map_err(Error::Network)?;
        let router = outside.local_addr().map_err(Error::Network)?;
        settings.router = Some(router.port());
        let running = Running {
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            server: format!("https://{address}"),
            router: router.to_string(),
            flavour: settings.flavour.clone(),
            speed: settings.speed,
            without: without.to_string(),
            started: Timestamp::now(),
        };
        credentials.write_kubeconfigs(home, &running)?;
        home.write("settings.json", &json(&settings)?)?;
        let api = Arc::clone(&sandbox.api);
        api.set_certificate(&credentials.authority.certificate);
        controllers(sandbox).map_err(Error::Network)?;
        let tokens = credentials.tokens();
        let router = tokio::spawn(serve::router::serve(Arc::clone(&api), outside));
        let server = tokio::spawn(serve::serve(api, tokens, credentials.authority, listener));
        home.write("running.json", &json(&running)?)?;
        ready(&running);
        tokio::select! {
            ended = server => ended.map_err(io::Error::other).flatten().map_err(Error::Network),
            ended = router => ended.map_err(io::Error::other).flatten().map_err(Error::Network),
            () = told_to_stop() => Ok(()),
        }
    });
    let _ = fs::remove_file(home.announcement());
    // Watches that go on don't keep the process from ending.
    runtime.shutdown_background();
    outcome
}

/// The lock, which others hold for a moment to see whether a sandbox runs.
fn patiently(home: &Home) -> Result<fs::File, Error> {
    let began = Instant::now();
    loop {
        match home.lock() {
            Err(Error::Busy) if began.elapsed() < PATIENCE => thread::sleep(LOOK),
            other => return other,
        }
    }
}

/// The settings, and a folder for the objects.
fn prepare(home: &Home, options: &Options) -> Result<Settings, Error> {
    if options.fresh {
        home.clear_locked()?;
    }
    let kept = home.settings();
    let before = kept.as_ref().filter(|_| home.exists());
    let wanted = options.flavour;
    if let (Some(before), Some(wanted)) = (before, wanted)
        && before.flavour != wanted.name()
    {
        return Err(Error::Flavour {
            kept: before.flavour.clone(),
            wanted,
        });
    }
    let flavour = match (wanted, before) {
        (Some(wanted), _) => wanted.name().to_owned(),
        (None, Some(before)) => before.flavour.clone(),
        // What is in it was made for one flavour, and makes no sense in another.
        (None, None) if home.exists() => {
            let path = home.settings_file().display().to_string();
            return Err(Error::Unsettled { path });
        }
        (None, None) => Flavour::default().name().to_owned(),
    };
    let without = options.without.as_ref().map(ToString::to_string);
    let without = without.or_else(|| kept.as_ref().map(|k| k.without.clone()));
    let settings = Settings {
        flavour,
        speed: options
            .speed
            .or(kept.as_ref().map(|k| k.speed))
            .unwrap_or(1.0),
        without: without.unwrap_or_default(),
        port: kept.as_ref().map_or_else(|| home.port(), |k| k.port),
        router: kept.and_then(|k| k.router),
    };
    // Before the first object: what is in it makes sense in one flavour only.
    home.write("settings.json", &json(&settings)?)?;
    home.make_objects()?;
    Ok(settings)
}

/// The port of last time, or, where somebody else has it now, any other.
async fn listen(port: Option<u16>) -> io::Result<TcpListener> {
    if let Some(port) = port
        && let Ok(listener) = TcpListener::bind(("127.0.0.1", port)).await
    {
        return Ok(listener);
    }
    TcpListener::bind(("127.0.0.1", 0)).await
}

/// Controllers have a thread of their own: requests don't wait for them.
fn controllers(sandbox: Sandbox) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let work = move || runtime.block_on(sandbox.run());
    std::thread::Builder::new()
        .name("controllers".to_owned())
        .spawn(work)?;
    Ok(())
}

async fn told_to_stop() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let signals = (
            signal(SignalKind::terminate()),
            // The terminal that it was started in goes away; it stays.
            signal(SignalKind::hangup()),
        );
        if let (Ok(mut terminate), Ok(mut hangup)) = signals {
            loop {
                tokio::select! {
                    _ = terminate.recv() => return,
                    _ = tokio::signal::ctrl_c() => return,
                    _ = hangup.recv() => {}
                }
            }
        }
    }
    // Without signals it is stopped by its end.
    let _ = tokio::signal::ctrl_c().await;
}

fn json(value: &impl serde::Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|e| Error::Network(io::Error::other(e)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_stays_locked_when_a_run_is_over() {
        let state = tempfile::tempdir().unwrap();
        let home = Home::below(state.path());
        fs::create_dir_all(home.objects()).unwrap();
        fs::write(home.objects().join("objects.jsonl"), "damaged\n").unwrap();
        let options = Options {
            flavour: Some(Flavour::default()),
            ..Options::default()
        };
        let ended = run(&home, &options, |_| ());
        assert!(matches!(ended, Err(Error::Kept(_))), "{ended:?}");
        assert!(matches!(home.lock(), Err(Error::Busy)));
    }
}
