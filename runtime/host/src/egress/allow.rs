//! The list `[egress] allow`: what may be connected to beside the public internet.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use super::address::{NotPublic, meant, not_public};

/// Where guests may connect to beside the public internet: `[egress] allow`, each entry a host, `host:port`, IP address,
/// `IP:port` or CIDR block.
#[derive(Debug, Clone, Default)]
pub struct EgressPolicy {
    allow: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Entry {
    /// A name, as it stands in URLs, with a port or for all.
    Host(String, Option<u16>),
    Net(IpNet, Option<u16>),
}

/// An entry of `[egress] allow` cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`egress.allow`: `{entry}` is no host, `host:port`, IP address or CIDR block: {reason}")]
pub struct EgressPolicyError {
    /// The entry.
    pub entry: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl EgressPolicy {
    /// Reads `[egress] allow`.
    pub fn parse<S: AsRef<str>>(allow: &[S]) -> Result<Self, EgressPolicyError> {
        let entries = allow.iter().map(|text| Entry::parse(text.as_ref()));
        Ok(Self { allow: entries.collect::<Result<_, _>>()? })
    }

    /// Whether a connection to `host:port`, resolved to `ip`, may be made.
    pub(crate) fn check(&self, host: &str, port: u16, ip: IpAddr) -> Result<(), NotPublic> {
        let Some(why) = not_public(ip) else { return Ok(()) };
        let listed = self.allow.iter().any(|entry| match entry {
            Entry::Host(name, p) => name == host && p.is_none_or(|p| p == port),
            Entry::Net(net, p) => {
                (net.contains(&ip) || net.contains(&meant(ip))) && p.is_none_or(|p| p == port)
            }
        });
        if listed { Ok(()) } else { Err(why) }
    }
}

impl Entry {
    fn parse(text: &str) -> Result<Self, EgressPolicyError> {
        let error = |reason| EgressPolicyError { entry: text.to_owned(), reason };
        let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
        if let Ok(ip) = bare.parse::<IpAddr>() {
            return Ok(Self::Net(IpNet::from(ip), None));
        }
        if let Ok(net) = text.parse::<IpNet>() {
            return Ok(Self::Net(net, None));
        }
        if let Ok(addr) = text.parse::<SocketAddr>() {
            return Ok(Self::Net(IpNet::from(addr.ip()), Some(addr.port())));
        }
        let (host, port) = match text.split_once(':') {
            Some((host, port)) => {
                (host, Some(port.parse().map_err(|_| error("what follows the colon is no port"))?))
            }
            None => (text, None),
        };
        if host.is_empty() {
            return Err(error("the host is empty"));
        }
        let fine = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        if !host.bytes().all(fine) {
            return Err(error("a host has only letters, digits, `-`, `_` and `.`; no scheme and no path"));
        }
        Ok(Self::Host(host.trim_end_matches('.').to_ascii_lowercase(), port))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_listed_is_allowed_and_nothing_beside_it() {
        let policy = EgressPolicy::parse(&[
            "Internal.example",
            "db.example:5432",
            "127.0.0.1:8080",
            "10.1.0.0/16",
            "::1",
            "[fd00::7]:443",
        ])
        .unwrap();
        for (host, port, ip, allowed) in [
            ("public.example", 80, "1.1.1.1", true),
            ("public.example", 80, "10.0.0.1", false),
            ("internal.example", 80, "10.0.0.1", true),
            ("sub.internal.example", 80, "10.0.0.1", false),
            ("db.example", 5432, "192.168.0.1", true),
            ("db.example", 80, "192.168.0.1", false),
            ("127.0.0.1", 8080, "127.0.0.1", true),
            ("localhost", 8080, "127.0.0.1", true),
            ("localhost", 8081, "127.0.0.1", false),
            ("x.example", 8080, "::ffff:127.0.0.1", true),
            ("x.example", 1, "10.1.2.3", true),
            ("x.example", 1, "10.2.2.3", false),
            ("x.example", 1, "::1", true),
            ("x.example", 443, "fd00::7", true),
            ("x.example", 80, "fd00::7", false),
            ("metadata", 80, "169.254.169.254", false),
        ] {
            assert_eq!(policy.check(host, port, ip.parse().unwrap()).is_ok(), allowed, "{host}:{port} {ip}");
        }
    }

    #[test]
    fn an_entry_that_cannot_be_read_is_named() {
        for bad in ["", ":80", "http://x", "x:port", "x:99999", "10.0.0.0/33", "a b"] {
            assert_eq!(EgressPolicy::parse(&["ok.example", bad]).unwrap_err().entry, bad);
        }
    }
}
