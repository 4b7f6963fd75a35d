//! Hostile guest `recurse`, a command: calls itself until the stack is full (`stack_overflow`). Its frames hold next to
//! nothing in linear memory, so that it is the engine's stack that ends, not the guest's own.

use std::hint::black_box;

fn main() {
    black_box(descend(1));
}

fn descend(depth: u64) -> u64 {
    if black_box(depth) == 0 { 0 } else { descend(depth.wrapping_add(1)).wrapping_mul(black_box(depth)) }
}
