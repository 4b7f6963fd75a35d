//! Reading a delivery's body. What must hold: never more than the trigger's limit is kept in memory, and a sender that
//! dawdles is cut off.

use std::pin::pin;
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body::Body;
use http_body_util::BodyExt as _;

use crate::refusal::Refusal;

/// How long a body may take to arrive.
pub(crate) const BODY_TIMEOUT: Duration = Duration::from_mins(1);
/// How much is set aside for a body before any of it is there, in bytes.
const FIRST_BYTES: u64 = 64 << 10;

/// Reads at most `limit` bytes, within a time.
pub(crate) async fn read<B>(
    body: B,
    headers: &HeaderMap,
    limit: u64,
    within: Duration,
) -> Result<Vec<u8>, Refusal>
where
    B: Body<Data = Bytes>,
    B::Error: std::fmt::Display,
{
    let announced: Option<u64> =
        headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
    if announced.is_some_and(|bytes| bytes > limit) {
        return Err(Refusal::BodyTooLarge(limit));
    }
    let capacity = announced.unwrap_or(0).min(FIRST_BYTES);
    tokio::time::timeout(within, collect(body, capacity as usize, limit))
        .await
        .unwrap_or(Err(Refusal::BodyTimeout))
}

async fn collect<B>(body: B, capacity: usize, limit: u64) -> Result<Vec<u8>, Refusal>
where
    B: Body<Data = Bytes>,
    B::Error: std::fmt::Display,
{
    let mut body = pin!(body);
    let mut bytes = Vec::with_capacity(capacity);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            tracing::debug!(%error, "a delivery's body broke off");
            Refusal::BodyBroken
        })?;
        if let Some(data) = frame.data_ref() {
            if (bytes.len() + data.remaining()) as u64 > limit {
                return Err(Refusal::BodyTooLarge(limit));
            }
            bytes.extend_from_slice(data);
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;

    use super::*;

    #[tokio::test]
    async fn the_limit_holds_whether_announced_or_not() {
        let full = |n: usize| Full::new(Bytes::from(vec![7; n]));
        let none = HeaderMap::new();
        assert_eq!(read(full(10), &none, 10, BODY_TIMEOUT).await.map(|b| b.len()), Ok(10));
        assert_eq!(read(full(11), &none, 10, BODY_TIMEOUT).await, Err(Refusal::BodyTooLarge(10)));
        let mut announced = HeaderMap::new();
        announced.insert(CONTENT_LENGTH, "11".parse().unwrap());
        assert_eq!(read(full(0), &announced, 10, BODY_TIMEOUT).await, Err(Refusal::BodyTooLarge(10)));
        announced.insert(CONTENT_LENGTH, u64::MAX.into());
        assert_eq!(
            read(full(0), &announced, u64::MAX, BODY_TIMEOUT).await,
            Ok(vec![]),
            "an announcement alone takes no memory"
        );
    }

    #[tokio::test]
    async fn a_sender_that_dawdles_is_cut_off() {
        let (_sender, receiver) = tokio::sync::mpsc::channel::<()>(1);
        let endless = Never(receiver);
        assert_eq!(
            read(endless, &HeaderMap::new(), 10, Duration::from_millis(1)).await,
            Err(Refusal::BodyTimeout)
        );
    }

    /// A body of which nothing ever comes.
    struct Never(tokio::sync::mpsc::Receiver<()>);

    impl Body for Never {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            cx: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
            self.0.poll_recv(cx).map(|_| None)
        }
    }
}
