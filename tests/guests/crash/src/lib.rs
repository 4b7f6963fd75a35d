//! Hostile guest `crash`: ends without answer. Takes `{"how": "panic" | "unreachable" | "abort" | "exit" | "exit_zero"}`, `panic`
//! if it is left out. All are the code `trap` but the exits, which no workflow of this world has use for.

use factotum_sdk::{Event, Failure, Outcome, workflow};
use serde::Deserialize;

workflow!(handle);

#[derive(Default, Deserialize)]
struct Wish {
    #[serde(default)]
    how: How,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum How {
    #[default]
    Panic,
    Unreachable,
    Abort,
    Exit,
    ExitZero,
}

fn handle(event: Event) -> Result<Outcome, Failure> {
    match event.json::<Wish>().unwrap_or_default().how {
        How::Panic => panic!("crash was told to panic"),
        How::Unreachable => trap(),
        How::Abort => std::process::abort(),
        How::Exit => std::process::exit(3),
        How::ExitZero => std::process::exit(0),
    }
}

#[cfg(target_family = "wasm")]
fn trap() -> ! {
    std::arch::wasm32::unreachable()
}

#[cfg(not(target_family = "wasm"))]
fn trap() -> ! {
    std::process::abort()
}
