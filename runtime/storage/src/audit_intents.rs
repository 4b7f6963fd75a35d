//! Effects outside the database: an intent commits before, the outcome after (audit.md, A2). What must hold: an intent whose outcome is not on the
//! record is shown as unknown, whatever the effect is: an entry `noun.intent` is answered by another `noun.…` of the same first target.

use std::collections::HashSet;

use factotum_model::OrgId;
use factotum_model::audit::{AuditEntry, AuditOutcome};

use crate::audit_entries::{self, AuditFilter};
use crate::connection::Tx;
use crate::error::StorageError;

/// What the action of an intent ends in.
pub const SUFFIX: &str = ".intent";

/// Gives each of these entries that is an intent without its outcome the outcome [`AuditOutcome::Unknown`].
pub async fn show_unknown(tx: &mut Tx, org: OrgId, entries: &mut [AuditEntry]) -> Result<(), StorageError> {
    // Most outcomes are found beside their intents: they follow within seconds.
    let here: HashSet<(String, String)> = entries.iter().filter_map(answers).collect();
    for entry in entries.iter_mut() {
        let Some((noun, target)) = intent(entry) else { continue };
        if !here.contains(&(noun.clone(), target.clone())) && !is_answered(tx, org, &noun, target).await? {
            entry.outcome = AuditOutcome::Unknown;
        }
    }
    Ok(())
}

async fn is_answered(tx: &mut Tx, org: OrgId, noun: &str, target: String) -> Result<bool, StorageError> {
    let filter =
        AuditFilter { action: Some(format!("{noun}.*")), target: Some(target), ..AuditFilter::default() };
    // The intent itself, and one more.
    let found = audit_entries::list(tx, org, &filter, None, 2).await?;
    Ok(found.iter().any(|other| answers(other).is_some()))
}

/// Noun and first target of an intent.
fn intent(entry: &AuditEntry) -> Option<(String, String)> {
    let noun = entry.action.strip_suffix(SUFFIX)?;
    Some((noun.to_owned(), entry.targets.first()?.id.clone()))
}

/// Noun and first target of what could be an outcome.
fn answers(entry: &AuditEntry) -> Option<(String, String)> {
    let (noun, verb) = entry.action.split_once('.')?;
    let target = entry.targets.first().filter(|_| verb != &SUFFIX[1..])?;
    Some((noun.to_owned(), target.id.clone()))
}
