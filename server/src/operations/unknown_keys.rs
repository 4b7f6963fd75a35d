//! How often an address may show keys that nobody here has seen: each costs a query. What must hold: guesses are limited, and holders of keys
//! that are only new to this process are not, however many of them there are behind an address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::RateLimit;

/// Which part of a minute's tries may come at once.
const AT_ONCE: u32 = 6;

/// The tries of each address. A try that turned out to be no guess is given back.
pub struct UnknownKeys {
    tries: RateLimit<IpAddr>,
    given_back: Mutex<HashMap<IpAddr, u32>>,
}

impl UnknownKeys {
    /// So many guesses a minute.
    pub fn new(per_minute: u32) -> Self {
        Self { tries: RateLimit::new(per_minute, per_minute / AT_ONCE), given_back: Mutex::default() }
    }

    /// Takes a try of the address, or says how long until there is one.
    pub fn take(&self, address: IpAddr) -> Result<(), Duration> {
        let source = source(address);
        if let Some(left) = self.given_back().get_mut(&source).filter(|left| **left > 0) {
            *left -= 1;
            return Ok(());
        }
        self.tries.take(&source)
    }

    /// The key was somebody's. What is given back was taken before, so this makes no tries.
    pub fn give_back(&self, address: IpAddr) {
        *self.given_back().entry(source(address)).or_default() += 1;
    }

    /// Forgets who has not tried lately; what was given back, too, as the bucket has been refilled since. To be called each minute or so.
    pub fn forget(&self) {
        self.given_back().clear();
        self.tries.forget();
    }

    fn given_back(&self) -> MutexGuard<'_, HashMap<IpAddr, u32>> {
        self.given_back.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an address counts as: of IPv6, its network of 64 bits, since whoever has one address there has them all.
fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(six) => Ipv6Addr::from_bits(six.to_bits() & !u128::from(u64::MAX)).into(),
        four @ IpAddr::V4(_) => four,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn guesses_run_out_and_say_when_to_come_again() {
        let keys = UnknownKeys::new(18);
        for _ in 0..3 {
            assert_eq!(keys.take(at("192.0.2.1")), Ok(()));
        }
        let wait = keys.take(at("192.0.2.1")).unwrap_err();
        assert!(wait <= Duration::from_millis(3_334), "{wait:?}");
        assert!(keys.take(at("::ffff:192.0.2.1")).is_err(), "the same address");
        assert_eq!(keys.take(at("192.0.2.2")), Ok(()), "another one");
    }

    #[test]
    fn new_holders_are_not_limited_and_make_no_room_for_guesses() {
        let keys = UnknownKeys::new(18);
        let proxy = at("192.0.2.1");
        for _ in 0..1_000 {
            assert_eq!(keys.take(proxy), Ok(()));
            keys.give_back(proxy);
        }
        let guesses = (0..100).take_while(|_| keys.take(proxy).is_ok()).count();
        assert_eq!(guesses, 3);
        keys.forget();
        assert!(keys.take(proxy).is_err(), "who is over the limit is not forgotten");
    }

    #[test]
    fn an_ipv6_network_is_one_source() {
        let keys = UnknownKeys::new(6);
        assert_eq!(keys.take(at("2001:db8::1")), Ok(()));
        assert!(keys.take(at("2001:db8::ffff:2")).is_err());
        assert_eq!(keys.take(at("2001:db8:0:1::1")), Ok(()));
    }
}
