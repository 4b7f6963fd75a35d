//! Ids: one type per kind of thing, so that a run's id cannot be passed for a workflow's. Inside, a UUIDv7
//! (RFC 9562 §5.7), which sorts by time of creation; outside, an opaque string with a kind prefix
//! (`run_0199a3…`). What must hold: an id of one kind never parses as another.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// Why a text is not an id of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an id of the form `{prefix}` followed by 32 hexadecimal digits")]
pub struct ParseIdError {
    /// The prefix that the kind asks for, `run_` for a run.
    pub prefix: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub Uuid);

        impl $name {
            /// What the id's text starts with.
            pub const PREFIX: &'static str = $prefix;

            /// A new id from a time and 10 random bytes (RFC 9562 §5.7).
            pub fn from_parts(at: crate::Timestamp, random: [u8; 10]) -> Self {
                Self(uuid::Builder::from_unix_timestamp_millis(at.as_millis().unsigned_abs(), &random).into_uuid())
            }

            /// A new id of this process's clock and random source: for the edge, where nothing depends on its value.
            pub fn random() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0.as_simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                text.strip_prefix($prefix)
                    .filter(|hex| hex.len() == 32 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
                    .and_then(|hex| Uuid::parse_str(hex).ok())
                    .map(Self)
                    .ok_or(ParseIdError { prefix: $prefix })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                <std::borrow::Cow<'de, str>>::deserialize(d)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(/// An organization.
    OrgId, "org_");
id!(/// An account: a member, the base service account, or an API key's service account.
    AccountId, "acc_");
id!(/// One human being, maybe a member of several organizations.
    PersonId, "per_");
id!(/// An API key.
    KeyId, "key_");
id!(/// A log-in session of a member.
    SessionId, "ses_");
id!(/// A role.
    RoleId, "rol_");
id!(/// An invitation to an organization.
    InvitationId, "inv_");
id!(/// One version of a plugin.
    PluginId, "plg_");
id!(/// A workflow.
    WorkflowId, "wfl_");
id!(/// A trigger.
    TriggerId, "trg_");
id!(/// An event: what came in.
    EventId, "evt_");
id!(/// A trading partner.
    PartnerId, "ptn_");
id!(/// An EDI interchange that came in.
    InterchangeId, "ich_");
id!(/// A run of a workflow.
    RunId, "run_");
id!(/// An audit entry.
    AuditId, "aud_");
id!(/// A message that tells how workflows do.
    NoticeId, "ntc_");
id!(/// Somebody who is told how workflows do.
    RecipientId, "nrc_");
id!(/// One start of one `factotum serve` process.
    NodeId, "nod_");
id!(/// One HTTP request or CLI call.
    RequestId, "req_");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_and_never_as_another_kind() {
        let run = RunId::from_parts(crate::Timestamp::from_micros(1_800_000_000_000_000), [7; 10]);
        assert_eq!(run.to_string().parse::<RunId>(), Ok(run));
        assert!(run.to_string().parse::<EventId>().is_err());
        for bad in ["", "run_", "run_zz", "evt_0", "run_00000000-0000-0000-0000-000000000000"] {
            assert!(bad.parse::<RunId>().is_err(), "{bad}");
        }
        assert!(run.to_string().to_uppercase().parse::<RunId>().is_err(), "one spelling only");
    }

    #[test]
    fn ids_sort_by_time() {
        let early = RunId::from_parts(crate::Timestamp::from_micros(1_000_000), [255; 10]);
        let late = RunId::from_parts(crate::Timestamp::from_micros(2_000_000), [0; 10]);
        assert!(early < late);
    }
}
