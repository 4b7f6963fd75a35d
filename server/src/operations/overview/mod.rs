//! What is told at a glance: what runs and waits, how runs ended over time, nodes, the seal of the audit trail, and what needs somebody. What must hold: every
//! answer is bounded and quick, however many runs and entries there are; each part is for who may read what it is made of.

mod attention;
mod history;
mod nodes;
mod now;
mod seal;

pub use attention::{Attention, attention};
pub use history::{History, OfWorkflow, history};
pub use nodes::{NodeNow, nodes};
pub use now::{Now, now};
pub use seal::{Seal, seal};
