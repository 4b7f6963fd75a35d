//! Values about people under verification: an entry commits to each, beside its leaf. What must hold: a value is what was committed to, or
//! was erased; anything else is an altered entry.

use std::collections::{BTreeMap, HashMap};

use factotum_model::audit::{SALT_BYTES, commitment};
use factotum_model::{AuditId, Digest};
use serde::Deserialize;

use super::{Finding, Kind};
use crate::connection::Tx;
use crate::error::StorageError;

/// What an entry commits to.
pub(super) struct Committed {
    pub(super) index: u64,
    pub(super) entry: AuditId,
    values: BTreeMap<String, Digest>,
}

#[derive(Deserialize)]
struct Detail {
    #[serde(default)]
    personal: BTreeMap<String, Digest>,
}

/// What an entry commits to, from its details; none if nothing.
pub(super) fn committed(index: u64, entry: AuditId, detail: Option<&str>) -> Option<Committed> {
    let detail = detail.filter(|text| text.contains("\"personal\":"))?;
    let values = serde_json::from_str::<Detail>(detail).ok()?.personal;
    (!values.is_empty()).then_some(Committed { index, entry, values })
}

/// Compares the values of some entries.
pub(super) async fn check(tx: &mut Tx, committed: &[Committed]) -> Result<Option<Finding>, StorageError> {
    let mut values = HashMap::new();
    let rows = tx
        .insert_rows(
            "SELECT entry_id, field, salt, value FROM audit_personal WHERE entry_id IN (VALUES {rows})",
            1,
            committed,
            |statement, committed| statement.bind(committed.entry.0),
        )
        .await?;
    for row in rows {
        let (id, field): (AuditId, String) = (row.id(0)?, row.get(1)?);
        let value: (Option<Vec<u8>>, Option<String>) = (row.get(2)?, row.get(3)?);
        values.insert((id, field), value);
    }
    for Committed { index, entry, values: fields } in committed {
        for (field, digest) in fields {
            let good = match values.get(&(*entry, field.clone())) {
                // Erased, which the entry tells of by another entry.
                Some((None, None)) => true,
                Some((Some(salt), Some(value))) => <[u8; SALT_BYTES]>::try_from(salt.as_slice())
                    .is_ok_and(|salt| commitment(&salt, value) == *digest),
                _ => false,
            };
            if !good {
                let reason = format!("the value of `{field}` is not the one that the entry commits to");
                return Ok(Some(Finding::new(Kind::Altered, reason).at(*index, Some(*entry))));
            }
        }
    }
    Ok(None)
}
