//! Whether a mail is taken, by its verdicts. What must hold: only what is proven counts; who could not be looked up is asked to try again, not sent away.

use factotum_model::email::{Email, Mechanism, Verdict};
use factotum_model::trigger::{Authentication, EmailConfig};

/// Why a mail is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// What the trigger requires did not pass.
    #[error("{} is required here, and says `{}`", .0.as_str(), .1.as_str())]
    Unproven(Mechanism, Verdict),
    /// The sender's domain is proven by nothing.
    #[error("only known senders are taken here, and nothing proves the domain in `From:`")]
    Unauthenticated,
    /// The sender is proven, and not one of those.
    #[error("this sender is not among those taken here")]
    NotAllowed,
}

impl Refusal {
    /// The word in the audit trail.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unproven(Mechanism::Spf, _) => "spf_required",
            Self::Unproven(Mechanism::Dkim, _) => "dkim_required",
            Self::Unproven(Mechanism::Dmarc, _) => "dmarc_required",
            Self::Unauthenticated => "sender_unauthenticated",
            Self::NotAllowed => "sender_not_allowed",
        }
    }
}

/// What is decided of a mail that a trigger does not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decided {
    /// Why.
    pub refusal: Refusal,
    /// Whether a look-up failed that could have told otherwise: the sender is to try again (451 instead of 550).
    pub is_temporary: bool,
}

/// Whether a trigger with this configuration takes a mail with these verdicts.
pub fn decide(config: &EmailConfig, email: &Email) -> Result<(), Decided> {
    let required = config.require.iter().copied();
    let by_policy = (config.authentication == Authentication::Require).then_some(Mechanism::Dmarc);
    for mechanism in required.chain(by_policy) {
        let verdict = email.verdicts.of(mechanism);
        if verdict != Verdict::Pass {
            let is_temporary = verdict == Verdict::TempError;
            return Err(Decided { refusal: Refusal::Unproven(mechanism, verdict), is_temporary });
        }
    }
    if config.allow_senders.is_empty() {
        return Ok(());
    }
    let from = email.from.to_lowercase();
    let domain = from.rsplit_once('@').map(|(_, domain)| domain);
    let proven = email.verdicts.authenticated_domain.as_deref();
    // What was read as the sender and what was proven must be the same: two readers of one header are not to be played off against each other.
    let (Some(domain), Some(proven)) = (domain, proven) else { return Err(unauthenticated(email)) };
    if domain != proven {
        return Err(unauthenticated(email));
    }
    let allowed = config.allow_senders.iter().map(|entry| entry.to_lowercase()).any(|entry| {
        let below = || domain.strip_suffix(entry.as_str()).is_some_and(|rest| rest.ends_with('.'));
        if entry.contains('@') { entry == from } else { entry == domain || below() }
    });
    if allowed { Ok(()) } else { Err(Decided { refusal: Refusal::NotAllowed, is_temporary: false }) }
}

fn unauthenticated(email: &Email) -> Decided {
    let verdicts = [email.verdicts.spf, email.verdicts.dkim, email.verdicts.dmarc];
    Decided { refusal: Refusal::Unauthenticated, is_temporary: verdicts.contains(&Verdict::TempError) }
}

#[cfg(test)]
mod tests {
    use factotum_model::email::Verdicts;

    use super::*;

    fn config(text: &str) -> EmailConfig {
        serde_json::from_str(&format!(r#"{{"name": "orders"{text}}}"#)).unwrap()
    }

    fn mail(from: &str, proven: Option<&str>) -> Email {
        let verdicts = Verdicts { authenticated_domain: proven.map(str::to_owned), ..Verdicts::default() };
        Email { from: from.to_owned(), verdicts, ..Email::default() }
    }

    fn refusal(config: &EmailConfig, email: &Email) -> Option<(Refusal, bool)> {
        decide(config, email).err().map(|decided| (decided.refusal, decided.is_temporary))
    }

    #[test]
    fn only_proven_senders_are_allowed() {
        let domains = config(r#", "allow_senders": ["Example.com", "ann@other.org"]"#);
        for (from, proven, expected) in [
            ("ann@example.com", Some("example.com"), None),
            ("Ann@Mail.Example.COM", Some("mail.example.com"), None),
            ("ann@other.org", Some("other.org"), None),
            ("eve@other.org", Some("other.org"), Some(Refusal::NotAllowed)),
            ("ann@notexample.com", Some("notexample.com"), Some(Refusal::NotAllowed)),
            ("ann@example.com", None, Some(Refusal::Unauthenticated)),
            ("ann@example.com", Some("evil.com"), Some(Refusal::Unauthenticated)),
            ("", Some("example.com"), Some(Refusal::Unauthenticated)),
        ] {
            let decided = refusal(&domains, &mail(from, proven)).map(|(refusal, _)| refusal);
            assert_eq!(decided, expected, "{from} {proven:?}");
        }
        assert_eq!(refusal(&config(""), &mail("eve@evil.com", None)), None);
    }

    #[test]
    fn what_is_required_must_pass() {
        let mut email = mail("ann@example.com", None);
        let both = config(r#", "require": ["spf", "dkim"]"#);
        assert_eq!(refusal(&both, &email), Some((Refusal::Unproven(Mechanism::Spf, Verdict::None), false)));
        email.verdicts.spf = Verdict::Pass;
        email.verdicts.dkim = Verdict::TempError;
        assert_eq!(
            refusal(&both, &email),
            Some((Refusal::Unproven(Mechanism::Dkim, Verdict::TempError), true))
        );
        email.verdicts.dkim = Verdict::Pass;
        assert_eq!(refusal(&both, &email), None);
        let policy = config(r#", "authentication": "require""#);
        assert_eq!(
            refusal(&policy, &email),
            Some((Refusal::Unproven(Mechanism::Dmarc, Verdict::None), false))
        );
        email.verdicts.dmarc = Verdict::Pass;
        assert_eq!(refusal(&policy, &email), None);
    }

    #[test]
    fn who_could_not_be_looked_up_is_to_try_again() {
        let mut email = mail("ann@example.com", None);
        email.verdicts.dkim = Verdict::TempError;
        let allow = config(r#", "allow_senders": ["example.com"]"#);
        assert_eq!(refusal(&allow, &email), Some((Refusal::Unauthenticated, true)));
    }
}
