//! What became of a delivery, for whoever brought it.

use factotum_model::edi::{Standard, State};
use factotum_model::{InterchangeId, RunId};

/// What became of the interchanges of a delivery, in their order.
#[derive(Debug, Clone, Default)]
pub struct Taken {
    /// Each.
    pub told: Vec<Told>,
}

/// What became of an interchange.
#[derive(Debug, Clone)]
pub struct Told {
    /// Its id here.
    pub id: InterchangeId,
    /// What became of it.
    pub state: State,
    /// What it is.
    pub standard: Option<Standard>,
    /// What its sender is to be sent.
    pub acknowledgement: Option<Vec<u8>>,
    /// The runs that it started.
    pub runs: Vec<RunId>,
    /// Where it is wrong, and how, if nothing of it was taken.
    pub fault: Option<(u64, String)>,
}

impl Taken {
    /// What goes back to the sender, with its media type; none where nothing is due.
    pub fn acknowledgement(&self) -> Option<(&'static str, Vec<u8>)> {
        let due: Vec<&Told> = self.told.iter().filter(|told| told.acknowledgement.is_some()).collect();
        let standard = due.first()?.standard?;
        let bytes = due.iter().filter_map(|told| told.acknowledgement.as_deref()).collect::<Vec<_>>();
        Some((standard.media_type(), bytes.concat()))
    }
}
