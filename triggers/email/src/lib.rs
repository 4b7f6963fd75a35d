//! Factotum's e-mail trigger: takes mail by SMTP, reads it, proves its sender, and turns it into an event. What must hold: no `250` before the
//! commit, and nothing here knows how a workflow is run.

pub mod message;
pub mod verdict;
