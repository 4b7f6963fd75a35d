//! Making a trading partner.

use factotum_model::Action;
use factotum_model::audit::Target;
use factotum_model::edi::PartnerSpec;
use factotum_storage::edi::partners::{self, Partner};
use serde_json::json;

use super::check_free;
use crate::operations::{Caller, Once, OperationError, Services, Work};
use crate::view::partner::PartnerView;

/// Makes it.
pub async fn create(
    services: &Services,
    caller: &Caller,
    spec: PartnerSpec,
    once: Option<&Once>,
) -> Result<Partner, OperationError> {
    let target = Target::named("partner", &spec.name, &spec.name);
    let mut work = Work::begin(services, caller, "partner.create", Some(target)).await?.once(once).await?;
    let done = write(&mut work, spec).await;
    work.end(done).await
}

async fn write(work: &mut Work<'_>, spec: PartnerSpec) -> Result<Partner, OperationError> {
    work.authorize(Action::PARTNERS_CREATE, Some(&spec.name))?;
    let spec = spec.checked()?;
    check_free(work, &spec, None).await?;
    let caller = work.caller;
    let made = partners::create(&mut work.tx, caller.org_id, &spec, caller.principal.id, work.now).await?;
    work.target(Target::named("partner", made.id, &made.spec.name));
    work.change(json!({"after": made.spec}));
    work.answered(201, &PartnerView::from(&made)).await?;
    Ok(made)
}
