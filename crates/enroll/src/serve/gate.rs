//! How many connections there are, in all and of each address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// Counts connections. Clones count together.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    counts: Arc<Mutex<Counts>>,
    in_all: usize,
    per_address: usize,
}

#[derive(Debug, Default)]
struct Counts {
    in_all: usize,
    of: HashMap<IpAddr, usize>,
}

/// A connection that counts as long as this value lives.
#[derive(Debug)]
pub(crate) struct Entered {
    gate: Gate,
    address: IpAddr,
}

impl Gate {
    pub(crate) fn new(in_all: usize, per_address: usize) -> Self {
        Self { counts: Arc::default(), in_all, per_address }
    }

    /// Lets a connection in; `None` if there are too many. IPv6 addresses of one network count as one address.
    pub(crate) fn enter(&self, address: IpAddr) -> Option<Entered> {
        let address = network_of(address);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let of = counts.of.get(&address).copied().unwrap_or_default();
        if counts.in_all >= self.in_all || of >= self.per_address {
            return None;
        }
        counts.in_all += 1;
        counts.of.insert(address, of + 1);
        Some(Entered { gate: self.clone(), address })
    }

    /// The number of connections now.
    pub(crate) fn open(&self) -> usize {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).in_all
    }
}

/// An IPv4 address, also one in IPv6 (RFC 4291, section 2.5.5.2), or the first 64 bits of an IPv6 address: the rest of
/// them identifies an interface (RFC 4291, section 2.5.4), and one host can use all of them.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut counts = self.gate.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.in_all = counts.in_all.saturating_sub(1);
        let left = counts.of.get(&self.address).copied().unwrap_or_default().saturating_sub(1);
        // Addresses without connections are forgotten, so that the map has at most as many entries as connections.
        if left == 0 {
            counts.of.remove(&self.address);
        } else {
            counts.of.insert(self.address, left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    #[test]
    fn an_address_and_all_of_them_have_a_limit() {
        let gate = Gate::new(3, 2);
        let first = gate.enter(address(1)).unwrap();
        let _second = gate.enter(address(1)).unwrap();
        assert!(gate.enter(address(1)).is_none(), "the address has two");
        let _third = gate.enter(address(2)).unwrap();
        assert!(gate.enter(address(3)).is_none(), "there are three");
        assert_eq!(gate.open(), 3);
        drop(first);
        assert!(gate.enter(address(1)).is_some());
    }

    #[test]
    fn an_address_has_one_count_however_it_is_written() {
        let gate = Gate::new(9, 1);
        let _first = gate.enter("::ffff:10.0.0.1".parse().unwrap()).unwrap();
        assert!(gate.enter(address(1)).is_none());
    }

    #[test]
    fn the_addresses_of_one_ipv6_network_have_one_count() {
        let gate = Gate::new(9, 1);
        let enter = |address: &str| gate.enter(address.parse().unwrap());
        let _first = enter("2001:db8:1:2::1").unwrap();
        assert!(enter("2001:db8:1:2:ffff:ffff:ffff:ffff").is_none());
        let _other = enter("2001:db8:1:3::1").unwrap();
        let _loopback = enter("::1").unwrap();
        let _mapped = enter("::ffff:10.0.0.1").unwrap();
        assert!(enter("::ffff:10.0.0.2").is_some(), "IPv4 addresses count for themselves");
    }

    #[test]
    fn nothing_is_left_of_connections_that_ended() {
        let gate = Gate::new(300, 1);
        let entered: Vec<_> = (0..=255).map(|last| gate.enter(address(last)).unwrap()).collect();
        drop(entered);
        assert_eq!((gate.open(), gate.counts.lock().unwrap().of.len()), (0, 0));
    }
}
