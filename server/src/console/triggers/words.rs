//! A schedule's configuration in words: what its form offers, and what its page says. What must hold: each word of the configuration has one here.

use factotum_storage::triggers::Trigger;

use super::edit::Options;
use super::form::Typed;
use crate::view::trigger::delay;

/// What becomes of missed firings.
pub(super) fn policies() -> Options {
    &[("last", "the newest one"), ("none", "none of them"), ("all", "all of them")]
}

/// What becomes of a firing while the one before goes on.
pub(super) fn overlaps() -> Options {
    &[
        ("allow", "fire all the same"),
        ("skip", "leave the new firing out"),
        ("queue_one", "let one wait, leave out the others"),
        ("queue_all", "let them wait, and fire one after the other"),
        ("cancel_running", "cancel what runs, then fire"),
        ("replace", "cancel all that has not ended, then fire"),
    ]
}

/// How cron is read.
pub(super) fn dialects() -> Options {
    &[
        ("", "five to seven fields, L W #, day or weekday"),
        ("cron", "the crate cron's: six or seven fields, day and weekday"),
    ]
}

/// A time that the clocks jump over.
pub(super) fn gaps() -> Options {
    &[("", "fires right after the jump"), ("skip", "is left out")]
}

/// A time that the clocks show twice.
pub(super) fn folds() -> Options {
    &[("", "fires the first time"), ("second", "fires the second time"), ("both", "fires both times")]
}

fn word(options: Options, value: &str) -> String {
    let found = options.iter().find(|(own, _)| *own == value).or_else(|| options.first());
    found.map(|(_, words)| (*words).to_owned()).unwrap_or_default()
}

/// When it is due, in a line.
pub(super) fn when(typed: &Typed) -> String {
    match (typed.get("cron"), typed.get("every"), typed.get("at")) {
        ("", "", at) => format!("once, {at}"),
        ("", every, _) => format!("every {every}"),
        (cron, ..) => cron.to_owned(),
    }
}

/// What is set.
pub(super) fn facts(trigger: &Trigger, typed: &Typed) -> Vec<(&'static str, String)> {
    let text = |name: &str| typed.get(name).to_owned();
    let mut facts = Vec::new();
    match (typed.get("cron"), typed.get("every")) {
        ("", "") => facts.push(("Once", text("at"))),
        ("", every) => facts.push(("Every", every.to_owned())),
        (cron, _) => facts.push(("Cron", cron.to_owned())),
    }
    if typed.get("dialect") == "cron" {
        facts.push(("Dialect", "cron".to_owned()));
    }
    facts.push(("Time zone", text("timezone")));
    for (name, title) in [("start", "Not before"), ("end", "Not after")] {
        if !typed.get(name).is_empty() {
            facts.push((title, text(name)));
        }
    }
    if !typed.get("cron").is_empty() {
        let gap = word(gaps(), typed.get("dst.gap"));
        let fold = word(folds(), typed.get("dst.overlap"));
        facts.push((
            "Changes of the clocks",
            format!("a time that is jumped over {gap}, one that comes twice {fold}; intervals run through"),
        ));
    }
    let window = typed.get("missed.window_s");
    let most = if typed.get("missed.max").is_empty() { "1000" } else { typed.get("missed.max") };
    let missed = match typed.get("missed.policy") {
        "none" => "left out".to_owned(),
        "all" => format!("all of the last {window} seconds are made up for, the newest {most} at most"),
        _ => format!("the newest of the last {window} seconds is made up for"),
    };
    facts.push(("Missed firings", missed));
    let overlap = match typed.get("overlap") {
        "skip" => "the new firing is left out".to_owned(),
        "queue_one" => "one waits, others are left out".to_owned(),
        "queue_all" => "the new firing waits for its turn".to_owned(),
        "cancel_running" => "what runs is cancelled, what waits stays".to_owned(),
        "replace" => "all that has not ended is cancelled".to_owned(),
        _ => "it fires all the same".to_owned(),
    };
    facts.push(("While the one before still runs", overlap));
    let jitter = typed.get("jitter_s");
    if !jitter.is_empty() && jitter != "0" {
        let own = delay(trigger);
        facts.push((
            "Jitter",
            format!("up to {jitter} s; this one fires {:.3} s after its time", own.as_secs_f64()),
        ));
    }
    facts
}
