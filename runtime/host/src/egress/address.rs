//! Which addresses are the public internet. What must hold: an IPv4 address inside an IPv6 one is judged as what it is, and
//! whatever is not known to be public is not.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why an address is not public.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotPublic {
    Unspecified,
    Loopback,
    Private,
    LinkLocal,
    Shared,
    Metadata,
    Multicast,
    Documentation,
    Reserved,
}

impl NotPublic {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => "an unspecified address",
            Self::Loopback => "a loopback address",
            Self::Private => "a private address",
            Self::LinkLocal => "a link-local address",
            Self::Shared => "a carrier's shared address",
            Self::Metadata => "a cloud metadata address",
            Self::Multicast => "a multicast address",
            Self::Documentation => "a documentation address",
            Self::Reserved => "a reserved address",
        }
    }
}

/// The address that is really meant: the IPv4 one inside IPv4-mapped, -compatible, 6to4 and NAT64 forms.
pub(crate) fn meant(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = ip else { return ip };
    let parts = v6.segments();
    let low = || {
        let [.., a, b, c, d] = v6.octets();
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match parts {
        // `::` and `::1` are addresses of their own.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => ip,
        // RFC 4291 §2.5.5.1 and §2.5.5.2, RFC 2765 §2.1, RFC 6052 §2.1, RFC 8215
        [0, 0, 0, 0, 0, 0 | 0xffff, _, _]
        | [0, 0, 0, 0, 0xffff, 0, _, _]
        | [0x64, 0xff9b, 0, 0, 0, 0, _, _]
        | [0x64, 0xff9b, 1, _, _, _, _, _] => low(),
        // RFC 3056 §2
        [0x2002, a, b, ..] => {
            let ([a, b], [c, d]) = (a.to_be_bytes(), b.to_be_bytes());
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        }
        _ => ip,
    }
}

/// Why this address is not the public internet, if it is not. Judges [`meant`] addresses.
pub(crate) fn not_public(ip: IpAddr) -> Option<NotPublic> {
    match meant(ip) {
        IpAddr::V4(v4) => v4_not_public(v4),
        IpAddr::V6(v6) => v6_not_public(v6),
    }
}

/// The IANA IPv4 Special-Purpose Address Registry, RFC 6890.
fn v4_not_public(ip: Ipv4Addr) -> Option<NotPublic> {
    Some(match ip.octets() {
        [0, ..] => NotPublic::Unspecified,
        [127, ..] => NotPublic::Loopback,
        [169, 254, 169, 254] | [100, 100, 100, 200] => NotPublic::Metadata,
        [169, 254, ..] => NotPublic::LinkLocal,
        [10, ..] | [192, 168, ..] | [172, 16..=31, ..] => NotPublic::Private,
        [100, 64..=127, ..] => NotPublic::Shared,
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => NotPublic::Documentation,
        [224..=239, ..] => NotPublic::Multicast,
        // IETF protocols, 6to4 relays, benchmarking, future use and broadcast
        [192, 0, 0, _] | [192, 88, 99, _] | [198, 18 | 19, ..] | [240..=255, ..] => NotPublic::Reserved,
        _ => return None,
    })
}

/// The IANA IPv6 Special-Purpose Address Registry; only 2000::/3 is assigned as global unicast (RFC 4291 §2.4).
fn v6_not_public(ip: Ipv6Addr) -> Option<NotPublic> {
    Some(match ip.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => NotPublic::Unspecified,
        [0, 0, 0, 0, 0, 0, 0, 1] => NotPublic::Loopback,
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254] => NotPublic::Metadata,
        [0xfc00..=0xfdff, ..] => NotPublic::Private,
        // The deprecated site-local block (RFC 3879) is treated alike.
        [0xfe80..=0xfeff, ..] => NotPublic::LinkLocal,
        [0xff00..=0xffff, ..] => NotPublic::Multicast,
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => NotPublic::Documentation,
        // Teredo, benchmarking, ORCHID and the rest of the IETF protocol block
        [0x2001, 0..=0x1ff, ..] => NotPublic::Reserved,
        [0x2000..=0x3fff, ..] => return None,
        _ => NotPublic::Reserved,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_addresses_are_public() {
        for ip in ["1.1.1.1", "8.8.8.8", "172.15.0.1", "172.32.0.1", "100.63.255.255", "100.128.0.1"] {
            assert_eq!(not_public(ip.parse().unwrap()), None, "{ip}");
        }
        for ip in
            ["2606:4700:4700::1111", "2a00:1450::1", "::ffff:1.1.1.1", "64:ff9b::8.8.8.8", "2002:808:808::1"]
        {
            assert_eq!(not_public(ip.parse().unwrap()), None, "{ip}");
        }
    }

    #[test]
    fn everything_else_is_not() {
        use NotPublic::{
            Documentation, LinkLocal, Loopback, Metadata, Multicast, Private, Reserved, Shared, Unspecified,
        };
        for (ip, why) in [
            ("0.0.0.0", Unspecified),
            ("0.1.2.3", Unspecified),
            ("127.0.0.1", Loopback),
            ("127.255.255.254", Loopback),
            ("10.0.0.1", Private),
            ("172.16.0.1", Private),
            ("172.31.255.255", Private),
            ("192.168.1.1", Private),
            ("169.254.1.1", LinkLocal),
            ("169.254.169.254", Metadata),
            ("100.100.100.200", Metadata),
            ("100.64.0.1", Shared),
            ("100.127.255.255", Shared),
            ("192.0.0.1", Reserved),
            ("192.0.2.1", Documentation),
            ("198.51.100.7", Documentation),
            ("203.0.113.7", Documentation),
            ("198.18.0.1", Reserved),
            ("224.0.0.1", Multicast),
            ("239.255.255.255", Multicast),
            ("240.0.0.1", Reserved),
            ("255.255.255.255", Reserved),
            ("::", Unspecified),
            ("::1", Loopback),
            ("::127.0.0.1", Loopback),
            ("::ffff:127.0.0.1", Loopback),
            ("::ffff:169.254.169.254", Metadata),
            ("::ffff:0:10.0.0.1", Private),
            ("64:ff9b::10.0.0.1", Private),
            ("64:ff9b:1::192.168.0.1", Private),
            ("2002:7f00:1::", Loopback),
            ("2002:a9fe:a9fe::1", Metadata),
            ("fc00::1", Private),
            ("fd12:3456::1", Private),
            ("fd00:ec2::254", Metadata),
            ("fe80::1", LinkLocal),
            ("fec0::1", LinkLocal),
            ("ff02::1", Multicast),
            ("2001:db8::1", Documentation),
            ("3fff::1", Documentation),
            ("2001::1", Reserved),
            ("100::1", Reserved),
            ("5f00::1", Reserved),
        ] {
            assert_eq!(not_public(ip.parse().unwrap()), Some(why), "{ip}");
        }
    }
}
