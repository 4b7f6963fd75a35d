//! CPU time of one attempt: the thread's CPU time, summed over the polls of the guest's future. What must hold: time spent
//! waiting, or on another task of the same thread, does not count.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use crate::meter::Meter;

/// This thread's CPU time in nanoseconds.
#[expect(unsafe_code, reason = "the standard library does not offer the thread's CPU clock")]
fn thread_cpu_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid timespec that the call writes; the clock exists on every Linux since 2.6.12.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    if failed == 0 { time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64 } else { 0 }
}

/// What a guest has used so far. Only the thread that polls it writes.
#[derive(Debug, Default)]
pub(crate) struct CpuTime {
    spent_ns: AtomicU64,
    poll_began_ns: AtomicU64,
}

impl CpuTime {
    fn begin(&self) {
        self.poll_began_ns.store(thread_cpu_ns(), Ordering::Relaxed);
    }

    fn end(&self) {
        self.spent_ns.store(self.so_far_ns(), Ordering::Relaxed);
    }

    /// Including the poll that is going on; call it on the thread that polls.
    pub(crate) fn so_far_ns(&self) -> u64 {
        let poll = thread_cpu_ns().saturating_sub(self.poll_began_ns.load(Ordering::Relaxed));
        self.spent_ns.load(Ordering::Relaxed) + poll
    }

    /// What all finished polls took.
    pub(crate) fn spent_us(&self) -> u64 {
        self.spent_ns.load(Ordering::Relaxed) / 1_000
    }
}

/// A guest's future: its polls are timed, and its turn to compute ends with each.
pub(crate) struct Timed<'a, F> {
    inner: Pin<&'a mut F>,
    meter: &'a Meter,
}

impl<'a, F: Future> Timed<'a, F> {
    pub(crate) fn new(inner: Pin<&'a mut F>, meter: &'a Meter) -> Self {
        Self { inner, meter }
    }
}

impl<F: Future> Future for Timed<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.meter.cpu.begin();
        let polled = self.inner.as_mut().poll(cx);
        self.meter.cpu.end();
        // Whoever waits needs no processor.
        self.meter.end_turn();
        polled
    }
}
