//! Which acknowledgement is due. What must hold: an acknowledgement is never acknowledged; what was agreed with the partner decides, and where nothing was, what
//! the interchange asks for.

use factotum_edi_codec::{Interchange, Kind, Numbers, Request, Stamp, Standard, only_acknowledges};
use factotum_model::Timestamp;
use factotum_model::edi::{Ack, PartnerSpec, Ta1};

/// The highest GS06 that leaves room for a second group.
const MAX_GROUP: u32 = 999_999_998;

/// What is due for an interchange; none where nothing is.
pub(crate) fn kind(interchange: &Interchange, spec: &PartnerSpec) -> Option<Kind> {
    if only_acknowledges(interchange) {
        return None;
    }
    match interchange.standard() {
        Standard::X12 => {
            let refused = !interchange.envelope_accepted();
            let ta1 = match spec.ta1 {
                Ta1::Never => false,
                Ta1::Always => true,
                Ta1::Asked => refused || interchange.acknowledgement_requested,
            };
            let functional = !interchange.groups.is_empty() && !refused;
            match spec.ack {
                Ack::None if ta1 => Some(Kind::Ta1),
                Ack::None => None,
                _ if !functional => ta1.then_some(Kind::Ta1),
                Ack::Functional => Some(Kind::Functional997),
                Ack::Implementation => Some(Kind::Implementation999),
                Ack::Auto | Ack::Contrl => Some(Kind::Functional),
            }
        }
        Standard::Edifact => (spec.ack != Ack::None).then_some(Kind::Contrl),
        Standard::Tradacoms => None,
    }
}

/// Makes it.
pub(crate) fn make(
    interchange: &Interchange,
    spec: &PartnerSpec,
    kind: Kind,
    number: u32,
    now: Timestamp,
) -> Option<Vec<u8>> {
    let mut interchange = interchange.clone();
    // What was agreed goes before what is asked for.
    match spec.ta1 {
        Ta1::Never => interchange.acknowledgement_requested = false,
        Ta1::Always => interchange.acknowledgement_requested = true,
        Ta1::Asked => {}
    }
    let numbers = Numbers { interchange: number, group: number.min(MAX_GROUP), set: 1 };
    let now = Stamp::from_unix(now.as_micros().div_euclid(1_000_000));
    match factotum_edi_codec::acknowledge(&interchange, &Request { kind, numbers, now }) {
        Ok(made) => made,
        Err(error) => {
            // Its sender is a partner, whose ids were checked to fit.
            tracing::error!(%error, partner = spec.name, "no acknowledgement can be written");
            None
        }
    }
}
