//! Hostile guest `hog`: allocates and touches memory, step by step. Takes `{"bytes"?: 4 GiB, "step_bytes"?: 16 MiB}`; answers
//! `{"allocated_bytes"}` if it comes so far, which no `memory_bytes` below `bytes` may allow (`memory_limit`).

use std::hint::black_box;

use factotum_sdk::{Event, Failure, Outcome, workflow};
use serde::Deserialize;
use serde_json::json;

workflow!(handle);

#[derive(Default, Deserialize)]
#[serde(default)]
struct Wish {
    bytes: Option<u64>,
    step_bytes: Option<usize>,
}

fn handle(event: Event) -> Result<Outcome, Failure> {
    let wish: Wish = event.json().unwrap_or_default();
    let bytes = wish.bytes.unwrap_or(4 << 30);
    let step_bytes = wish.step_bytes.unwrap_or(16 << 20).max(1);
    let mut held = Vec::new();
    let mut allocated_bytes = 0_u64;
    while allocated_bytes < bytes {
        held.push(black_box(vec![1_u8; step_bytes]));
        allocated_bytes += step_bytes as u64;
    }
    black_box(&held);
    Outcome::json(&json!({"allocated_bytes": allocated_bytes}))
}
