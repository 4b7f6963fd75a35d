//! What audit entries say about people, each value with its salt, beside the entries, which only commit to it. What must hold: a value
//! commits with its entry; it can be erased, and nothing else can be done to it; entries about no person cost nothing here; a value that
//! does not fit its commitment is never shown.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use factotum_model::audit::{ALTERED, AuditEntry, ERASED, PersonalValue, SALT_BYTES, commitment};
use factotum_model::{AuditId, Digest, OrgId};
use uuid::Uuid;

use crate::audit_filter::escape_like;
use crate::audit_search::forget::Forgetting;
use crate::connection::{Row, Tx};
use crate::error::StorageError;
use crate::vault;

/// How many values a search for a person looks at, at a time.
const PAGE: usize = 500;

/// An entry as its row has it.
pub(crate) struct Stored<'a> {
    /// Without personal values.
    pub(crate) entry: Cow<'a, AuditEntry>,
    /// What it commits to, by JSON pointer.
    pub(crate) commitments: BTreeMap<String, Digest>,
}

/// A value as its row has it.
pub(crate) struct Value {
    entry: AuditId,
    org: OrgId,
    personal: PersonalValue,
    salt: [u8; SALT_BYTES],
}

/// Parts entries from what they say about people.
pub(crate) fn split(entries: &[AuditEntry]) -> Result<(Vec<Stored<'_>>, Vec<Value>), StorageError> {
    let (mut stored, mut values) = (Vec::with_capacity(entries.len()), Vec::new());
    for entry in entries {
        let Some((bare, personal)) = entry.without_personal() else {
            stored.push(Stored { entry: Cow::Borrowed(entry), commitments: BTreeMap::new() });
            continue;
        };
        let mut commitments = BTreeMap::new();
        for value in personal {
            let salt = vault::random()?;
            commitments.insert(value.field.clone(), commitment(&salt, &value.value));
            values.push(Value { entry: entry.id, org: entry.org_id, personal: value, salt });
        }
        stored.push(Stored { entry: Cow::Owned(bare), commitments });
    }
    Ok((stored, values))
}

/// Writes the values, in the transaction of their entries.
pub(crate) async fn write(tx: &mut Tx, values: &[Value]) -> Result<(), StorageError> {
    if values.is_empty() {
        return Ok(());
    }
    tx.insert_rows(
        "INSERT INTO audit_personal (entry_id, field, org_id, subject, salt, value) VALUES {rows}",
        6,
        values,
        |statement, value| {
            statement
                .bind(value.entry.0)
                .bind(value.personal.field.clone())
                .bind(value.org.0)
                .bind(value.personal.subject)
                .bind(value.salt.to_vec())
                .bind(value.personal.value.clone())
        },
    )
    .await
    .map(drop)
}

/// Puts back into entries what they commit to.
pub(crate) async fn put_back(
    tx: &mut Tx,
    entries: &mut [(AuditEntry, BTreeMap<String, Digest>)],
) -> Result<(), StorageError> {
    let wanted: Vec<AuditId> = entries.iter().filter(|(_, c)| !c.is_empty()).map(|(e, _)| e.id).collect();
    let rows = tx
        .insert_rows(
            "SELECT entry_id, field, salt, value FROM audit_personal WHERE entry_id IN (VALUES {rows})",
            1,
            &wanted,
            |statement, id| statement.bind(id.0),
        )
        .await?;
    let mut values: HashMap<(AuditId, String), Kept> = HashMap::with_capacity(rows.len());
    for row in &rows {
        values.insert((row.id(0)?, row.get(1)?), kept(row)?);
    }
    for (entry, commitments) in entries {
        for (field, committed) in std::mem::take(commitments) {
            match values.remove(&(entry.id, field.clone())) {
                Some(Kept::Value(salt, value)) if commitment(&salt, &value) == committed => {
                    entry.put_back(&field, &value);
                }
                Some(Kept::Nothing) => {
                    entry.put_back(&field, ERASED);
                    entry.erased.push(field);
                }
                Some(Kept::Value(..)) | None => {
                    entry.put_back(&field, ALTERED);
                    entry.altered.push(field);
                }
            }
        }
    }
    Ok(())
}

enum Kept {
    Value([u8; SALT_BYTES], String),
    Nothing,
}

fn kept(row: &Row) -> Result<Kept, StorageError> {
    let (salt, value): (Option<Vec<u8>>, Option<String>) = (row.get(2)?, row.get(3)?);
    let salt = salt.and_then(|salt| salt.try_into().ok());
    Ok(salt.zip(value).map_or(Kept::Nothing, |(salt, value)| Kept::Value(salt, value)))
}

/// Whose values are to be erased.
#[derive(Debug, Clone)]
pub struct Erased {
    /// The accounts, the person and the invitations that they are.
    pub subjects: Vec<Uuid>,
    /// How they are called, and their e-mail address: erased wherever a text that is about nobody in particular has them.
    pub words: Vec<String>,
}

/// Erases values of one organization's trail; how many.
pub async fn erase(tx: &mut Tx, org: OrgId, whose: &Erased) -> Result<u64, StorageError> {
    let mut erased = 0;
    for subject in &whose.subjects {
        erased += erase_subject(tx, org, *subject).await?;
    }
    for word in &whose.words {
        erased += erase_word(tx, org, word).await?;
    }
    Ok(erased)
}

/// Erases each value that is about this subject.
async fn erase_subject(tx: &mut Tx, org: OrgId, subject: Uuid) -> Result<u64, StorageError> {
    let mut erased = 0;
    loop {
        let rows = tx
            .query(
                "SELECT entry_id, field FROM audit_personal WHERE org_id = $1 AND subject = $2 AND value IS NOT NULL LIMIT $3",
            )
            .bind(org.0)
            .bind(subject)
            .bind(PAGE as i64)
            .fetch_all()
            .await?;
        let found: Vec<(Uuid, String)> =
            rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect::<Result<_, StorageError>>()?;
        erase_values(tx, org, &found).await?;
        erased += found.len() as u64;
        if rows.len() < PAGE {
            return Ok(erased);
        }
    }
}

/// Erases these values, and what their entries are found by on account of them; at most [`PAGE`].
async fn erase_values(tx: &mut Tx, org: OrgId, values: &[(Uuid, String)]) -> Result<(), StorageError> {
    if values.is_empty() {
        return Ok(());
    }
    let entries: BTreeSet<AuditId> = values.iter().map(|(entry, _)| AuditId(*entry)).collect();
    let forgetting = Forgetting::begin(tx, org, &entries.into_iter().collect::<Vec<_>>()).await?;
    tx.insert_rows(
        "UPDATE audit_personal SET salt = NULL, value = NULL FROM (VALUES {rows}) AS v \
         WHERE audit_personal.entry_id = v.column1 AND audit_personal.field = v.column2",
        2,
        values,
        |statement, (entry, field)| statement.bind(*entry).bind(field.clone()),
    )
    .await?;
    forgetting.end(tx).await
}

/// Erases each value that has this word in it: an address anywhere, a name where the value is not known to be about another.
async fn erase_word(tx: &mut Tx, org: OrgId, word: &str) -> Result<u64, StorageError> {
    let (mut after, mut erased) = ((Uuid::nil(), String::new()), 0);
    let any_subject = i64::from(word.contains('@'));
    loop {
        let rows = tx
            .query(
                "SELECT entry_id, field, value FROM audit_personal WHERE org_id = $1 AND value IS NOT NULL \
                 AND (subject IS NULL OR $2 = 1 OR field = '/reason') AND lower(value) LIKE $3 ESCAPE '\\' \
                 AND (entry_id > $4 OR (entry_id = $4 AND field > $5)) ORDER BY entry_id, field LIMIT $6",
            )
            .bind(org.0)
            .bind(any_subject)
            .bind(format!("%{}%", escape_like(&ascii_part(word))))
            .bind(after.0)
            .bind(after.1.clone())
            .bind(PAGE as i64)
            .fetch_all()
            .await?;
        let mut found: Vec<(Uuid, String)> = Vec::new();
        for row in &rows {
            after = (row.get(0)?, row.get(1)?);
            if has_word(&row.get::<String>(2)?, word) {
                found.push(after.clone());
            }
        }
        erase_values(tx, org, &found).await?;
        erased += found.len() as u64;
        if rows.len() < PAGE {
            return Ok(erased);
        }
    }
}

/// The longest run of ASCII letters and digits in a text, lower-case: what both databases find in the same way.
fn ascii_part(text: &str) -> String {
    let parts = text.split(|c: char| !c.is_ascii_alphanumeric());
    parts.max_by_key(|part| part.len()).unwrap_or_default().to_ascii_lowercase()
}

/// Whether a word stands in a text by itself, in either case: `ann@example.com` not in `joann@example.com`.
fn has_word(text: &str, word: &str) -> bool {
    let (text, word) = (text.to_lowercase(), word.trim().to_lowercase());
    let inside = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    !word.is_empty()
        && text.match_indices(&word).any(|(at, _)| {
            !inside(text[..at].chars().next_back()) && !inside(text[at + word.len()..].chars().next())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_by_itself_alone() {
        assert!(has_word("denied: Ann@Example.com is known", "ann@example.com"));
        assert!(!has_word("joann@example.com", "ann@example.com"));
        assert!(!has_word("ann@example.community", "ann@example.com"));
        assert!(has_word("ask ÄNN Lee.", "Änn Lee"));
        assert!(!has_word("Annette", "Ann"));
        assert_eq!(ascii_part("Änn-Lee99 x"), "lee99");
    }
}
