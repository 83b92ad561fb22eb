//! Whose word about the address of a client is taken: `TRUSTED_PROXIES`.

use std::net::IpAddr;

use super::error::StartError;
use super::lookup::{Lookup, comma_list};

/// A block of addresses, such as `10.0.0.0/8` or `2001:db8::1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressBlock {
    address: IpAddr,
    prefix: u32,
}

impl AddressBlock {
    /// Reads `TRUSTED_PROXIES`, a comma list of blocks. The list lives as long as the process.
    pub(super) fn list_from_lookup(lookup: Lookup<'_>) -> Result<&'static [Self], StartError> {
        let name = "TRUSTED_PROXIES";
        let blocks: Option<Vec<Self>> = comma_list(lookup, name).iter().map(|text| Self::parse(text)).collect();
        let problem = "must be a comma list of addresses and blocks such as 10.0.0.0/8";
        Ok(blocks.ok_or_else(|| StartError::invalid(name, problem))?.leak())
    }

    fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.parse().ok()?;
        let length = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Some(length), |prefix| prefix.parse().ok().filter(|prefix| *prefix <= length))?;
        Some(Self { address, prefix })
    }

    /// Whether the address is one of the block.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                (own.to_bits() ^ other.to_bits()).checked_shr(32 - self.prefix).unwrap_or(0) == 0
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                (own.to_bits() ^ other.to_bits()).checked_shr(128 - self.prefix).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_contains_the_addresses_of_its_prefix() {
        let contains = |block: &str, address: &str| {
            AddressBlock::parse(block).expect("a block").contains(address.parse().expect("an address"))
        };
        for (block, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.6"),
            ("2001:db8::/32", "2001:db8:1::1", "2001:db9::1"),
            ("2001:db8::1", "2001:db8::1", "2001:db8::2"),
        ] {
            assert!(contains(block, inside) && !contains(block, outside), "{block}");
        }
        assert!(contains("0.0.0.0/0", "203.0.113.9") && !contains("0.0.0.0/0", "2001:db8::1"));
        assert!(contains("::/0", "2001:db8::1"));
    }

    #[test]
    fn only_addresses_and_blocks_are_accepted() {
        for text in ["10.0.0.0/33", "::/129", "10.0.0/8", "proxy.example.com", "10.0.0.0/", "/8", "10.0.0.0/-1"] {
            assert_eq!(AddressBlock::parse(text), None, "{text}");
        }
    }
}
