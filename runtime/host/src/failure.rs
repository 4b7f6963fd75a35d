//! What a guest's end means. What must hold: each kind of end has its code, and the message helps the guest's author: where
//! it trapped, and the last thing it said.

use factotum_model::{ErrorCode, Failure};
use wasmtime::{Trap, WasmBacktrace};

use crate::capability::bindings::factotum::workflow::types;
use crate::meter::Meter;

/// How many functions of a backtrace are named.
const FRAMES_SHOWN: usize = 6;
/// How much of a guest's last line is repeated, in bytes.
const LAST_LINE_BYTES: usize = 500;

/// A command ended with a code other than 0, or a workflow ended its process instead of answering.
pub(crate) fn exited(code: i32, meter: &Meter) -> Failure {
    let code = if code == 1 {
        // Also what WASI 0.2 makes of every other code, unless the guest imports the newer `exit-with-code`.
        "a failure".to_owned()
    } else {
        format!("code {code}")
    };
    Failure::new(ErrorCode::Failed, format!("the guest exited with {code}{}", last_words(meter)))
}

/// A workflow said that it failed.
pub(crate) fn said(failure: types::Failure) -> Failure {
    match failure {
        types::Failure::Retryable(message) => Failure::new(ErrorCode::Failed, message),
        types::Failure::RetryAfter((ms, message)) => {
            Failure { retry_after_ms: Some(ms), ..Failure::new(ErrorCode::Failed, message) }
        }
        types::Failure::Permanent(message) => {
            Failure { permanent: true, ..Failure::new(ErrorCode::Failed, message) }
        }
    }
}

/// A guest trapped, or could not be instantiated.
pub(crate) fn trapped(error: &wasmtime::Error, meter: &Meter) -> Failure {
    let code = match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => ErrorCode::StackOverflow,
        _ => ErrorCode::Trap,
    };
    let cause = error.root_cause().to_string();
    let place = error.downcast_ref::<WasmBacktrace>().map(functions).unwrap_or_default();
    Failure::new(code, format!("{cause}{place}{}", last_words(meter)))
}

/// ` in f, called by g, …`
fn functions(backtrace: &WasmBacktrace) -> String {
    let names: Vec<&str> =
        backtrace.frames().iter().filter_map(|frame| frame.func_name()).take(FRAMES_SHOWN).collect();
    if names.is_empty() { String::new() } else { format!(" in {}", names.join(", called by ")) }
}

fn last_words(meter: &Meter) -> String {
    meter.last_line().map_or_else(String::new, |line| {
        let mut end = line.len().min(LAST_LINE_BYTES);
        while !line.is_char_boundary(end) {
            end -= 1;
        }
        format!("; its last line was: {}", &line[..end])
    })
}
