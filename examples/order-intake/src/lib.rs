//! Example `order-intake`: takes orders in by webhook, checks and totals them, and stores each once. What must hold: however
//! often a delivery comes and an attempt is repeated, an order is stored once and answered alike; README.md says how
//! to try it.

mod order;

use factotum_sdk::{Event, Failure, Outcome, kv, log, run, workflow};
use serde::{Deserialize, Serialize};

use order::Order;

workflow!(handle);

/// An order as it is stored, under `order/<order_id>`; `order-report` reads it.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    #[serde(flatten)]
    order: Order,
    total_cents: u64,
    /// The run that stored it, so that this run's later attempts know their own work.
    run_id: String,
}

/// What the sender is told.
#[derive(Debug, Serialize)]
struct Receipt {
    order_id: String,
    total_cents: u64,
    /// `stored`, or `already_stored` when another delivery of the same order was first.
    status: &'static str,
}

fn handle(event: Event) -> Result<Outcome, Failure> {
    let order: Order = event.json()?;
    let total_cents = order.check().map_err(Failure::permanent)?;
    let run_id = run::current().id;
    let key = format!("order/{}", order.order_id);
    let stored = Stored { order, total_cents, run_id };

    let store = kv::Store::own();
    let status = if store.swap_json(&key, kv::ABSENT, &stored)?.is_some() {
        "stored"
    } else {
        let entry = store
            .get(&key)?
            .ok_or_else(|| Failure::retryable(format!("`{key}` was removed at the same time")))?;
        compare(&entry.json()?, &stored)?
    };
    log::info(
        "order taken in",
        &[("order", &stored.order.order_id), ("total_cents", &total_cents), ("status", &status)],
    );
    Outcome::json(&Receipt { order_id: stored.order.order_id, total_cents, status })
}

/// What to answer when the order's id is taken: the same order again is fine, another one is not.
fn compare(first: &Stored, second: &Stored) -> Result<&'static str, Failure> {
    if first.run_id == second.run_id {
        Ok("stored")
    } else if first.order == second.order {
        Ok("already_stored")
    } else {
        Err(Failure::permanent(format!("`order_id`: another order is stored as `{}`", first.order.order_id)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(run_id: &str, quantity: u32) -> Stored {
        let line = order::Line { sku: "bolt".into(), quantity, unit_price_cents: 1 };
        let order = Order { order_id: "A-1".into(), customer: "Jane".into(), lines: vec![line] };
        Stored { order, total_cents: u64::from(quantity), run_id: run_id.into() }
    }

    #[test]
    fn a_repeated_order_is_no_second_one() {
        assert_eq!(
            compare(&stored("run_1", 1), &stored("run_1", 1)),
            Ok("stored"),
            "a retry of the same run"
        );
        assert_eq!(compare(&stored("run_1", 1), &stored("run_2", 1)), Ok("already_stored"));
        let other = compare(&stored("run_1", 1), &stored("run_2", 2));
        assert!(other.is_err_and(|f| f.to_string().starts_with("`order_id`")));
    }

    #[test]
    fn what_is_stored_reads_back() {
        let text = serde_json::to_string(&stored("run_1", 7)).expect("it has a JSON form");
        let back: Stored = serde_json::from_str(&text).expect("it reads back");
        assert_eq!((back.order, back.total_cents), (stored("run_1", 7).order, 7));
        assert!(text.contains(r#""customer":"Jane""#), "flat, as order-report reads it: {text}");
    }
}
