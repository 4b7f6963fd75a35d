//! Trading partners: make, show, change, delete. What must hold: whose interchange it is decides what runs, so each change is on the record with what was
//! before.

mod change;
mod create;
mod delete;
mod read;

pub use change::change;
pub use create::create;
pub use delete::delete;
pub use read::{get, list};

use factotum_model::PartnerId;
use factotum_model::edi::{PartnerError, PartnerSpec};
use factotum_storage::Tx;
use factotum_storage::edi::partners::{self, Partner};

use super::{OperationError, Work};

impl From<PartnerError> for OperationError {
    fn from(error: PartnerError) -> Self {
        Self::invalid(error.field, error.problem)
    }
}

/// The partner with this id or name.
async fn find(tx: &mut Tx, org: factotum_model::OrgId, id: &str) -> Result<Option<Partner>, OperationError> {
    Ok(match id.parse::<PartnerId>() {
        Ok(id) => partners::get(tx, org, id).await?,
        Err(_) => partners::find(tx, org, id).await?,
    })
}

/// Refuses what another partner has already: an interchange belongs to one at the most.
async fn check_free(
    work: &mut Work<'_>,
    spec: &PartnerSpec,
    own: Option<PartnerId>,
) -> Result<(), OperationError> {
    let org = work.caller.org_id;
    let Some((field, name)) = partners::taken(&mut work.tx, org, spec, own).await? else { return Ok(()) };
    let words = if field == "name" {
        format!("there is a partner `{name}` already")
    } else {
        format!(
            "the partner `{name}` has this id already, with the same of ours and the same `usage`: give this one another, or say in `ours` or `usage` what tells them apart"
        )
    };
    Err(OperationError::invalid(field, words))
}
