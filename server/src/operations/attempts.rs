//! How often people may try to prove who they are. What must hold: a limit counts unknown addresses like known ones, so that it tells nothing; and
//! whoever tries many passwords for somebody else's account from afar does not lock that person out of the places they log in from.

use std::net::IpAddr;
use std::time::Duration;

use factotum_model::{Digest, PersonId};

use super::OperationError;
use super::rate_limit::RateLimit;

/// How often limits that are full again are forgotten.
pub const FORGOTTEN_EVERY: Duration = Duration::from_mins(1);
/// Tries from one network, whatever they are for: so many a minute, and so many at once.
pub const PER_NETWORK: (u32, u32) = (60, 120);
/// Log-ins to one e-mail address from one network.
pub const PER_ACCOUNT_AND_NETWORK: (u32, u32) = (5, 10);
/// Log-ins to one e-mail address from all networks that its person has no session from.
pub const PER_ACCOUNT: (u32, u32) = (10, 40);
/// Passwords and codes of one person who has shown already who they are: by a session, or, before a code, by the password.
pub const PER_PERSON: (u32, u32) = (3, 10);
/// Letters to one e-mail address.
pub const LETTERS: (u32, u32) = (1, 3);

/// An IPv4 address, or the /64 that an IPv6 address lies in: whoever has one address of it has them all.
type Network = IpAddr;

/// The limits of one process; several nodes allow as many times more.
pub struct Attempts {
    networks: RateLimit<Network>,
    pairs: RateLimit<(Digest, Network)>,
    accounts: RateLimit<Digest>,
    people: RateLimit<PersonId>,
    letters: RateLimit<Digest>,
}

impl Default for Attempts {
    fn default() -> Self {
        Self {
            networks: RateLimit::new(PER_NETWORK.0, PER_NETWORK.1),
            pairs: RateLimit::new(PER_ACCOUNT_AND_NETWORK.0, PER_ACCOUNT_AND_NETWORK.1),
            accounts: RateLimit::new(PER_ACCOUNT.0, PER_ACCOUNT.1),
            people: RateLimit::new(PER_PERSON.0, PER_PERSON.1),
            letters: RateLimit::new(LETTERS.0, LETTERS.1),
        }
    }
}

impl Attempts {
    /// One try, from this address, of something that needs no log-in.
    pub fn by_anybody(&self, from: IpAddr) -> Result<(), OperationError> {
        self.networks.take(&network(from)).map_err(OperationError::RateLimited)
    }

    /// One try to log in to this e-mail address.
    pub fn to_log_in(&self, email: &str, from: IpAddr) -> Result<(), OperationError> {
        self.by_anybody(from)?;
        self.pairs.take(&(account(email), network(from))).map_err(OperationError::RateLimited)
    }

    /// The same try, once it is known to come from where the person has no session.
    pub fn to_log_in_from_afar(&self, email: &str) -> Result<(), OperationError> {
        self.accounts.take(&account(email)).map_err(OperationError::RateLimited)
    }

    /// One password or code of somebody who has shown already who they are.
    pub fn by_person(&self, person: PersonId) -> Result<(), OperationError> {
        self.people.take(&person).map_err(OperationError::RateLimited)
    }

    /// Whether one more letter may go to this e-mail address.
    pub fn letter(&self, email: &str) -> bool {
        self.letters.take(&account(email)).is_ok()
    }

    /// Forgets whoever may try as often as anybody again.
    pub fn forget(&self) {
        self.networks.forget();
        self.pairs.forget();
        self.accounts.forget();
        self.people.forget();
        self.letters.forget();
    }
}

fn account(email: &str) -> Digest {
    Digest::of(email.trim().to_lowercase().as_bytes())
}

fn network(address: IpAddr) -> Network {
    match address.to_canonical() {
        IpAddr::V6(six) => {
            let [a, b, c, d, ..] = six.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        four @ IpAddr::V4(_) => four,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guesser_is_slowed_down_whoever_they_guess_for_and_others_are_not() {
        let attempts = Attempts::default();
        let from = |n: u8| IpAddr::from([192, 0, 2, n]);
        for _ in 0..PER_ACCOUNT_AND_NETWORK.1 {
            attempts.to_log_in("ann@example.com", from(1)).unwrap();
        }
        let again = |email: &str, n| attempts.to_log_in(email, from(n));
        assert!(matches!(again("ANN@example.com ", 1), Err(OperationError::RateLimited(_))), "one spelling");
        assert!(again("bob@example.com", 1).is_ok() && again("ann@example.com", 2).is_ok());
        let all = (0..200).filter(|n| again(&format!("{n}@example.com"), 3).is_ok()).count();
        assert_eq!(all, PER_NETWORK.1 as usize, "one network, many addresses");
    }

    #[test]
    fn a_guesser_from_many_networks_is_slowed_down_too() {
        let attempts = Attempts::default();
        let passed = (0..200).filter(|_| attempts.to_log_in_from_afar("ann@example.com").is_ok()).count();
        assert_eq!(passed, PER_ACCOUNT.1 as usize);
        assert!(attempts.to_log_in_from_afar("nobody@example.com").is_ok());
    }

    #[test]
    fn one_network_is_one_whichever_of_its_addresses_is_used() {
        let parse = |text: &str| network(text.parse().unwrap());
        assert_eq!(parse("2001:db8:1:2:3:4:5:6"), parse("2001:db8:1:2:ffff::1"));
        assert_ne!(parse("2001:db8:1:2::1"), parse("2001:db8:1:3::1"));
        assert_eq!(parse("::ffff:192.0.2.1"), parse("192.0.2.1"));
        assert_ne!(parse("192.0.2.1"), parse("192.0.2.2"));
    }
}
