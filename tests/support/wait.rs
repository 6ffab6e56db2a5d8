//! Waiting for what has to happen.

use std::{
    fmt::Debug,
    thread,
    time::{Duration, Instant},
};

/// How long it may take. Only what fails waits so long, so it is long enough for a machine that is busy with other things.
pub const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(20);

/// Looks until there is what is looked for; who looks says what there is instead. Fails with `what` after [`PATIENCE`].
pub fn until<T, Seen: Debug>(what: &str, mut look: impl FnMut() -> Result<T, Seen>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        match look() {
            Ok(found) => return found,
            Err(seen) => assert!(
                Instant::now() < end,
                "{what}: not after {PATIENCE:?}; there is {seen:?}"
            ),
        }
        thread::sleep(PAUSE);
    }
}

/// The same where others work meanwhile.
pub async fn until_then<T, Seen: Debug>(
    what: &str,
    mut look: impl AsyncFnMut() -> Result<T, Seen>,
) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        match look().await {
            Ok(found) => return found,
            Err(seen) => assert!(
                Instant::now() < end,
                "{what}: not after {PATIENCE:?}; there is {seen:?}"
            ),
        }
        tokio::time::sleep(PAUSE).await;
    }
}
