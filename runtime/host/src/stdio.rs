//! Standard input, output and error of a guest, in memory. What must hold: each call is counted, the output and the log
//! are bounded as they are written, and no task or thread stands behind a stream.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use wasmtime_wasi::cli::{IsTerminal, StdinStream, StdoutStream};
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, StreamError};

use crate::meter::{Ended, Meter};

/// How much a guest may write at a time, in bytes.
const MAX_WRITE_BYTES: usize = 64 << 10;

/// Standard input: some bytes.
#[derive(Clone)]
pub(crate) struct Stdin {
    rest: Arc<Mutex<Bytes>>,
    meter: Arc<Meter>,
}

impl Stdin {
    pub(crate) fn new(bytes: Bytes, meter: Arc<Meter>) -> Self {
        Self { rest: Arc::new(Mutex::new(bytes)), meter }
    }
}

impl IsTerminal for Stdin {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdinStream for Stdin {
    fn async_stream(&self) -> Box<dyn AsyncRead + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn InputStream> {
        Box::new(self.clone())
    }
}

#[async_trait]
impl Pollable for Stdin {
    async fn ready(&mut self) {}
}

#[async_trait]
impl InputStream for Stdin {
    fn read(&mut self, size: usize) -> Result<Bytes, StreamError> {
        self.meter.count_call().map_err(trap)?;
        let mut rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        if rest.is_empty() {
            return Err(StreamError::Closed);
        }
        let size = size.min(rest.len());
        Ok(rest.split_to(size))
    }
}

impl AsyncRead for Stdin {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let mut rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        let size = buf.remaining().min(rest.len());
        buf.put_slice(&rest.split_to(size));
        Poll::Ready(Ok(()))
    }
}

/// Where a guest's stream goes.
#[derive(Clone)]
pub(crate) enum Sink {
    /// A command's standard output: its answer.
    Output {
        /// What was written.
        written: Arc<Mutex<Vec<u8>>>,
        /// Bounds it.
        meter: Arc<Meter>,
    },
    /// Everything else: the log.
    Log(Arc<Meter>),
}

impl Sink {
    fn meter(&self) -> &Meter {
        match self {
            Self::Output { meter, .. } | Self::Log(meter) => meter,
        }
    }

    fn put(&self, bytes: &[u8]) -> Result<(), Ended> {
        self.meter().count_call()?;
        match self {
            Self::Output { written, meter } => {
                let mut written = written.lock().unwrap_or_else(PoisonError::into_inner);
                if (written.len() + bytes.len()) as u64 > meter.limits.output_bytes {
                    return Err(meter.end(meter.output_failure()));
                }
                written.extend_from_slice(bytes);
                Ok(())
            }
            Self::Log(meter) => meter.log_bytes(bytes),
        }
    }
}

impl IsTerminal for Sink {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Sink {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait]
impl Pollable for Sink {
    async fn ready(&mut self) {}
}

#[async_trait]
impl OutputStream for Sink {
    fn write(&mut self, bytes: Bytes) -> Result<(), StreamError> {
        self.put(&bytes).map_err(trap)
    }

    fn flush(&mut self) -> Result<(), StreamError> {
        Ok(())
    }

    fn check_write(&mut self) -> Result<usize, StreamError> {
        Ok(MAX_WRITE_BYTES)
    }
}

impl AsyncWrite for Sink {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        Poll::Ready(self.put(buf).map(|()| buf.len()).map_err(std::io::Error::other))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn trap(ended: Ended) -> StreamError {
    StreamError::Trap(ended.into())
}
