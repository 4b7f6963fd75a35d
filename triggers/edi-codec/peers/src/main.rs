//! How fast `edifact-rs` reads a file, segment by segment, looking at every component: one line of JSON, as our own bench prints it.

use std::hint::black_box;
use std::time::{Duration, Instant};

fn main() {
    let file = std::env::args().nth(1).expect("the file to read");
    let bytes = std::fs::read(&file).expect("a readable file");
    let start = Instant::now();
    let began = cpu();
    let mut rounds = 0_u32;
    while start.elapsed() < Duration::from_secs(3) {
        for segment in edifact_rs::from_bytes(&bytes) {
            black_box(&segment.expect("well-formed"));
        }
        rounds += 1;
    }
    let seconds = match began.zip(cpu()) {
        Some((began, now)) if now > began => (now - began) as f64 / 1e9,
        _ => start.elapsed().as_secs_f64(),
    };
    let rate = bytes.len() as f64 * f64::from(rounds) / seconds / 1e6;
    println!(
        "{{\"name\": \"EDIFACT: edifact-rs 0.18.0, tokenize a slice\", \"figures\": {{\"mb_per_s\": {rate:.1}}}}}"
    );
}

/// How long this thread had a core, in nanoseconds.
fn cpu() -> Option<u64> {
    std::fs::read_to_string("/proc/thread-self/schedstat").ok()?.split(' ').next()?.parse().ok()
}
