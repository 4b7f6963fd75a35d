//! What the server itself does from time to time: denials that were counted, uses of keys, addresses that showed unknown
//! keys, the security log. What must hold: each is
//! idempotent, and the last round, at the stop, writes all that is left.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::operations::Services;
use crate::operations::attempts::FORGOTTEN_EVERY;
use crate::operations::key_uses::WRITTEN_EVERY;

/// How often it looks.
const ROUND: Duration = Duration::from_secs(1);

/// Rounds until the stop, and one more.
pub async fn run(services: Arc<Services>, stop: CancellationToken) {
    let mut uses_written = Instant::now();
    let mut tries_forgotten = Instant::now();
    loop {
        let stopped = tokio::select! {
            () = stop.cancelled() => true,
            () = tokio::time::sleep(ROUND) => false,
        };
        services.refusals.flush();
        if let Err(error) = services.denials.flush(&services.storage, services.now(), stopped).await {
            tracing::warn!(%error, "counted denials could not be put on the record");
        }
        if tries_forgotten.elapsed() >= FORGOTTEN_EVERY {
            tries_forgotten = Instant::now();
            services.attempts.forget();
            services.invitation_limits.forget();
        }
        if stopped || uses_written.elapsed() >= WRITTEN_EVERY {
            uses_written = Instant::now();
            services.unknown_keys.forget();
            if let Some(oidc) = &services.oidc {
                oidc.forget();
            }
            if let Err(error) = services.key_uses.flush(&services.storage).await {
                tracing::warn!(%error, "the last uses of keys could not be written; tried again");
            }
        }
        if stopped {
            return;
        }
    }
}
