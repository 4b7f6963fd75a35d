//! Bodies that are made while they are sent. What must hold: at most one chunk is in memory, and the next is made when the client has taken
//! the last.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame};

/// The body broke off: the client sees a connection that ended early, never a whole answer that is not one.
#[derive(Debug, thiserror::Error)]
#[error("the answer broke off; the server's log says why")]
pub struct BrokenOff;

/// What makes chunks.
pub trait Chunks: Send + 'static {
    /// The next chunk; none at the end.
    fn next(&mut self) -> impl Future<Output = Result<Option<Bytes>, BrokenOff>> + Send;
}

type Made<C> = (C, Result<Option<Bytes>, BrokenOff>);

/// A body of chunks.
pub struct ChunkedBody<C>(Option<Pin<Box<dyn Future<Output = Made<C>> + Send>>>);

impl<C: Chunks> ChunkedBody<C> {
    /// A body of these chunks.
    pub fn begin(chunks: C) -> Self {
        Self(Some(Box::pin(make(chunks))))
    }
}

async fn make<C: Chunks>(mut chunks: C) -> Made<C> {
    let made = chunks.next().await;
    (chunks, made)
}

impl<C: Chunks> Body for ChunkedBody<C> {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let Some(future) = self.0.as_mut() else { return Poll::Ready(None) };
        let (chunks, made) = ready!(future.as_mut().poll(context));
        self.0 = None;
        Poll::Ready(match made {
            Ok(Some(chunk)) => {
                self.0 = Some(Box::pin(make(chunks)));
                Some(Ok(Frame::data(chunk)))
            }
            Ok(None) => None,
            Err(error) => Some(Err(error)),
        })
    }
}
