//! Example `invoice-mailbox`: a mailbox for invoices. Each PDF that comes is kept once, whoever sends it how often; the office gets it, and its sender an answer. What
//! must hold: a run that is executed again keeps and sends nothing twice; a mail of a machine gets no answer; README.md says how to try it.

mod answer;

use factotum_sdk::email::Attachment;
use factotum_sdk::mail::{self, Mail};
use factotum_sdk::{Email, Event, Failure, Outcome, config, kv, log, run, workflow};
use serde_json::json;

use answer::Kept;

/// A larger invoice is not kept, in bytes: a value of a store has 1 MiB at the most.
const MAX_INVOICE_BYTES: u64 = 1 << 20;

workflow!(handle);

fn handle(event: Event) -> Result<Outcome, Failure> {
    let Event::Email(email) = event else {
        return Err(Failure::permanent(format!("no use for a {} event: send it a mail", event.kind())));
    };
    let office: Option<String> = config::get("office")?;
    let store = kv::Store::own();
    let mut all = Vec::new();
    for file in email.attachments.iter().filter(|file| is_invoice(file)) {
        let kept = keep(&store, file)?;
        log::info("an invoice came", &[("name", &file.name), ("sha256", &file.sha256), ("kept", &kept)]);
        if let (Some(office), Kept::Now) = (&office, kept) {
            to_the_office(office, &email, file)?;
        }
        all.push((file.name.clone(), kept));
    }
    let answered = if email.automatic.is_none() { answer(&email, &all)? } else { None };
    let invoices: Vec<_> =
        all.iter().map(|(name, kept)| json!({"name": name, "kept": kept.to_string()})).collect();
    Outcome::json(&json!({"from": email.from, "invoices": invoices, "answered": answered}))
}

fn is_invoice(file: &Attachment) -> bool {
    file.media_type == "application/pdf" || file.name.to_lowercase().ends_with(".pdf")
}

/// By its digest: the same invoice is kept once. The run that kept it knows it again when it is executed again.
fn keep(store: &kv::Store, file: &Attachment) -> Result<Kept, Failure> {
    if file.size > MAX_INVOICE_BYTES {
        return Ok(Kept::TooLarge);
    }
    let (first, own) = (format!("first/{}", file.sha256), run::current().id);
    if store.swap(&first, kv::ABSENT, own.as_bytes())?.is_none()
        && store.get(&first)?.is_some_and(|entry| entry.value != own.as_bytes())
    {
        return Ok(Kept::Before);
    }
    store.set(&format!("invoice/{}", file.sha256), &file.read_all(MAX_INVOICE_BYTES)?)?;
    Ok(Kept::Now)
}

/// The key is the invoice's: a run that was broken off after this call sends no second one.
fn to_the_office(office: &str, email: &Email, file: &Attachment) -> Result<(), Failure> {
    let proven = email.verdicts.authenticated_domain.as_deref().unwrap_or("nothing proves that");
    let text = format!("{} came from {} ({proven}).\n", file.name, email.from);
    let letter = Mail::to(office).subject(format!("Invoice {}", file.name)).text(text).received(file);
    letter.send_keyed(&format!("office/{}", file.sha256))?;
    Ok(())
}

/// A sender that cannot be written to is no reason to fail.
fn answer(email: &Email, all: &[(String, Kept)]) -> Result<Option<String>, Failure> {
    match Mail::answer(email).text(answer::text(all)).send_keyed("answer") {
        Ok(id) => Ok(Some(id)),
        Err(error) if error.is_retryable() => Err(error.into()),
        Err(error @ (mail::Error::Denied(_) | mail::Error::Invalid(_) | mail::Error::Refused(_))) => {
            log::warn("the sender gets no answer", &[("error", &error)]);
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}
