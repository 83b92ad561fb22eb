//! The address of a client, as far as attempts are counted by it.

use std::net::IpAddr;

use crate::config::AddressBlock;

/// Where a request comes from. Not stored: buckets are named by a hash of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientAddress(String);

impl ClientAddress {
    /// `source` is the address from which the gateway got the request, `forwarded_for` the header `X-Forwarded-For`. The header
    /// counts only as far as trusted proxies have written it: anybody can send one.
    pub(crate) fn new(source: &str, forwarded_for: Option<&str>, trusted: &[AddressBlock]) -> Self {
        let is_trusted = |address: &IpAddr| trusted.iter().any(|block| block.contains(*address));
        let Ok(source) = source.parse::<IpAddr>() else { return Self(source.to_owned()) };
        let hops = forwarded_for.unwrap_or_default().rsplit(',').map_while(|hop| hop.trim().parse().ok());
        let mut client = source.to_canonical();
        for hop in hops {
            if !is_trusted(&client) {
                break;
            }
            client = IpAddr::to_canonical(&hop);
        }
        Self::of(client)
    }

    /// A client has a whole network of 2⁶⁴ addresses with IPv6, so these count as one.
    fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self(address.to_string()),
            IpAddr::V6(address) => Self(format!("{:x}/64", address.to_bits() >> 64)),
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn client(source: &str, forwarded_for: &str, trusted: &str) -> String {
        let settings = [
            ("DATABASE_URL", "postgres://localhost/todo"),
            ("BETTER_AUTH_SECRET", "0123456789abcdef0123456789abcdef"),
            ("TRUSTED_PROXIES", trusted),
        ];
        let lookup = |wanted: &str| Some(settings.iter().find(|(name, _)| *name == wanted)?.1.to_owned());
        let trusted = Config::from_lookup(lookup).expect("good settings").api.trusted_proxies;
        ClientAddress::new(source, Some(forwarded_for), trusted).0
    }

    #[test]
    fn only_trusted_proxies_name_the_client() {
        for (source, forwarded_for, trusted, expected) in [
            ("203.0.113.9", "", "", "203.0.113.9"),
            ("203.0.113.9", "198.51.100.1", "", "203.0.113.9"),
            ("10.0.0.1", "198.51.100.1", "10.0.0.0/8", "198.51.100.1"),
            ("10.0.0.1", "6.6.6.6, 198.51.100.1", "10.0.0.0/8", "198.51.100.1"),
            ("10.0.0.1", "198.51.100.1, 10.0.0.2", "10.0.0.0/8", "198.51.100.1"),
            ("10.0.0.1", "198.51.100.1, 10.0.0.1", "10.0.0.0/8", "198.51.100.1"),
            ("10.0.0.1", "", "10.0.0.0/8", "10.0.0.1"),
            ("10.0.0.1", "unknown", "10.0.0.0/8", "10.0.0.1"),
            ("10.0.0.1", "198.51.100.1, unknown", "10.0.0.0/8", "10.0.0.1"),
            ("::ffff:203.0.113.9", "", "", "203.0.113.9"),
            ("", "198.51.100.1", "10.0.0.0/8", ""),
        ] {
            assert_eq!(client(source, forwarded_for, trusted), expected, "{source} {forwarded_for}");
        }
    }

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        let address = |source: &str| client(source, "", "");
        assert_eq!(address("2001:db8:1:2::1"), address("2001:db8:1:2:ffff::2"));
        assert_ne!(address("2001:db8:1:2::1"), address("2001:db8:1:3::1"));
    }
}
