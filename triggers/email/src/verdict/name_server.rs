//! Which name servers are asked, `[smtp] dns`. What must hold: one question is given up long before the message's time is, so that the others get some of it.

use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use mail_auth::MessageAuthenticator;
use mail_auth::hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use mail_auth::hickory_resolver::system_conf::read_system_conf;

/// How long one question may take before it is asked once more.
const ONE_TIMEOUT: Duration = Duration::from_millis(600);
/// How many answers are remembered, for as long as they say.
const MAX_ANSWERS: u64 = 8_192;

/// Which name servers are asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Dns {
    /// Those of the machine's `/etc/resolv.conf`.
    #[default]
    System,
    /// This one, by UDP and TCP.
    At(SocketAddr),
}

impl FromStr for Dns {
    type Err = DnsError;

    fn from_str(text: &str) -> Result<Self, DnsError> {
        if text == "system" {
            return Ok(Self::System);
        }
        let address = text.parse().map(Self::At);
        address
            .or_else(|_| text.parse().map(|ip| Self::At(SocketAddr::new(ip, 53))))
            .map_err(|_| DnsError::Form)
    }
}

impl std::fmt::Display for Dns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::System => f.write_str("system"),
            Self::At(address) => write!(f, "{address}"),
        }
    }
}

/// Why no name server can be asked.
#[derive(Debug, thiserror::Error)]
pub enum DnsError {
    /// The setting.
    #[error("not a name server: write `system`, or an address such as `127.0.0.1:5353`")]
    Form,
    /// The machine's configuration.
    #[error("the machine's name servers cannot be read: {0}; set smtp.dns to the address of one")]
    System(String),
}

pub(super) fn resolver(dns: &Dns) -> Result<MessageAuthenticator, DnsError> {
    let broken = |error: &dyn std::fmt::Display| DnsError::System(error.to_string());
    let (config, mut options) = match dns {
        Dns::System => read_system_conf().map_err(|e| broken(&e))?,
        Dns::At(address) => {
            let connection = |mut connection: ConnectionConfig| {
                connection.port = address.port();
                connection
            };
            let connections = vec![connection(ConnectionConfig::udp()), connection(ConnectionConfig::tcp())];
            let server = NameServerConfig::new(address.ip(), true, connections);
            (ResolverConfig::from_name_servers(vec![server]), ResolverOpts::default())
        }
    };
    options.timeout = ONE_TIMEOUT;
    options.attempts = 1;
    options.cache_size = MAX_ANSWERS;
    options.use_hosts_file = ResolveHosts::Never;
    MessageAuthenticator::new(config, options).map_err(|e| broken(&e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_server_is_written_in_one_of_three_ways() {
        assert_eq!("system".parse::<Dns>().ok(), Some(Dns::System));
        assert_eq!(
            "127.0.0.1:5353".parse::<Dns>().ok().map(|dns| dns.to_string()).as_deref(),
            Some("127.0.0.1:5353")
        );
        assert_eq!("::1".parse::<Dns>().ok().map(|dns| dns.to_string()).as_deref(), Some("[::1]:53"));
        for bad in ["", "dns.example.com", "127.0.0.1:", "System"] {
            assert!(bad.parse::<Dns>().is_err(), "{bad:?}");
        }
    }
}
