//! A mail sent to a trigger as a test. What must hold: it goes the way of every mail, but for what a sender has to prove, as nobody sent it; it says of itself that it
//! is a test, and no two tests are the same mail.

use std::net::{IpAddr, Ipv4Addr};

use factotum_model::{RequestId, RunId};
use factotum_storage::accept::Origin;

use crate::deliver::Incoming;
use crate::mailboxes::Mailboxes;
use crate::message;
use crate::refusal::Refusal;

/// The header that a test has and no other mail needs.
pub const HEADER: &str = "X-Factotum-Test";
/// What stands as the protocol by which it came.
const PROTOCOL: &str = "TEST";

impl Mailboxes {
    /// Delivers a message (RFC 5322) to the trigger with this address as a test of this name. The run that it started; `None` if it is only kept, as mail of
    /// machines is.
    pub async fn test(
        &self,
        address: &str,
        name: &str,
        from: String,
        message: &[u8],
        origin: &Origin,
    ) -> Result<Option<RunId>, Refusal> {
        let data = named(name, message);
        let size = u64::try_from(data.len()).unwrap_or(u64::MAX);
        let recipient = self.find(address, Some(size), origin).await?;
        let email = message::read(&data).with_envelope(from.clone(), String::new());
        let kept = email.automatic.is_some() && !recipient.known.config.dispatch_automatic;
        let incoming = Incoming {
            from,
            recipients: vec![recipient],
            data,
            peer: origin.ip.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            helo: origin.user_agent.clone().unwrap_or_default(),
            protocol: PROTOCOL,
            request: origin.request_id.unwrap_or_else(RequestId::random),
        };
        let mut answers = self.commit(incoming, email, vec![Ok(())]).await;
        let accepted = answers.pop().unwrap_or(Err(Refusal::Internal))?;
        Ok(Some(accepted.run_id()).filter(|_| !kept))
    }
}

/// The message with its name, each line ended as RFC 5322 §2.1 has it.
fn named(name: &str, message: &[u8]) -> Vec<u8> {
    let mut named = format!("{HEADER}: {name}\r\n").into_bytes();
    let mut before = b'\n';
    for byte in message {
        if *byte == b'\n' && before != b'\r' {
            named.push(b'\r');
        }
        named.push(*byte);
        before = *byte;
    }
    named
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_names_itself_and_ends_its_lines() {
        assert_eq!(
            named("test-1", b"a: b\n\r\n\nc\r\n"),
            b"X-Factotum-Test: test-1\r\na: b\r\n\r\n\r\nc\r\n"
        );
    }
}
