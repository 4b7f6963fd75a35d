//! The form on a workflow's page: muting it, and a number of failures of its own.

use std::sync::Arc;

use axum::extract::Path;
use factotum_model::Action;

use super::super::Shown;
use super::super::fields::Fields;
use super::super::page::go;
use super::super::viewer::Viewer;
use crate::api::endpoint::{Endpoint, Routes};
use crate::api::routes::State;
use crate::operations::notice::{self, WorkflowChange};
use crate::operations::{OperationError, Services};

pub(super) fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    routes.add(
        Endpoint::post("/workflows/{name}/notices", "page.workflow.notices", "Change a workflow's notices")
            .grant(Action::WORKFLOWS_UPDATE),
        set,
    )
}

async fn set(services: State, viewer: Viewer, Path(name): Path<String>, fields: Fields) -> Shown {
    let own = fields.some("after_failures").map(|text| text.parse::<u32>());
    let Ok(after_failures) = own.transpose() else {
        let doing = Action::WORKFLOWS_UPDATE;
        viewer.caller.allowed(&services, "workflow.set_notices", doing, Some(&name), None).await?;
        let words = "write a whole number, in digits alone, or nothing";
        return Err(OperationError::invalid("after_failures", words).into());
    };
    let change = WorkflowChange { muted: fields.some("muted").is_some(), after_failures };
    notice::set_of_workflow(&services, &viewer.caller, &name, change).await?;
    Ok(go(&format!("/workflows/{name}#notices")))
}
