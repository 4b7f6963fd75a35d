//! What `cargo xtask run` prints: a run with its record, and the commands to go on with. What must hold: every command can be
//! pasted into a shell as it stands.

use std::path::Path;
use std::time::Duration;

use anyhow::ensure;
use factotum_tests::browser::PASSWORD;
use factotum_tests::receiver::Receiver;
use factotum_tests::server::ADMIN;
use factotum_tests::{Server, postgres, wait};
use serde_json::{Value, json};

use super::examples::Hooks;
use crate::command::{Interrupt, say};

/// The schedule is due every minute; a little more than that.
const REPORT_PATIENCE: Duration = Duration::from_secs(75);

/// Sends an order and shows the answer, the run and its audit entries.
pub fn first_run(server: &Server, hooks: &Hooks) -> anyhow::Result<()> {
    let order = json!({"order_id": "A-1", "customer": "Jane", "lines": [
        {"sku": "bolt", "quantity": 100, "unit_price_cents": 12},
        {"sku": "nut", "quantity": 50, "unit_price_cents": 8},
    ]});
    let stranger = server.stranger();
    // A delivery of its own at each start, so that there is a run to see; the order itself is stored once.
    let delivery = postgres::random_word()?;
    let headers = [("content-type", "application/json"), ("x-delivery", delivery.as_str())];
    let answer = stranger.send("POST", &hooks.order_intake, &headers, order.to_string().as_bytes())?;
    ensure!(answer.status == 200, "the first order: {} {}", answer.status, answer.text());
    say(&format!("An order went in, and the workflow answered: {}", answer.text()));

    let runs = server.api().get("/api/v1/runs?workflow=order-intake&limit=1").json();
    let run = &runs["items"][0];
    ensure!(run["state"] == "succeeded", "the run of the first order: {run}");
    say(&format!(
        "Its run:   {} {} as {} ({}), started by {}",
        word(&run["id"]),
        word(&run["state"]),
        word(&run["principal"]["name"]),
        word(&run["principal"]["kind"]),
        word(&run["initiator"]["kind"]),
    ));
    for entry in server.api().audit(&format!("run={}", word(&run["id"]))) {
        say(&format!(
            "On record: {} {} {} by {}",
            word(&entry["at"]),
            word(&entry["action"]),
            word(&entry["outcome"]),
            word(&entry["actor"]["name"]),
        ));
    }
    Ok(())
}

fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

/// Prints what one can do now.
pub fn commands(server: &Server, hooks: &Hooks, key_file: &Path) {
    let base = server.base();
    let order = r#"{"order_id": "A-2", "customer": "Joe", "lines": [{"sku": "bolt", "quantity": 7, "unit_price_cents": 12}]}"#;
    say(&format!(
        "
Factotum runs at {base}, data and log in {folder}.

Open {base} in a browser: {ADMIN}, with the password of this trial, `{PASSWORD}`.

Send an order (workflow order-intake, by webhook; the same X-Delivery again starts nothing):
  curl -sS {intake} -H 'X-Delivery: 2' -H 'Content-Type: application/json' -d '{order}'
Count words (workflow word-count, a plain WASI program, by webhook):
  curl -sS {count} -d 'to be or not to be'
Count the words of a mail (the same workflow, by e-mail; `curl` speaks SMTP):
  printf 'Subject: hello\\r\\n\\r\\nto be or not to be\\r\\n' | curl -sS smtp://127.0.0.1:{smtp} --mail-from you@example.com --mail-rcpt '{mail}' -T -
The report (workflow order-report) fires every minute. To run it now, as the key's own account:
  export FACTOTUM_URL={base} FACTOTUM_API_KEY=$(cat {key})
  curl -sS \"$FACTOTUM_URL/api/v1/workflows/order-report/runs?wait=10\" -H \"Authorization: Bearer $FACTOTUM_API_KEY\" -H 'Content-Type: application/json' -d '{{}}'
Show the newest runs, and the audit trail:
  curl -sS \"$FACTOTUM_URL/api/v1/runs?limit=5\" -H \"Authorization: Bearer $FACTOTUM_API_KEY\"
  curl -sS \"$FACTOTUM_URL/api/v1/audit?limit=20\" -H \"Authorization: Bearer $FACTOTUM_API_KEY\"
",
        folder = server.data().display(),
        intake = hooks.order_intake,
        count = hooks.word_count,
        smtp = server.smtp_port(),
        mail = hooks.word_count_mail,
        key = key_file.display(),
    ));
}

/// Waits for the schedule's report and shows it.
pub fn scheduled_report(server: &Server, receiver: &Receiver, interrupt: &Interrupt) -> anyhow::Result<()> {
    say("Waiting for the schedule: it is due at the next full minute.");
    let came =
        wait::poll(REPORT_PATIENCE, || (interrupt.asked() || !receiver.received().is_empty()).then_some(()));
    interrupt.check()?;
    let received = receiver.received();
    ensure!(came.is_some() && !received.is_empty(), "no report came; the log's end:\n{}", server.log());
    say(&format!("The report came by HTTP: {}", String::from_utf8_lossy(&received[0].body)));
    let runs = server.api().get("/api/v1/runs?workflow=order-report&limit=1").json();
    let run = &runs["items"][0];
    say(&format!(
        "Its run:   {} as {}, started by {}",
        word(&run["id"]),
        word(&run["principal"]["name"]),
        word(&run["initiator"]["kind"])
    ));
    Ok(())
}
