//! Bytes in and answers out. What must hold: a line is bounded in length and in time; answers go out together before the client is waited for (RFC 2920); what
//! was read before a TLS handshake is thrown away.

use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::limits::{MAX_LINE_BYTES, MAX_SKIPPED_BYTES};
use super::reply::Reply;
use super::stream::Stream;

/// How much is read at a time, in bytes.
const READ_BYTES: usize = 8 << 10;
/// How long a client may take to read its answers, and for a handshake.
const WRITE_TIMEOUT: Duration = Duration::from_mins(1);

/// Why a connection ends without a `QUIT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Broken {
    /// The client is gone.
    #[error("the client closed the connection")]
    Gone,
    /// It is too slow.
    #[error("the client took too long")]
    Slow,
    /// The server stops.
    #[error("the server stops")]
    Stopping,
}

/// A line, or why there is none.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Without its CRLF.
    Text(Vec<u8>),
    /// Longer than a command may be; it was skipped.
    TooLong,
    /// An LF without CR before it, or more than is skipped.
    Malformed,
}

/// A connection with what was read from it, and what is to be written.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: Stream,
    input: BytesMut,
    output: Vec<u8>,
}

impl Wire {
    pub(crate) fn over(stream: Stream) -> Self {
        Self { stream, input: BytesMut::new(), output: Vec::new() }
    }

    /// Puts an answer to those that go out next.
    pub(crate) fn say(&mut self, reply: &Reply) {
        reply.write(&mut self.output);
    }

    /// Sends the answers.
    pub(crate) async fn flush(&mut self) -> Result<(), Broken> {
        if self.output.is_empty() {
            return Ok(());
        }
        let write = async {
            self.stream.write_all(&self.output).await?;
            self.stream.flush().await
        };
        let written = tokio::time::timeout(WRITE_TIMEOUT, write).await.map_err(|_| Broken::Slow)?;
        written.map_err(|_| Broken::Gone)?;
        self.output.clear();
        Ok(())
    }

    /// Reads more. Answers go out first: the client may wait for them.
    async fn fill(&mut self, until: Instant) -> Result<(), Broken> {
        self.flush().await?;
        self.input.reserve(READ_BYTES);
        let read =
            timeout_at(until, self.stream.read_buf(&mut self.input)).await.map_err(|_| Broken::Slow)?;
        match read {
            Ok(0) | Err(_) => Err(Broken::Gone),
            Ok(_) => Ok(()),
        }
    }

    /// The next command line, within a time. A stop of the server ends the wait for it.
    pub(crate) async fn line(&mut self, within: Duration, stop: &CancellationToken) -> Result<Line, Broken> {
        let until = Instant::now() + within;
        let (mut looked, mut skipped) = (0, 0);
        loop {
            if let Some(at) = self.input[looked..].iter().position(|b| *b == b'\n') {
                let end = looked + at;
                let mut line = self.input.split_to(end + 1);
                line.truncate(end);
                if line.last() != Some(&b'\r') {
                    return Ok(Line::Malformed);
                }
                line.truncate(end - 1);
                if skipped > 0 || line.len() + 2 > MAX_LINE_BYTES {
                    return Ok(Line::TooLong);
                }
                return Ok(Line::Text(line.to_vec()));
            }
            if self.input.len() > MAX_LINE_BYTES {
                // All but the last byte, which may be the CR of the line's end.
                let over = self.input.len() - 1;
                skipped += over;
                self.input.advance(over);
                if skipped > MAX_SKIPPED_BYTES {
                    return Ok(Line::Malformed);
                }
            }
            looked = self.input.len();
            // Before the wait that a stop may end, so that no answer goes out twice.
            self.flush().await?;
            tokio::select! {
                biased;
                filled = self.fill(until) => filled?,
                () = stop.cancelled() => return Err(Broken::Stopping),
            }
        }
    }

    /// What is there, after reading more if nothing was. [`Wire::used`] says how much of it was understood.
    pub(crate) async fn piece(&mut self, until: Instant) -> Result<&[u8], Broken> {
        if self.input.is_empty() {
            self.fill(until).await?;
        }
        Ok(&self.input)
    }

    /// So many bytes of what is there are done with.
    pub(crate) fn used(&mut self, bytes: usize) {
        self.input.advance(bytes);
    }

    /// Gives back memory that a message needed.
    pub(crate) fn rest(&mut self) {
        if self.input.is_empty() {
            self.input = BytesMut::new();
        }
        if self.output.capacity() > READ_BYTES && self.output.is_empty() {
            self.output = Vec::new();
        }
    }

    /// Does the handshake; what came before it is thrown away (RFC 3207 §4.2, CVE-2011-0411).
    pub(crate) async fn secure(self, acceptor: &TlsAcceptor) -> Result<Self, Broken> {
        let Stream::Plain(stream) = self.stream else { return Err(Broken::Gone) };
        let handshake = tokio::time::timeout(WRITE_TIMEOUT, acceptor.accept(stream));
        let stream = handshake.await.map_err(|_| Broken::Slow)?.map_err(|error| {
            tracing::debug!(%error, "a TLS handshake failed");
            Broken::Gone
        })?;
        Ok(Self::over(Stream::Tls(Box::new(stream))))
    }

    /// Says goodbye: answers go out, then the connection closes. What the client still sends is read for a moment, as an unread byte would make the system
    /// take back the answers (RFC 1122 §4.2.2.13).
    pub(crate) async fn close(mut self) {
        if self.flush().await.is_err() {
            return;
        }
        let _ = tokio::time::timeout(Duration::from_secs(2), async {
            if self.stream.shutdown().await.is_err() {
                return;
            }
            let mut left = MAX_SKIPPED_BYTES;
            while left > 0 {
                self.input.clear();
                self.input.reserve(READ_BYTES);
                match self.stream.read_buf(&mut self.input).await {
                    Ok(0) | Err(_) => return,
                    Ok(bytes) => left = left.saturating_sub(bytes),
                }
            }
        })
        .await;
    }
}
