//! When to stop: SIGTERM, as service managers send it, or SIGINT, from a terminal.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A token that is cancelled at the first signal. A second signal ends the process at once, by its default.
pub fn on_signal() -> std::io::Result<CancellationToken> {
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let token = CancellationToken::new();
    let stop = token.clone();
    // Lives until the process ends: there is nothing to wait for.
    TaskTracker::new().spawn(async move {
        let name = tokio::select! {
            _ = term.recv() => "SIGTERM",
            _ = int.recv() => "SIGINT",
        };
        tracing::info!(signal = name, "stopping: no new work is taken, what is going on comes to its end");
        stop.cancel();
        tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
        tracing::warn!("a second signal: ending at once; what was acknowledged is committed");
        std::process::exit(1);
    });
    Ok(token)
}
