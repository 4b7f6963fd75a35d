//! EDI interchanges that came in: listed, shown with their bytes and their acknowledgement, let out of the quarantine or thrown away.

mod discard;
mod read;
mod release;

pub use discard::discard;
pub use read::{Asked, get, list, raw};
pub use release::release;

use factotum_model::{InterchangeId, OrgId};
use factotum_storage::Tx;
use factotum_storage::edi::interchanges::{self, Interchange};

use super::OperationError;

async fn find(tx: &mut Tx, org: OrgId, id: &str) -> Result<Interchange, OperationError> {
    let id: InterchangeId = id.parse().map_err(|_| OperationError::NotFound)?;
    interchanges::get(tx, org, id).await?.ok_or(OperationError::NotFound)
}
