//! Notices: when they go out, to whom, and what became of them. What must hold: every change is on the record; a webhook's URL and secret go in and come out of no
//! answer but that of its creation.

mod change;
mod read;
mod recipient;
mod workflow;

pub use change::{SettingsChange, change};
pub use read::{list, recipients, settings};
pub use recipient::{Made, NewRecipient, create, delete, test};
pub use workflow::{OfWorkflow, WorkflowChange, failing, of_workflow, set_of_workflow};

use factotum_model::notice::NoticeError;

use super::OperationError;

impl From<NoticeError> for OperationError {
    fn from(error: NoticeError) -> Self {
        Self::invalid(error.field, error)
    }
}
