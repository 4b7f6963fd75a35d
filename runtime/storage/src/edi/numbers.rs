//! The control numbers of what we send. What must hold: no number goes to a partner twice until all were used; one is given out in the transaction that
//! commits what bears it, so none is lost either.

use factotum_model::PartnerId;
use factotum_model::edi::Standard;

use crate::connection::Tx;
use crate::error::StorageError;

/// The highest: ISA13 has nine digits.
pub const MAX_NUMBER: u32 = 999_999_999;

/// The next number of what goes to a partner.
pub async fn next(tx: &mut Tx, partner: PartnerId, standard: Standard) -> Result<u32, StorageError> {
    let row = tx
        .query(
            "INSERT INTO edi_numbers (partner_id, standard, last) VALUES ($1, $2, 1) \
             ON CONFLICT (partner_id, standard) DO UPDATE SET last = edi_numbers.last % 999999999 + 1 RETURNING last",
        )
        .bind(partner.0)
        .bind(standard.as_str())
        .fetch_optional()
        .await?;
    let last: i64 = row.ok_or_else(|| StorageError::damaged("edi_numbers", "no number was given"))?.get(0)?;
    u32::try_from(last)
        .ok()
        .filter(|number| (1..=MAX_NUMBER).contains(number))
        .ok_or_else(|| StorageError::damaged("edi_numbers.last", last))
}
