//! Hostile guest `chatty`: calls the host without end. Takes `{"what"?: "run" | "log" | "config" | "config_all" | "kv" | "wait" | "attachment" | "raw"}`, `run` if it is left
//! out: the cheapest calls, which only `host_call_limit` bounds; `log` runs into `log_limit` unless that is larger.

use factotum_sdk::{Event, Failure, Outcome, config, email, kv, log, run, workflow, workflows};
use serde::Deserialize;
use serde_json::Value;

workflow!(handle);

#[derive(Default, Deserialize)]
struct Wish {
    #[serde(default)]
    what: What,
}

#[derive(Default, Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum What {
    #[default]
    Run,
    Log,
    Config,
    ConfigAll,
    Kv,
    Wait,
    Attachment,
    Raw,
}

fn handle(event: Event) -> Result<Outcome, Failure> {
    let what = event.json::<Wish>().unwrap_or_default().what;
    loop {
        match what {
            What::Run => {
                run::current();
            }
            What::Log => log::info("once more", &[]),
            What::Config => {
                config::get::<Value>("nothing")?;
            }
            What::ConfigAll => {
                config::all::<Value>()?;
            }
            // Denied or not, it goes on.
            What::Kv => drop(kv::Store::own().get("nothing")),
            What::Attachment => drop(email::attachment(0)),
            What::Raw => drop(email::raw()),
            What::Wait => drop(workflows::Child::of("run_00000000000000000000000000000001").wait::<Value>()),
        }
    }
}
