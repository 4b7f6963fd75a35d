//! What workflows may reach beyond the public internet. What must hold: private, loopback and link-local addresses stay closed
//! unless they are listed here by name, address or network.

use super::ConfigError;
use super::source::Layers;

/// The `[egress]` section.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EgressConfig {
    /// Hosts (`db.internal`, `db.internal:8080`), addresses or networks (`10.1.0.0/16`) that are open all the same.
    pub allow: Vec<String>,
}

impl EgressConfig {
    /// Checks the settings.
    pub fn from_layers(layers: &Layers) -> Result<Self, ConfigError> {
        let allow: Vec<String> = layers.parse_list("egress.allow")?;
        for item in &allow {
            if let Err(reason) = check(item) {
                let origin = layers.text("egress.allow").map_or(super::Origin::Default, |(_, origin)| origin);
                return Err(ConfigError::Value { key: "egress.allow", origin, reason });
            }
        }
        Ok(Self { allow })
    }
}

fn check(item: &str) -> Result<(), String> {
    let wrong = format!(
        "`{item}` is not a host (`db.internal`), host and port (`db.internal:8080`), address or network (`10.1.0.0/16`)"
    );
    if item.contains('/') {
        return item.parse::<ipnet::IpNet>().map(drop).map_err(|_| wrong);
    }
    if item.parse::<std::net::IpAddr>().is_ok() || item.parse::<std::net::SocketAddr>().is_ok() {
        return Ok(());
    }
    let (host, port) = item.split_once(':').map_or((item, None), |(host, port)| (host, Some(port)));
    let host_fine = !host.is_empty()
        && host
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.' | b'_'));
    let port_fine = port.is_none_or(|p| p.parse::<u16>().is_ok());
    if host_fine && port_fine { Ok(()) } else { Err(wrong) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_addresses_and_networks_are_told_from_the_rest() {
        for good in [
            "db.internal",
            "db.internal:8080",
            "127.0.0.1",
            "127.0.0.1:9",
            "::1",
            "[::1]:80",
            "10.0.0.0/8",
            "fd00::/8",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in ["", "*", "http://x", "a b", "10.0.0.0/40", "x:99999", "Db.internal"] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
