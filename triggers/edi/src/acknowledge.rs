//! Which acknowledgement is due. What must hold: an acknowledgement is never acknowledged; what was agreed with the partner decides, and where nothing was, what
//! the interchange asks for.

use factotum_edi_codec::{Interchange, Kind, Numbers, Request, Stamp, Standard};
use factotum_model::Timestamp;
use factotum_model::edi::{Ack, PartnerSpec, Ta1};

/// What is due for an interchange; none where nothing is.
pub(crate) fn kind(interchange: &Interchange, spec: &PartnerSpec) -> Option<Kind> {
    let only_acknowledges =
        interchange.groups.iter().all(|group| group.acknowledges() || group.sets.iter().all(|set| set.acknowledges()));
    let has_groups = !interchange.groups.is_empty();
    match interchange.standard() {
        Standard::X12 => {
            let refused = !interchange.envelope_accepted();
            let ta1 = match spec.ta1 {
                Ta1::Never => false,
                Ta1::Always => true,
                Ta1::Asked => refused || interchange.acknowledgement_requested,
            };
            // A TA1 alone, or beside other acknowledgements, answers ours: it is not answered.
            let ta1 = ta1 && (has_groups || interchange.acknowledged.is_empty());
            let functional = has_groups && !only_acknowledges && !refused;
            match spec.ack {
                Ack::None if ta1 => Some(Kind::Ta1),
                Ack::None => None,
                _ if !functional => ta1.then_some(Kind::Ta1),
                Ack::Functional => Some(Kind::Functional997),
                Ack::Implementation => Some(Kind::Implementation999),
                Ack::Auto | Ack::Contrl => Some(Kind::Functional),
            }
        }
        Standard::Edifact => {
            let due = spec.ack != Ack::None && !(has_groups && only_acknowledges);
            due.then_some(Kind::Contrl)
        }
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
    let numbers = Numbers { interchange: number, group: number, set: 1 };
    let now = Stamp::from_unix(now.as_micros().div_euclid(1_000_000));
    factotum_edi_codec::acknowledge(&interchange, &Request { kind, numbers, now })
}
