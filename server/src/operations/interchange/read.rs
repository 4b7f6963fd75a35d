//! Listing and showing interchanges. What must hold: they are what came in, so who may read events may read them.

use factotum_model::audit::Target;
use factotum_model::edi::State;
use factotum_model::{Action, InterchangeId};
use factotum_storage::blobs;
use factotum_storage::edi::interchanges::{self, Filter, Interchange};
use factotum_storage::edi::partners;

use super::find;
use crate::operations::{Caller, Listed, OperationError, Page, Services};

/// Which interchanges are asked for.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// What became of them.
    pub state: Option<State>,
    /// The name or id of the partner.
    pub partner: Option<String>,
}

/// Interchanges, newest first, without their reports.
pub async fn list(
    services: &Services,
    caller: &Caller,
    asked: Asked,
    page: Page<InterchangeId>,
) -> Result<Listed<Interchange>, OperationError> {
    caller.allowed(services, "interchange.list", Action::EVENTS_READ, None, None).await?;
    let mut tx = services.storage.read().await?;
    let mut filter = Filter { state: asked.state, partner: None };
    if let Some(text) = &asked.partner {
        let named = match text.parse() {
            Ok(id) => Some(id),
            Err(_) => partners::find(&mut tx, caller.org_id, text).await?.map(|partner| partner.id),
        };
        if named.is_none() {
            return Ok(Listed { items: Vec::new(), next: None });
        }
        filter.partner = named;
    }
    let found = interchanges::list(&mut tx, caller.org_id, &filter, page.cursor, page.fetch()).await?;
    Ok(page.cut(found, |interchange| interchange.id.to_string()))
}

/// One interchange, with all that is known of it.
pub async fn get(services: &Services, caller: &Caller, id: &str) -> Result<Interchange, OperationError> {
    let target = Some(Target::new("interchange", id));
    caller.allowed(services, "interchange.read", Action::EVENTS_READ, None, target).await?;
    let mut tx = services.storage.read().await?;
    find(&mut tx, caller.org_id, id).await
}

/// One interchange with its bytes.
pub async fn raw(
    services: &Services,
    caller: &Caller,
    id: &str,
) -> Result<(Interchange, Vec<u8>), OperationError> {
    let found = get(services, caller, id).await?;
    let mut tx = services.storage.read().await?;
    let bytes = blobs::get(&mut tx, found.digest).await?.ok_or(OperationError::NotFound)?;
    Ok((found, bytes))
}
