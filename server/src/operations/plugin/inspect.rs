//! Looking at a component before it is uploaded. What must hold: nothing is stored under a name, and only who may upload may have the server compile.

use bytes::Bytes;
use factotum_model::Action;
use factotum_model::audit::Target;

use super::push::refused;
use super::{Difference, Shape, versions};
use crate::operations::{Caller, OperationError, Services};

/// What a component turned out to be.
#[derive(Debug, Clone)]
pub struct Found {
    /// The component.
    pub shape: Shape,
    /// How it differs from the version before, if there is one that the caller may see.
    pub difference: Option<Difference>,
}

/// Inspects a component that would be uploaded under this name and version; both may be empty still.
pub async fn inspect(
    services: &Services,
    caller: &Caller,
    (name, version): (&str, &str),
    bytes: Bytes,
) -> Result<Found, OperationError> {
    let named = Some(name).filter(|name| !name.is_empty());
    let target = Target::new("plugin", format!("{name}@{version}"));
    caller.allowed(services, "plugin.push", Action::PLUGINS_CREATE, named, Some(target)).await?;
    let inspected = services.host.inspect(bytes).await.map_err(refused)?;
    let shape = Shape {
        world: inspected.world.as_str().to_owned(),
        imports: inspected.imports,
        exports: inspected.exports,
        size: inspected.size,
        digest: inspected.digest.to_string(),
    };
    let readable = factotum_model::authorize(&caller.authority, Action::PLUGINS_READ, named).is_ok();
    let stored = match named {
        Some(name) if readable => versions(services, caller, name).await?,
        _ => Vec::new(),
    };
    let difference = Difference::to_the_one_before(version, &shape, &stored);
    Ok(Found { shape, difference })
}
