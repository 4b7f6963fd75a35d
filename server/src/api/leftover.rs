//! What a handler left of a request's body. What must hold: an answer leaves only when the body has been read to its end, or else it
//! says that the connection closes; a client that keeps its connection never sends its next request into one that is closing
//! (RFC 9112 §9.3, §9.6).

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt as _;
use tokio::sync::oneshot;

/// How long and how much of a leftover is read and thrown away, so that a client that sends before it listens gets to read the
/// answer.
const DISCARD_TIME: Duration = Duration::from_secs(10);
const DISCARD_IDLE: Duration = Duration::from_secs(1);
const DISCARD_BYTES: u64 = 4 << 30;

/// A body that goes back to whoever lent it when its reader drops it before its end.
struct Lent {
    body: Option<Body>,
    back: Option<oneshot::Sender<Body>>,
}

/// Where the rest of a lent body arrives.
pub struct Leftover {
    back: oneshot::Receiver<Body>,
    announced: u64,
}

/// Lends a body out; none has to come back of an empty one.
pub fn lend(body: Body) -> (Body, Option<Leftover>) {
    if body.is_end_stream() {
        return (body, None);
    }
    let announced = body.size_hint().exact().unwrap_or_default();
    let (sender, back) = oneshot::channel();
    (Body::new(Lent { body: Some(body), back: Some(sender) }), Some(Leftover { back, announced }))
}

impl Leftover {
    /// Reads and throws away what was left, within bounds; `asks_first`: the client said `Expect: 100-continue`, and has sent nothing.
    /// False: some of it was not read.
    pub async fn clear(mut self, asks_first: bool) -> bool {
        let Ok(mut body) = self.back.try_recv() else { return true };
        if asks_first || self.announced > DISCARD_BYTES {
            return false;
        }
        let to_the_end = async {
            // A client that stops sending is answered all the same.
            while let Ok(frame) = tokio::time::timeout(DISCARD_IDLE, body.frame()).await {
                match frame {
                    Some(Ok(_)) => {}
                    Some(Err(_)) => return false,
                    None => return true,
                }
            }
            false
        };
        tokio::time::timeout(DISCARD_TIME, to_the_end).await.unwrap_or(false)
    }
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let polled = Pin::new(body).poll_frame(context);
        // Nothing is left of one that has ended or broken off.
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.body = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let (Some(body), Some(back)) = (self.body.take(), self.back.take())
            && !body.is_end_stream()
        {
            // Nobody waits for it when the request itself was dropped.
            let _ = back.send(body);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A body of one frame, or one whose sender hangs.
    enum Piece {
        Frame(Option<Result<Frame<Bytes>, axum::Error>>),
        Hangs,
    }

    impl HttpBody for Piece {
        type Data = Bytes;
        type Error = axum::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
            match &mut *self {
                Self::Frame(frame) => Poll::Ready(frame.take()),
                Self::Hangs => Poll::Pending,
            }
        }
    }

    fn byte() -> Piece {
        Piece::Frame(Some(Ok(Frame::data(Bytes::from_static(b"x")))))
    }

    #[tokio::test]
    async fn what_nobody_read_is_read_before_the_answer() {
        let (lent, leftover) = lend(Body::new(byte()));
        drop(lent);
        assert!(leftover.unwrap().clear(false).await);
    }

    #[tokio::test]
    async fn what_was_read_leaves_nothing() {
        let (lent, leftover) = lend(Body::new(byte()));
        assert_eq!(lent.collect().await.unwrap().to_bytes(), "x");
        assert!(leftover.unwrap().clear(true).await);
        assert!(lend(Body::empty()).1.is_none());
    }

    #[tokio::test]
    async fn what_cannot_be_read_closes_the_connection() {
        let (lent, leftover) = lend(Body::new(Piece::Hangs));
        drop(lent);
        assert!(!leftover.unwrap().clear(false).await, "the sender hangs");
        let (lent, leftover) = lend(Body::new(byte()));
        drop(lent);
        assert!(!leftover.unwrap().clear(true).await, "the client waits to be asked for it");
        let broken = Err(axum::Error::new(std::io::Error::other("gone")));
        let (lent, leftover) = lend(Body::new(Piece::Frame(Some(broken))));
        drop(lent);
        assert!(!leftover.unwrap().clear(false).await, "the connection broke off");
    }
}
