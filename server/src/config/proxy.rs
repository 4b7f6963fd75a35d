//! Which proxies are believed about the client's address. What must hold: `X-Forwarded-For` counts only when the connection
//! comes from a listed network, and only as far as listed hops reach back, so that nobody can choose an address for the
//! audit trail or an allow-list.

use std::net::IpAddr;

use ipnet::IpNet;

use super::ConfigError;
use super::source::Layers;

/// The `[proxy]` section.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProxyConfig {
    /// Networks of reverse proxies that set `X-Forwarded-For`.
    pub trusted: Vec<IpNet>,
}

/// One network; a plain address is a network of one.
struct Network(IpNet);

impl std::str::FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let one = text.parse::<IpAddr>().map(IpNet::from);
        one.or_else(|_| text.parse())
            .map(Self)
            .map_err(|_| "not an address or network; write it as `10.0.0.7` or `10.0.0.0/24`".to_owned())
    }
}

impl ProxyConfig {
    /// Checks the settings.
    pub fn from_layers(layers: &Layers) -> Result<Self, ConfigError> {
        let trusted = layers.parse_list::<Network>("proxy.trusted")?.into_iter().map(|n| n.0).collect();
        Ok(Self { trusted })
    }

    /// The client's address: the connection's, or, behind trusted hops, the nearest one in `forwarded` that is not trusted.
    /// `forwarded` holds the values of `X-Forwarded-For` in the order they came.
    pub fn client_address<'a>(&self, peer: IpAddr, forwarded: impl Iterator<Item = &'a str>) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.trusts(peer) {
            return peer;
        }
        let hops: Vec<&str> = forwarded.flat_map(|value| value.split(',')).map(str::trim).collect();
        let mut client = peer;
        for hop in hops.iter().rev() {
            // What cannot be read ends the chain: the last hop that could be is as far as we know.
            let Ok(address) = hop.parse::<IpAddr>() else { break };
            client = address.to_canonical();
            if !self.trusts(client) {
                break;
            }
        }
        client
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|n| n.contains(&address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forwarded_address_counts_only_behind_a_trusted_hop() {
        let proxy = ProxyConfig { trusted: vec!["10.0.0.0/8".parse().unwrap()] };
        let address = |peer: &str, header: &str| {
            proxy.client_address(peer.parse().unwrap(), [header].into_iter()).to_string()
        };
        assert_eq!(address("203.0.113.9", "1.2.3.4"), "203.0.113.9", "spoofed by a client");
        assert_eq!(address("10.0.0.1", "1.2.3.4"), "1.2.3.4");
        assert_eq!(address("10.0.0.1", "9.9.9.9, 1.2.3.4"), "1.2.3.4", "only the nearest untrusted hop");
        assert_eq!(address("10.0.0.1", "9.9.9.9, 1.2.3.4, 10.0.0.2"), "1.2.3.4");
        assert_eq!(address("10.0.0.1", "nonsense"), "10.0.0.1");
        assert_eq!(address("::ffff:10.0.0.1", "1.2.3.4"), "1.2.3.4", "IPv4 in IPv6 clothes");
    }
}
