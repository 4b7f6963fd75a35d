//! `factotum audit verify`: the audit trail against its log, from the database alone. What must hold: it needs no server and no master key,
//! changes nothing, and ends with exit code 1 if anything is wrong.

use std::path::PathBuf;

use factotum_model::audit_log::{PublicKey, SignedCheckpoint};
use factotum_storage::ReadOnly;
use factotum_storage::verify::{self, Known, Report};
use serde_json::{Value, json};

use super::exit::CommandError;
use super::output::{Output, harmless};
use super::serve::DataArgs;
use crate::serve::seal;

/// What to verify, and against what.
#[derive(Debug, clap::Args)]
pub struct VerifyArgs {
    #[command(flatten)]
    data: DataArgs,
    /// This organization only: its name or id
    #[arg(long, value_name = "NAME")]
    org: Option<String>,
    /// A checkpoint that was kept elsewhere; may be repeated
    #[arg(long, value_name = "FILE")]
    since_checkpoint: Vec<PathBuf>,
    /// A key as `factotum audit keys` printed it, which must be one of those that sign; may be repeated
    #[arg(long, value_name = "VKEY")]
    key: Vec<String>,
}

/// Does it.
pub fn run(args: &VerifyArgs, output: Output) -> Result<(), CommandError> {
    let config = args.data.config(&[])?;
    let mut known = Known::default();
    for text in &args.key {
        let key = PublicKey::from_verifier_key(text);
        known.keys.push(key.map_err(|e| CommandError::usage(format!("--key: {e}")))?);
    }
    for path in &args.since_checkpoint {
        let wrong = |e: &dyn std::fmt::Display| CommandError::usage(format!("{}: {e}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|e| wrong(&e))?;
        known
            .checkpoints
            .push((path.display().to_string(), SignedCheckpoint::parse(&text).map_err(|e| wrong(&e))?));
    }
    for (path, text) in seal::notes(&config.data.folder.join(seal::CHECKPOINTS)) {
        // The server's own note: one that is not whole is no evidence, and no reason to stop.
        if let Ok(signed) = SignedCheckpoint::parse(&text) {
            known.checkpoints.push((path.display().to_string(), signed));
        }
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let reports = runtime.block_on(all(&config.data.database, args.org.as_deref(), &known))?;
    let bad = reports.iter().filter(|report| report.finding.is_some()).count();
    if output.json {
        let items: Vec<Value> = reports.iter().map(document).collect();
        output.document(&json!({"clean": bad == 0, "organizations": items}))?;
    } else {
        for report in &reports {
            output.line(&line(report))?;
        }
    }
    if bad > 0 {
        return Err(CommandError::failed(format!(
            "the audit trail is not what was sealed, in {bad} of {} organizations",
            reports.len()
        )));
    }
    Ok(())
}

async fn all(database: &str, org: Option<&str>, known: &Known) -> Result<Vec<Report>, CommandError> {
    let failed = |e: factotum_storage::StorageError| CommandError::failed(e.to_string());
    let database = ReadOnly::open(database).await.map_err(failed)?;
    let mut tx = database.snapshot().await.map_err(failed)?;
    let mut chosen = verify::organizations(&mut tx).await.map_err(failed)?;
    // A log that is only known from outside is looked for too.
    for (_, signed) in &known.checkpoints {
        if !chosen.iter().any(|(id, _)| *id == signed.checkpoint.org) {
            chosen.push((signed.checkpoint.org, None));
        }
    }
    if let Some(org) = org {
        chosen.retain(|(id, name)| name.as_deref() == Some(org) || id.to_string() == org);
        if chosen.is_empty() {
            return Err(CommandError::usage(format!("--org: there is no organization `{org}`")));
        }
    }
    let mut reports = Vec::new();
    for (org, name) in chosen {
        reports.push(verify::organization(&mut tx, org, name, known).await.map_err(failed)?);
    }
    drop(tx);
    database.close().await;
    Ok(reports)
}

fn document(report: &Report) -> Value {
    let head = report.checkpoint.as_ref();
    let finding = report.finding.as_ref().map(|finding| {
        json!({
            "kind": finding.kind, "leaf_index": finding.index, "before": finding.before,
            "entry": finding.entry, "reason": finding.reason,
        })
    });
    json!({
        "org": report.org, "name": report.name, "clean": report.finding.is_none(),
        "sealed": head.map_or(0, |head| head.size), "unsealed": report.unsealed, "removed": report.removed,
        "checkpoints": report.checkpoints, "epoch": head.map(|head| head.epoch), "epochs": report.epochs.len(),
        "root": head.map(|head| head.root.to_string()), "signed_at": head.map(|head| head.at.to_string()),
        "keys": report.keys.iter().map(PublicKey::short).collect::<Vec<_>>(), "finding": finding,
    })
}

fn line(report: &Report) -> String {
    let name = report.name.as_deref().map_or_else(|| report.org.to_string(), harmless);
    if let Some(finding) = &report.finding {
        let kind = serde_json::to_value(finding.kind).unwrap_or_default();
        let kind = kind.as_str().unwrap_or_default().to_uppercase();
        let place = match (finding.index, finding.before) {
            (Some(index), Some(before)) if before > index + 1 => {
                format!(" leaf {index} or one after it, before {before}:")
            }
            (Some(index), _) => format!(" leaf {index}:"),
            (None, _) => String::new(),
        };
        let entry = finding.entry.map_or_else(String::new, |id| format!(" {id}:"));
        return format!("{name}: {kind}:{place}{entry} {}", harmless(&finding.reason));
    }
    let Some(head) = &report.checkpoint else {
        return format!("{name}: nothing is sealed yet; {} entries", report.unsealed);
    };
    let since = report.unsealed_since.map_or_else(String::new, |at| format!(" (since {at})"));
    let begun = if report.epochs.len() > 1 {
        format!(", begun again {} times", report.epochs.len() - 1)
    } else {
        String::new()
    };
    let removed = if report.removed > 0 {
        format!(", {} of them removed for their age", report.removed)
    } else {
        String::new()
    };
    format!(
        "{name}: clean: {} entries are as they were sealed{removed}, up to {}; {} not sealed yet{since}; {} checkpoints, epoch {}{begun}, keys {}",
        head.size,
        head.at,
        report.unsealed,
        report.checkpoints,
        head.epoch,
        report.keys.iter().map(PublicKey::short).collect::<Vec<_>>().join(" ")
    )
}
