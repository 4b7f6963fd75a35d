//! What proves where a mail comes from. What must hold: "passed" is never said of what was not looked up.

use serde::{Deserialize, Serialize};

/// What SPF (RFC 7208), DKIM (RFC 6376) and DMARC (RFC 7489) say of a mail.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Verdicts {
    /// Of the connection and `MAIL FROM`.
    pub spf: Verdict,
    /// The best of the signatures.
    pub dkim: Verdict,
    /// Of the domain in `From:`.
    pub dmarc: Verdict,
    /// The domain in `From:`, where SPF or DKIM proves it (aligned); none otherwise.
    pub authenticated_domain: Option<String>,
    /// The domain that SPF was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spf_domain: Option<String>,
    /// The domains whose signatures are good, each once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dkim_domains: Vec<String>,
    /// What the domain in `From:` asks to be done with mail that fails: `none`, `quarantine`, `reject`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dmarc_policy: Option<String>,
}

impl Verdicts {
    /// What one of them says.
    pub fn of(&self, mechanism: Mechanism) -> Verdict {
        match mechanism {
            Mechanism::Spf => self.spf,
            Mechanism::Dkim => self.dkim,
            Mechanism::Dmarc => self.dmarc,
        }
    }
}

/// The words of RFC 8601 §2.7.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing is published, signed, or looked up.
    #[default]
    None,
    /// It is as it says.
    Pass,
    /// It is not.
    Fail,
    /// Probably not.
    SoftFail,
    /// Its domain does not say.
    Neutral,
    /// A name server did not answer in time.
    TempError,
    /// What is published or signed can't be read.
    PermError,
}

impl Verdict {
    /// The stored and published word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::SoftFail => "softfail",
            Self::Neutral => "neutral",
            Self::TempError => "temperror",
            Self::PermError => "permerror",
        }
    }
}

/// What can be required of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mechanism {
    /// RFC 7208.
    Spf,
    /// RFC 6376.
    Dkim,
    /// RFC 7489.
    Dmarc,
}

impl Mechanism {
    /// The word in a configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Spf => "spf",
            Self::Dkim => "dkim",
            Self::Dmarc => "dmarc",
        }
    }
}
