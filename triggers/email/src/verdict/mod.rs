//! What proves where a mail comes from: SPF (RFC 7208), DKIM (RFC 6376) and DMARC (RFC 7489), looked up. What must hold: the look-ups of one message take
//! [`LOOK_UPS_TIMEOUT`] together and what was not answered by then is `temperror`, never passed; a name server that did not answer is not
//! asked for the same again for a while; a mail with more than one sender authenticates nobody.

mod decide;
mod failures;
mod name_server;

pub use decide::{Decided, Refusal, decide};
pub use name_server::{Dns, DnsError};

use std::net::IpAddr;
use std::time::Duration;

use factotum_model::email::{Verdict, Verdicts};
use mail_auth::dkim::DkimError;
use mail_auth::dmarc::Policy;
use mail_auth::dmarc::verify::DmarcParameters;
use mail_auth::spf::verify::SpfParameters;
use mail_auth::{
    AuthenticatedMessage, DkimOutput, DkimResult, DmarcResult, DnsError as LookUpError, Error,
    MessageAuthenticator, SpfOutput, SpfResult,
};
use tokio::time::{Instant, timeout_at};

use failures::Failures;

/// How long the look-ups of one message may take together.
pub const LOOK_UPS_TIMEOUT: Duration = Duration::from_secs(2);
/// How many signatures of one message are looked at, the topmost first: RFC 6376 §6.1 leaves that to the verifier.
const MAX_SIGNATURES: usize = 8;
/// A longer header is not verified, in bytes.
const MAX_HEADER_BYTES: usize = 1 << 20;

/// Asks name servers what is to be thought of a mail.
pub struct Checker {
    resolver: MessageAuthenticator,
    /// This host's name, for those who publish macros with it.
    host: String,
    failures: Failures,
}

impl std::fmt::Debug for Checker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checker").field("host", &self.host).finish_non_exhaustive()
    }
}

/// A signature that was looked at, with the message reduced to it.
struct Signed<'x> {
    message: AuthenticatedMessage<'x>,
    key: String,
}

impl Checker {
    /// Asks these name servers; `host` is this host's mail domain.
    pub fn new(dns: &Dns, host: impl Into<String>) -> Result<Self, DnsError> {
        Ok(Self { resolver: name_server::resolver(dns)?, host: host.into(), failures: Failures::default() })
    }

    /// The verdicts of a mail that came from this address, with this `EHLO` and `MAIL FROM` (empty: the null sender). For a loopback peer there is no SPF.
    pub async fn check(&self, peer: IpAddr, helo: &str, mail_from: &str, raw: &[u8]) -> Verdicts {
        let deadline = Instant::now() + LOOK_UPS_TIMEOUT;
        let message = parse(raw);
        let signed = message.as_ref().map(signatures).unwrap_or_default();
        let (spf, dkim) =
            tokio::join!(self.spf(peer, helo, mail_from, deadline), self.dkim(&signed, deadline));
        let mut verdicts = Verdicts {
            spf: spf_verdict(&spf),
            spf_domain: (spf.result() != SpfResult::None).then(|| spf.domain().to_lowercase()),
            dkim: message.as_ref().map_or(Verdict::PermError, |message| dkim_verdict(message, &dkim)),
            dkim_domains: passing(&dkim),
            ..Verdicts::default()
        };
        let sender = message.as_ref().and_then(sender_domain);
        if let (Some(message), Some(sender)) = (&message, sender) {
            self.dmarc(message, &sender, &dkim, &spf, deadline, &mut verdicts).await;
            let by_spf = verdicts.spf == Verdict::Pass && covers(spf.domain(), &sender);
            let by_dkim = verdicts.dkim_domains.iter().any(|domain| covers(domain, &sender));
            if verdicts.dmarc == Verdict::Pass || by_spf || by_dkim {
                verdicts.authenticated_domain = Some(sender);
            }
        }
        verdicts
    }

    async fn spf(&self, peer: IpAddr, helo: &str, mail_from: &str, deadline: Instant) -> SpfOutput {
        let domain = mail_from.rsplit_once('@').map_or(helo, |(_, domain)| domain);
        let output = SpfOutput::new(domain.to_owned());
        if peer.to_canonical().is_loopback() {
            return output;
        }
        let key = format!("spf {}", domain.to_lowercase());
        if self.failures.is_recent(&key) {
            return output.with_result(SpfResult::TempError);
        }
        let parameters = if mail_from.is_empty() {
            SpfParameters::verify_ehlo(peer.to_canonical(), helo, &self.host)
        } else {
            SpfParameters::verify_mail_from(peer.to_canonical(), helo, &self.host, mail_from)
        };
        let checked = timeout_at(deadline, self.resolver.verify_spf(parameters)).await;
        let output = checked.unwrap_or_else(|_| output.with_result(SpfResult::TempError));
        if output.result() == SpfResult::TempError {
            self.failures.add(key);
        }
        output
    }

    /// What comes of each signature: one whose key cannot be had takes no time from the others but what there is.
    async fn dkim<'x>(&self, signed: &'x [Signed<'x>], deadline: Instant) -> Vec<DkimOutput<'x>> {
        let mut outputs = Vec::with_capacity(signed.len());
        for one in signed {
            let unanswered = || {
                let error = Error::Dns(LookUpError::Resolver(String::new()));
                let output = DkimOutput::temp_err(error);
                match one.message.dkim_headers.first() {
                    Some(header) => output.with_signature(&header.header),
                    None => output,
                }
            };
            if self.failures.is_recent(&one.key) {
                outputs.push(unanswered());
                continue;
            }
            let checked = timeout_at(deadline, self.resolver.verify_dkim(&one.message)).await;
            let checked = checked.unwrap_or_else(|_| vec![unanswered()]);
            if checked.iter().any(|output| matches!(output.result(), DkimResult::TempError(_))) {
                self.failures.add(one.key.clone());
            }
            outputs.extend(checked);
        }
        outputs
    }

    async fn dmarc<'x>(
        &self,
        message: &'x AuthenticatedMessage<'x>,
        sender: &str,
        dkim: &'x [DkimOutput<'x>],
        spf: &'x SpfOutput,
        deadline: Instant,
        verdicts: &mut Verdicts,
    ) {
        let key = format!("dmarc {sender}");
        verdicts.dmarc = Verdict::TempError;
        if self.failures.is_recent(&key) {
            return;
        }
        let parameters = DmarcParameters::new(message, dkim, spf.domain(), spf);
        let Ok(output) = timeout_at(deadline, self.resolver.verify_dmarc(parameters)).await else {
            self.failures.add(key);
            return;
        };
        verdicts.dmarc = match output.result() {
            DmarcResult::Pass => Verdict::Pass,
            DmarcResult::Fail(_) => Verdict::Fail,
            DmarcResult::TempError(_) => Verdict::TempError,
            DmarcResult::PermError(_) => Verdict::PermError,
            DmarcResult::None => Verdict::None,
        };
        if output.dmarc_record().is_some() {
            verdicts.dmarc_policy = match output.policy() {
                Policy::Reject => Some("reject".to_owned()),
                Policy::Quarantine => Some("quarantine".to_owned()),
                Policy::None => Some("none".to_owned()),
                Policy::Unspecified => None,
            };
        } else if verdicts.dmarc == Verdict::TempError {
            self.failures.add(key);
        }
    }
}

/// As mail-auth reads it, if its header is not too long for that.
fn parse(raw: &[u8]) -> Option<AuthenticatedMessage<'_>> {
    let begin = raw.get(..raw.len().min(MAX_HEADER_BYTES)).unwrap_or_default();
    let ends = begin.len() == raw.len() || begin.windows(2).any(|two| two == b"\n\n" || two == b"\n\r");
    if ends { AuthenticatedMessage::parse(raw) } else { None }
}

/// The message once for each of its first signatures.
fn signatures<'x>(message: &AuthenticatedMessage<'x>) -> Vec<Signed<'x>> {
    let some = message.dkim_headers.iter().take(MAX_SIGNATURES);
    some.map(|header| {
        let key = format!("dkim {}._domainkey.{}", header.header.s, header.header.d).to_lowercase();
        let mut message = message.clone();
        message.dkim_headers = vec![header.clone()];
        message.errors.clear();
        Signed { message, key }
    })
    .collect()
}

/// The domain of the one sender in the one `From:`, lower-case.
fn sender_domain(message: &AuthenticatedMessage<'_>) -> Option<String> {
    let fields = message.headers.iter().filter(|(name, _)| name.trim_ascii().eq_ignore_ascii_case(b"from"));
    match message.from.as_slice() {
        [one] if fields.count() == 1 => {
            one.rsplit_once('@').map(|(_, domain)| domain.to_lowercase()).filter(|domain| !domain.is_empty())
        }
        _ => None,
    }
}

/// Whether who proves to be `proven` may speak for `domain`: it is that, or above it. Nobody else's word is needed for that; what lies beside it (DMARC's
/// relaxed alignment) needs a DMARC record.
fn covers(proven: &str, domain: &str) -> bool {
    let proven = proven.to_lowercase();
    let below = || domain.strip_suffix(proven.as_str()).is_some_and(|rest| rest.ends_with('.'));
    proven.contains('.') && (domain == proven || below())
}

fn passing(dkim: &[DkimOutput<'_>]) -> Vec<String> {
    let mut domains: Vec<String> = Vec::new();
    for output in dkim.iter().filter(|output| *output.result() == DkimResult::Pass) {
        let domain = output.signature().map(|signature| signature.d.to_lowercase());
        domains.extend(domain.filter(|domain| !domains.contains(domain)));
    }
    domains
}

fn spf_verdict(output: &SpfOutput) -> Verdict {
    match output.result() {
        SpfResult::Pass => Verdict::Pass,
        SpfResult::Fail => Verdict::Fail,
        SpfResult::SoftFail => Verdict::SoftFail,
        SpfResult::Neutral => Verdict::Neutral,
        SpfResult::TempError => Verdict::TempError,
        SpfResult::PermError => Verdict::PermError,
        SpfResult::None => Verdict::None,
    }
}

/// The best of them: one that is good, one that may be, one that is not.
fn dkim_verdict(message: &AuthenticatedMessage<'_>, outputs: &[DkimOutput<'_>]) -> Verdict {
    let verdicts = outputs.iter().map(|output| match output.result() {
        DkimResult::Pass => Verdict::Pass,
        // RFC 8601 §2.7.1 calls that a failure.
        DkimResult::Fail(_) | DkimResult::Neutral(Error::Dkim(DkimError::FailedBodyHashMatch)) => {
            Verdict::Fail
        }
        DkimResult::Neutral(_) => Verdict::Neutral,
        DkimResult::TempError(_) => Verdict::TempError,
        DkimResult::PermError(_) => Verdict::PermError,
        DkimResult::None => Verdict::None,
    });
    let malformed = message.errors.iter().any(|error| matches!(error.header, Error::Dkim(_)));
    let verdicts: Vec<_> = verdicts.chain(malformed.then_some(Verdict::PermError)).collect();
    let order = [Verdict::Pass, Verdict::TempError, Verdict::Fail, Verdict::Neutral, Verdict::PermError];
    order.into_iter().find(|verdict| verdicts.contains(verdict)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_proves_a_domain_speaks_for_it_and_below() {
        assert!(covers("example.com", "example.com"));
        assert!(covers("Example.com", "mail.example.com"));
        assert!(!covers("mail.example.com", "example.com"));
        assert!(!covers("ample.com", "example.com"));
        assert!(!covers("com", "example.com"), "a whole top-level domain is nobody's");
        assert!(!covers("", "example.com"));
    }

    #[test]
    fn more_than_one_sender_is_none() {
        let sender = |raw: &str| sender_domain(&AuthenticatedMessage::parse(raw.as_bytes()).unwrap());
        assert_eq!(sender("From: Ann <ann@Example.com>\r\n\r\nhi").as_deref(), Some("example.com"));
        assert_eq!(sender("From: ann@example.com, eve@example.com\r\n\r\nhi"), None);
        assert_eq!(sender("From: ann@example.com\r\nFrom: ann@example.com\r\n\r\nhi"), None);
        assert_eq!(sender("To: ann@example.com\r\n\r\nhi"), None);
    }
}
