//! Saving a view of the audit trail.

use factotum_model::Action;
use factotum_model::audit::Target;
use factotum_model::nickname::is_invisible;
use factotum_storage::saved_views::{self, MOST, Saved, SavedView};
use serde_json::json;

use super::{MAX_NAME_CHARS, MAX_QUERY_BYTES};
use crate::operations::{Caller, OperationError, Services, Work};

/// Saves it. `view.query` is one that the trail was asked by: whoever calls has read it.
pub async fn create(services: &Services, caller: &Caller, view: &SavedView) -> Result<(), OperationError> {
    let target = Target::named("saved_view", &view.name, &view.name);
    let mut work = Work::begin(services, caller, "saved_view.create", Some(target)).await?;
    let done = write(&mut work, view).await;
    work.end(done).await
}

async fn write(work: &mut Work<'_>, view: &SavedView) -> Result<(), OperationError> {
    work.authorize(Action::AUDIT_READ, None)?;
    check(view)?;
    let (org, account, now) = (work.caller.org_id, work.caller.principal.id, work.now);
    work.change(json!({"after": {"query": view.query}}));
    match saved_views::create(&mut work.tx, org, account, view, now).await? {
        Saved::Done => Ok(()),
        Saved::NameTaken => {
            Err(OperationError::invalid("name", "you have a view with this name already; choose another one"))
        }
        Saved::TooMany => {
            let reason = format!("you have {MOST} views, which is as many as there can be; delete one first");
            Err(OperationError::invalid("name", reason))
        }
    }
}

fn check(view: &SavedView) -> Result<(), OperationError> {
    if view.name.is_empty() || view.name.chars().count() > MAX_NAME_CHARS {
        let reason = format!("a name has 1 to {MAX_NAME_CHARS} characters");
        return Err(OperationError::invalid("name", reason));
    }
    if view.name.contains(is_invisible) {
        return Err(OperationError::invalid("name", "a name has no control or invisible characters"));
    }
    if view.query.len() > MAX_QUERY_BYTES {
        let reason =
            format!("the filters are longer than {MAX_QUERY_BYTES} bytes together; search for less text");
        return Err(OperationError::invalid("name", reason));
    }
    Ok(())
}
