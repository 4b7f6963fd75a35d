//! What one attempt has used of its limits, and the limit that it hit first. What must hold: the first limit hit is
//! recorded and wins over the trap, abort or exit that follows from it; what is counted here is counted before it is
//! done.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use factotum_model::workflow::Limits;
use factotum_model::{ErrorCode, Failure};
use tokio::sync::{Notify, OwnedSemaphorePermit};

use crate::cpu::CpuTime;
use crate::interrupt::Interrupt;
use crate::invocation::{LogLevel, LogLine, Usage};
use crate::share::{FREE_EPOCHS, Share};

/// What a log line counts beside its text, in bytes: so that a flood of empty lines ends too.
const LINE_OVERHEAD_BYTES: u64 = 16;
/// Beyond this an instant could overflow; no limit is meant to be so long, in milliseconds: ten years.
const LONGEST_WALL_MS: u64 = 10 * 365 * 24 * 3_600_000;
/// What a Rust guest's panic ends with, and what helps nobody here.
const RUST_NOTE: &str = "note: run with `RUST_BACKTRACE";
/// The longest line taken from standard error, in bytes; longer ones are split.
const MAX_STDERR_LINE_BYTES: usize = 8 << 10;

/// The guest is over: its failure is in the meter. The text shows only where a failure was lost.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the attempt has ended")]
pub(crate) struct Ended;

/// The state of one attempt's limits, shared by its store, its streams and its requests.
#[derive(Debug)]
pub(crate) struct Meter {
    pub(crate) limits: Limits,
    pub(crate) interrupt: Interrupt,
    pub(crate) cpu: CpuTime,
    began: Instant,
    deadline: Instant,
    first: OnceLock<Failure>,
    over: AtomicBool,
    wake: Notify,
    memory: AtomicU64,
    memory_peak: AtomicU64,
    host_calls: AtomicU64,
    http_requests: AtomicU64,
    http_bytes: AtomicU64,
    instantiation_ns: AtomicU64,
    log: Mutex<Log>,
    share: Arc<Share>,
    /// How often the guest was looked at while it computed.
    epochs: AtomicU32,
    /// The turn to compute that it has now, if it needs one.
    turn: Mutex<Option<OwnedSemaphorePermit>>,
}

#[derive(Debug, Default)]
struct Log {
    lines: Vec<LogLine>,
    bytes: u64,
    /// What came on standard error since its last line break.
    partial: Vec<u8>,
}

impl Meter {
    pub(crate) fn new(limits: Limits, interrupt: Interrupt, share: Arc<Share>) -> Self {
        let began = Instant::now();
        Self {
            limits,
            interrupt,
            cpu: CpuTime::default(),
            began,
            deadline: began + Duration::from_millis(limits.wall_ms.min(LONGEST_WALL_MS)),
            first: OnceLock::new(),
            over: AtomicBool::new(false),
            wake: Notify::new(),
            memory: AtomicU64::new(0),
            memory_peak: AtomicU64::new(0),
            host_calls: AtomicU64::new(0),
            http_requests: AtomicU64::new(0),
            http_bytes: AtomicU64::new(0),
            instantiation_ns: AtomicU64::new(0),
            log: Mutex::default(),
            share,
            epochs: AtomicU32::new(0),
            turn: Mutex::default(),
        }
    }

    /// Notes how long the instance took to be made.
    pub(crate) fn instantiated(&self, took: Duration) {
        self.instantiation_ns.store(took.as_nanos() as u64, Relaxed);
    }

    /// How long the instance took to be made.
    pub(crate) fn instantiation(&self) -> Duration {
        Duration::from_nanos(self.instantiation_ns.load(Relaxed))
    }

    /// When the attempt's wall time is up.
    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Ends the attempt with this failure, unless another was recorded before.
    pub(crate) fn end(&self, failure: Failure) -> Ended {
        let _ = self.first.set(failure);
        self.over.store(true, Relaxed);
        self.wake.notify_one();
        Ended
    }

    /// Waits until something inside the attempt has ended it.
    pub(crate) async fn ended(&self) {
        self.wake.notified().await;
    }

    /// The failure that was recorded first.
    pub(crate) fn first(&self) -> Option<&Failure> {
        self.first.get()
    }

    /// Whether the attempt was ended from here, whatever the guest made of it.
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Relaxed)
    }

    pub(crate) fn deadline_failure(&self) -> Failure {
        let ms = self.limits.wall_ms;
        Failure::new(
            ErrorCode::DeadlineExceeded,
            format!("the attempt took longer than {ms} ms (`limits.wall_ms`)"),
        )
    }

    /// The look at the clocks while the guest computes: on its own thread, at every epoch.
    pub(crate) fn check(&self) -> Result<(), Ended> {
        if self.over.load(Relaxed) {
            return Err(Ended);
        }
        if let Some(reason) = self.interrupt.reason() {
            return Err(self.end(reason.failure()));
        }
        if Instant::now() >= self.deadline {
            return Err(self.end(self.deadline_failure()));
        }
        let ms = self.limits.cpu_ms;
        if self.cpu.so_far_ns() > ms.saturating_mul(1_000_000) {
            let text = format!("the attempt used more than {ms} ms of CPU time (`limits.cpu_ms`)");
            return Err(self.end(Failure::new(ErrorCode::CpuLimit, text)));
        }
        Ok(())
    }

    /// Counts a host call.
    pub(crate) fn count_call(&self) -> Result<(), Ended> {
        let max = self.limits.host_calls;
        if self.host_calls.fetch_add(1, Relaxed) >= max {
            let text = format!("the attempt called the host more than {max} times (`limits.host_calls`)");
            return Err(self.end(Failure::new(ErrorCode::HostCallLimit, text)));
        }
        if self.over.load(Relaxed) { Err(Ended) } else { Ok(()) }
    }

    /// Counts an outbound request.
    pub(crate) fn count_request(&self) -> Result<(), Ended> {
        let max = self.limits.http_requests;
        if self.http_requests.fetch_add(1, Relaxed) >= max {
            let text = format!("the attempt made more than {max} HTTP requests (`limits.http_requests`)");
            return Err(self.end(Failure::new(ErrorCode::EgressLimit, text)));
        }
        Ok(())
    }

    /// Counts bytes of outbound requests and their responses.
    pub(crate) fn count_http_bytes(&self, bytes: u64) -> Result<(), Ended> {
        let max = self.limits.http_bytes;
        if self.http_bytes.fetch_add(bytes, Relaxed).saturating_add(bytes) > max {
            let text = format!("the attempt moved more than {max} bytes over HTTP (`limits.http_bytes`)");
            return Err(self.end(Failure::new(ErrorCode::EgressLimit, text)));
        }
        Ok(())
    }

    /// Whether memories and tables may grow by so many bytes. A refusal is recorded but does not end the attempt: a
    /// guest may cope with less.
    pub(crate) fn grow(&self, bytes: u64) -> bool {
        let max = self.limits.memory_bytes;
        let total = self.memory.load(Relaxed).saturating_add(bytes);
        if total > max {
            let text = format!(
                "memories and tables would have grown to {total} bytes, over {max} (`limits.memory_bytes`)"
            );
            let _ = self.first.set(Failure::new(ErrorCode::MemoryLimit, text));
            return false;
        }
        if !self.share.take(bytes) {
            let text = format!(
                "all guests together have used up the {} bytes that this host has for them; less at a time, or later, may work",
                self.share.max_memory()
            );
            let _ = self.first.set(Failure::new(ErrorCode::MemoryLimit, text));
            return false;
        }
        self.memory.store(total, Relaxed);
        self.memory_peak.fetch_max(total, Relaxed);
        true
    }

    /// A growth that was allowed did not happen.
    pub(crate) fn shrink(&self, bytes: u64) {
        let total = self.memory.load(Relaxed).saturating_sub(bytes);
        self.memory.store(total, Relaxed);
        self.share.give_back(bytes);
    }

    /// All memories and tables are gone.
    pub(crate) fn give_back_memory(&self) {
        self.share.give_back(self.memory.swap(0, Relaxed));
    }

    /// Lets others run. A guest that computes for long then waits for its turn.
    pub(crate) fn give_way(self: &Arc<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let long = self.epochs.fetch_add(1, Relaxed) >= FREE_EPOCHS;
        let meter = Arc::clone(self);
        Box::pin(async move {
            tokio::task::yield_now().await;
            if long {
                let turn = meter.share.turn().await;
                *meter.turn.lock().unwrap_or_else(PoisonError::into_inner) = turn;
            }
        })
    }

    /// The guest does not compute any more, for now.
    pub(crate) fn end_turn(&self) {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    pub(crate) fn output_failure(&self) -> Failure {
        let max = self.limits.output_bytes;
        Failure::new(
            ErrorCode::OutputLimit,
            format!("the output is longer than {max} bytes (`limits.output_bytes`)"),
        )
    }

    /// Writes a log line, if it fits.
    pub(crate) fn log(
        &self,
        level: LogLevel,
        message: String,
        fields: Vec<(String, String)>,
    ) -> Result<(), Ended> {
        let at_ms = self.began.elapsed().as_millis() as u64;
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        self.push(&mut log, LogLine { at_ms, level, message, fields })
    }

    /// Takes bytes from standard error and logs its whole lines.
    pub(crate) fn log_bytes(&self, bytes: &[u8]) -> Result<(), Ended> {
        let at_ms = self.began.elapsed().as_millis() as u64;
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        for piece in bytes.split_inclusive(|b| *b == b'\n') {
            log.partial.extend_from_slice(piece);
            if log.partial.ends_with(b"\n") || log.partial.len() >= MAX_STDERR_LINE_BYTES {
                self.flush_partial(&mut log, at_ms)?;
            }
        }
        Ok(())
    }

    fn flush_partial(&self, log: &mut Log, at_ms: u64) -> Result<(), Ended> {
        let bytes = std::mem::take(&mut log.partial);
        let message = String::from_utf8_lossy(&bytes).trim_end_matches(['\n', '\r']).to_owned();
        self.push(log, LogLine { at_ms, level: LogLevel::Info, message, fields: Vec::new() })
    }

    fn push(&self, log: &mut Log, line: LogLine) -> Result<(), Ended> {
        let fields: usize = line.fields.iter().map(|(name, value)| name.len() + value.len()).sum();
        log.bytes += LINE_OVERHEAD_BYTES + (line.message.len() + fields) as u64;
        let max = self.limits.log_bytes;
        if log.bytes > max {
            let text = format!(
                "the log is longer than {max} bytes, each line counted with {LINE_OVERHEAD_BYTES} more (`limits.log_bytes`)"
            );
            return Err(self.end(Failure::new(ErrorCode::LogLimit, text)));
        }
        log.lines.push(line);
        Ok(())
    }

    /// The last words on standard error or in the log, for a failure's message.
    pub(crate) fn last_line(&self) -> Option<String> {
        let at_ms = self.began.elapsed().as_millis() as u64;
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if !log.partial.is_empty() {
            let _ = self.flush_partial(&mut log, at_ms);
        }
        let telling = |text: &&String| !text.trim().is_empty() && !text.starts_with(RUST_NOTE);
        log.lines.iter().rev().map(|line| &line.message).find(telling).cloned()
    }

    /// At most `most` lines of the log from the one with this number on, counted from 0.
    pub(crate) fn log_from(&self, number: usize, most: usize) -> Vec<LogLine> {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.lines.iter().skip(number).take(most).cloned().collect()
    }

    /// The log, at the attempt's end.
    pub(crate) fn take_log(&self) -> Vec<LogLine> {
        let at_ms = self.began.elapsed().as_millis() as u64;
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if !log.partial.is_empty() {
            let _ = self.flush_partial(&mut log, at_ms);
        }
        std::mem::take(&mut log.lines)
    }

    pub(crate) fn usage(&self) -> Usage {
        Usage {
            wall_us: self.began.elapsed().as_micros() as u64,
            cpu_us: self.cpu.spent_us(),
            memory_peak_bytes: self.memory_peak.load(Relaxed),
            host_calls: self.host_calls.load(Relaxed),
            http_requests: self.http_requests.load(Relaxed),
            http_bytes: self.http_bytes.load(Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meter(limits: Limits) -> Meter {
        Meter::new(limits, Interrupt::default(), Arc::new(Share::new(2, 1 << 30)))
    }

    #[test]
    fn the_first_limit_wins() {
        let meter = meter(Limits { memory_bytes: 100, host_calls: 1, ..Limits::default() });
        assert!(meter.grow(60));
        assert!(!meter.grow(60), "60 + 60 is over 100");
        assert!(meter.grow(40), "a refused growth does not count");
        assert!(meter.count_call().is_ok());
        assert!(meter.count_call().is_err());
        assert_eq!(meter.first().map(|f| f.code), Some(ErrorCode::MemoryLimit));
        assert_eq!(meter.usage().memory_peak_bytes, 100);
    }

    #[test]
    fn standard_error_becomes_lines() {
        let meter = meter(Limits::default());
        meter.log_bytes(b"one\ntw").unwrap();
        meter.log_bytes(b"o\n\nend").unwrap();
        assert_eq!(meter.last_line().as_deref(), Some("end"));
        let lines: Vec<_> = meter.take_log().into_iter().map(|l| l.message).collect();
        assert_eq!(lines, ["one", "two", "", "end"]);
    }

    #[test]
    fn a_flood_of_empty_lines_ends() {
        let meter = meter(Limits { log_bytes: 1_000, ..Limits::default() });
        assert!(meter.log_bytes(&[b'\n'; 1_000]).is_err());
        assert_eq!(meter.first().map(|f| f.code), Some(ErrorCode::LogLimit));
        assert_eq!(meter.take_log().len(), 1_000 / 16);
    }
}
