//! Hostile guest `ouroboros`: starts itself again, without end. Takes `{"others"?: [workflow], "wait"?: true, "each"?: 1}`: it starts the first of `others`, its own
//! workflow if there is none, with the others and then its own name after it, so that two call each other in turn; and waits for it unless told not to. With
//! `each` it starts so many, and waits for none. Answers `{"below": n}`, how many runs stand below it in a row, with `{"stopped_by": kind}` of the last.

use factotum_sdk::workflows::{self, Error};
use factotum_sdk::{Event, Failure, Outcome, run, workflow};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

workflow!(handle);

#[derive(Serialize, Deserialize)]
struct Wish {
    #[serde(default)]
    others: Vec<String>,
    #[serde(default = "yes")]
    wait: bool,
    #[serde(default)]
    each: u32,
}

fn yes() -> bool {
    true
}

fn handle(event: Event) -> Result<Outcome, Failure> {
    let mut wish: Wish = event.json()?;
    let own = run::current().workflow;
    wish.others.push(own);
    let next = wish.others.remove(0);
    if wish.each > 0 {
        for _ in 0..wish.each {
            if let Err(error) = workflows::start(&next, &wish) {
                return Outcome::json(&json!({"stopped_by": kind(&error)}));
            }
        }
        return Ok(Outcome::None);
    }
    let below = workflows::start(&next, &wish)
        .and_then(|child| if wish.wait { child.wait::<Value>() } else { Ok(json!({"started": child.id()})) });
    match below {
        Ok(mut answer) => {
            if let Some(n) = answer["below"].as_u64() {
                answer["below"] = json!(n + 1);
            }
            Outcome::json(&answer)
        }
        Err(error) => Outcome::json(&json!({"below": 0, "stopped_by": kind(&error)})),
    }
}

fn kind(error: &Error) -> &'static str {
    match error {
        Error::Denied(_) => "denied",
        Error::DepthLimit(_) => "depth_limit",
        Error::TooMany(_) => "too_many",
        Error::Unavailable(_) => "unavailable",
        Error::Failed { .. } => "failed",
        _ => "other",
    }
}
