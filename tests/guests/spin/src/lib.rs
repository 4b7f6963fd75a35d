//! Hostile guest `spin`: computes for ever and calls nothing, so that only the host can end it (`cpu_limit`, or
//! `deadline_exceeded` if that comes first).

use std::hint::black_box;

use factotum_sdk::{Event, Failure, Outcome, workflow};

workflow!(handle);

fn handle(_: Event) -> Result<Outcome, Failure> {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns).wrapping_add(1);
    }
}
