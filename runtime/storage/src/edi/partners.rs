//! Trading partners. What must hold: an interchange belongs to one partner at the most, which the database sees to; a deleted partner's name and ids are
//! free, and what came from it keeps its name.

use factotum_model::edi::{PartnerSpec, Standard};
use factotum_model::{AccountId, OrgId, PartnerId, Timestamp};

use crate::connection::{Row, Tx};
use crate::error::StorageError;

/// A trading partner.
#[derive(Debug, Clone)]
pub struct Partner {
    /// Its id.
    pub id: PartnerId,
    /// Whose.
    pub org_id: OrgId,
    /// Who it is, and what was agreed.
    pub spec: PartnerSpec,
    /// Who made it.
    pub created_by: AccountId,
    /// When.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

const SELECT: &str =
    "SELECT id, org_id, spec, created_by, created_at, updated_at FROM edi_partners WHERE deleted_at IS NULL";

/// Makes a partner of a checked form. [`taken`] says beforehand what stands in the way.
pub async fn create(
    tx: &mut Tx,
    org: OrgId,
    spec: &PartnerSpec,
    by: AccountId,
    now: Timestamp,
) -> Result<Partner, StorageError> {
    let id = PartnerId::random();
    tx.query(
        "INSERT INTO edi_partners (id, org_id, name, spec, created_by, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $6)",
    )
    .bind(id.0)
    .bind(org.0)
    .bind(spec.name.clone())
    .bind(text(spec)?)
    .bind(by.0)
    .bind(now.as_micros())
    .execute()
    .await?;
    write_ids(tx, org, id, spec).await?;
    get(tx, org, id)
        .await?
        .ok_or_else(|| StorageError::damaged("edi_partners", "the row just written is missing"))
}

/// Gives it another form. Whether it was there.
pub async fn update(
    tx: &mut Tx,
    org: OrgId,
    id: PartnerId,
    spec: &PartnerSpec,
    now: Timestamp,
) -> Result<bool, StorageError> {
    let changed = tx
        .query("UPDATE edi_partners SET name = $3, spec = $4, updated_at = $5 WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL")
        .bind(org.0)
        .bind(id.0)
        .bind(spec.name.clone())
        .bind(text(spec)?)
        .bind(now.as_micros())
        .execute()
        .await?;
    if changed > 0 {
        drop_ids(tx, id).await?;
        write_ids(tx, org, id, spec).await?;
    }
    Ok(changed > 0)
}

/// Deletes it. Whether it was there.
pub async fn delete(tx: &mut Tx, org: OrgId, id: PartnerId, now: Timestamp) -> Result<bool, StorageError> {
    let changed = tx
        .query("UPDATE edi_partners SET deleted_at = $3 WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL")
        .bind(org.0)
        .bind(id.0)
        .bind(now.as_micros())
        .execute()
        .await?;
    drop_ids(tx, id).await?;
    Ok(changed > 0)
}

/// One partner.
pub async fn get(tx: &mut Tx, org: OrgId, id: PartnerId) -> Result<Option<Partner>, StorageError> {
    let row = tx
        .query_built(format!("{SELECT} AND org_id = $1 AND id = $2"))
        .bind(org.0)
        .bind(id.0)
        .fetch_optional()
        .await?;
    row.as_ref().map(read).transpose()
}

/// The partner of this name.
pub async fn find(tx: &mut Tx, org: OrgId, name: &str) -> Result<Option<Partner>, StorageError> {
    let row = tx
        .query_built(format!("{SELECT} AND org_id = $1 AND name = $2"))
        .bind(org.0)
        .bind(name.to_owned())
        .fetch_optional()
        .await?;
    row.as_ref().map(read).transpose()
}

/// Partners by name.
pub async fn list(
    tx: &mut Tx,
    org: OrgId,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<Partner>, StorageError> {
    let rows = tx
        .query_built(format!("{SELECT} AND org_id = $1 AND name > $2 ORDER BY name LIMIT $3"))
        .bind(org.0)
        .bind(after.unwrap_or_default().to_owned())
        .bind(i64::from(limit))
        .fetch_all()
        .await?;
    rows.iter().map(read).collect()
}

/// The partner that an interchange belongs to, by its sender, its receiver and its test flag. One who named our id goes before one who did not.
pub async fn of_interchange(
    tx: &mut Tx,
    org: OrgId,
    standard: Standard,
    (theirs, ours): (&str, &str),
    test: bool,
) -> Result<Option<Partner>, StorageError> {
    let row = tx
        .query(
            "SELECT partner_id FROM edi_partner_ids WHERE org_id = $1 AND standard = $2 AND theirs = $3 AND ours IN ($4, '') AND test = $5 \
             ORDER BY ours DESC LIMIT 1",
        )
        .bind(org.0)
        .bind(standard.as_str())
        .bind(theirs.to_owned())
        .bind(ours.to_owned())
        .bind(i64::from(test))
        .fetch_optional()
        .await?;
    match row {
        Some(row) => get(tx, org, row.id(0)?).await,
        None => Ok(None),
    }
}

/// What of a form another partner has already: the field, and that partner's name.
pub async fn taken(
    tx: &mut Tx,
    org: OrgId,
    spec: &PartnerSpec,
    own: Option<PartnerId>,
) -> Result<Option<(String, String)>, StorageError> {
    if let Some(other) = find(tx, org, &spec.name).await?
        && Some(other.id) != own
    {
        return Ok(Some(("name".to_owned(), other.spec.name)));
    }
    for standard in [Standard::X12, Standard::Edifact] {
        let ours = spec.ours.of(standard).unwrap_or_default();
        for (at, theirs) in spec.ids(standard).iter().enumerate() {
            for test in spec.usage.flags() {
                let row = tx
                    .query(
                        "SELECT p.id, p.name FROM edi_partner_ids i JOIN edi_partners p ON p.id = i.partner_id \
                         WHERE i.org_id = $1 AND i.standard = $2 AND i.theirs = $3 AND i.ours = $4 AND i.test = $5",
                    )
                    .bind(org.0)
                    .bind(standard.as_str())
                    .bind(theirs.clone())
                    .bind(ours.to_owned())
                    .bind(i64::from(test))
                    .fetch_optional()
                    .await?;
                if let Some(row) = row
                    && Some(row.id::<PartnerId>(0)?) != own
                {
                    return Ok(Some((format!("{}[{at}]", standard.as_str()), row.get(1)?)));
                }
            }
        }
    }
    Ok(None)
}

async fn write_ids(tx: &mut Tx, org: OrgId, id: PartnerId, spec: &PartnerSpec) -> Result<(), StorageError> {
    let mut rows = Vec::new();
    for standard in [Standard::X12, Standard::Edifact] {
        let ours = spec.ours.of(standard).unwrap_or_default();
        for theirs in spec.ids(standard) {
            rows.extend(spec.usage.flags().map(|test| (standard, theirs, ours, test)));
        }
    }
    tx.insert_rows(
        "INSERT INTO edi_partner_ids (org_id, standard, theirs, ours, test, partner_id) VALUES {rows}",
        6,
        &rows,
        |s, (standard, theirs, ours, test)| {
            s.bind(org.0)
                .bind(standard.as_str())
                .bind((*theirs).clone())
                .bind((*ours).to_owned())
                .bind(i64::from(*test))
                .bind(id.0)
        },
    )
    .await
    .map(drop)
}

async fn drop_ids(tx: &mut Tx, id: PartnerId) -> Result<(), StorageError> {
    tx.query("DELETE FROM edi_partner_ids WHERE partner_id = $1").bind(id.0).execute().await.map(drop)
}

fn text(spec: &PartnerSpec) -> Result<String, StorageError> {
    serde_json::to_string(spec).map_err(|e| StorageError::damaged("edi_partners.spec", e))
}

fn read(row: &Row) -> Result<Partner, StorageError> {
    Ok(Partner {
        id: row.id(0)?,
        org_id: row.id(1)?,
        spec: row.json(2, "edi_partners.spec")?,
        created_by: row.id(3)?,
        created_at: row.time(4)?,
        updated_at: row.time(5)?,
    })
}
