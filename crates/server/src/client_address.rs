//! The address that a request really comes from, where proxies stand in front of the server.
//!
//! `Forwarded` (RFC 7239), `X-Forwarded-For` and `X-Forwarded-Proto` are believed only as far as trusted proxies wrote
//! them: a request of any other peer is the peer's. Each proxy adds at the end who it was asked by, so the headers are
//! read from their end, trusted proxies are passed over, and the first address that is not one of them is the caller.
//! What stands before it was written by the caller, and is not looked at. Where an element is malformed, empty,
//! `unknown` or a name of the proxy's own making (`_hidden`), the proxy that wrote it is the caller: an address is
//! never guessed.
//!
//! A proxy commonly writes one of the two headers and hands on what its client put into the other. So if both are there
//! and do not say the same, neither is believed, and the peer is the caller; an operator who says which header the
//! proxies write ([`Believed`]) has the other ignored. `https` is told by the element of the caller, and by the place
//! in `X-Forwarded-Proto` that fits it.
//!
//! Any bytes give an answer. At most [`FORWARDED_HOPS_MAX`] elements are read.

mod element;

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName, header};
use ipnet::{IpNet, Ipv4Net};
use trailbook_event::limits::{FORWARDED_HOPS_MAX, RULES_MAX};

use element::{Element, Node};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The networks of proxies that are believed. Without any, every peer is the caller.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct TrustedProxies {
    networks: Vec<IpNet>,
    believed: Believed,
}

/// Which header the trusted proxies write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Believed {
    /// Whichever is there; if both are, they must say the same.
    #[default]
    Either,
    /// `Forwarded` alone.
    Forwarded,
    /// `X-Forwarded-For` and `X-Forwarded-Proto` alone.
    XForwarded,
}

/// Where a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The address; an IPv4 address is never in the form of IPv6.
    pub(crate) address: IpAddr,
    /// Whether the caller's own connection is encrypted, as far as that is known.
    pub(crate) is_https: bool,
}

/// What one header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Said {
    address: IpAddr,
    is_https: Option<bool>,
}

impl TrustedProxies {
    /// Reads addresses and networks: `10.0.0.0/8`, `::1`. The error names the entry.
    pub(crate) fn parse(entries: &[impl AsRef<str>], believed: Believed) -> Result<Self, String> {
        if entries.len() > RULES_MAX {
            return Err(format!("{} trusted proxies are more than {RULES_MAX}", entries.len()));
        }
        let networks = entries.iter().map(|entry| network(entry.as_ref())).collect::<Result<_, _>>()?;
        Ok(Self { networks, believed })
    }

    /// Where a request comes from, by the connection that it came over and by what trusted proxies say.
    pub(crate) fn origin(&self, peer: Origin, headers: &HeaderMap) -> Origin {
        let peer = Origin { address: peer.address.to_canonical(), ..peer };
        if !self.trusts(peer.address) {
            return peer;
        }
        let forwarded = || self.forwarded(peer.address, headers);
        let x_forwarded = || self.x_forwarded(peer.address, headers);
        let said = match self.believed {
            Believed::Forwarded => forwarded(),
            Believed::XForwarded => x_forwarded(),
            Believed::Either => both(peer.address, forwarded(), x_forwarded()),
        };
        said.map_or(peer, |said| Origin { address: said.address, is_https: said.is_https.unwrap_or(peer.is_https) })
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// What `Forwarded` says, if it is there.
    fn forwarded(&self, peer: IpAddr, headers: &HeaderMap) -> Option<Said> {
        let mut is_there = false;
        let elements = elements(headers, header::FORWARDED).map(|text| {
            is_there = true;
            Element::parse(text)
        });
        let mut said = Said { address: peer, is_https: None };
        for element in elements {
            let Some(element) = element else { break };
            said.is_https = element.is_https;
            let Node::Address(address) = element.node else { break };
            said.address = address;
            if !self.trusts(address) {
                break;
            }
        }
        is_there.then_some(said)
    }

    /// What `X-Forwarded-For` and `X-Forwarded-Proto` say, if one of them is there.
    fn x_forwarded(&self, peer: IpAddr, headers: &HeaderMap) -> Option<Said> {
        let mut address = peer;
        let mut depth = 0_usize;
        for text in elements(headers, X_FORWARDED_FOR) {
            let Node::Address(next) = Node::parse(text) else { break };
            address = next;
            if !self.trusts(next) {
                break;
            }
            depth = depth.saturating_add(1);
        }
        let protocols = elements(headers, X_FORWARDED_PROTO).take(depth.saturating_add(1));
        let is_https = protocols.last().and_then(element::is_https);
        let is_there = headers.contains_key(&X_FORWARDED_FOR) || headers.contains_key(&X_FORWARDED_PROTO);
        is_there.then_some(Said { address, is_https })
    }
}

/// The elements of a header that is a list, the last one first, of all its lines.
fn elements(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &[u8]> {
    let lines = headers.get_all(name).iter().rev();
    lines.flat_map(|line| element::split_from_end(line.as_bytes(), b',')).take(FORWARDED_HOPS_MAX)
}

/// What is believed of two headers.
fn both(peer: IpAddr, forwarded: Option<Said>, x_forwarded: Option<Said>) -> Option<Said> {
    let (Some(one), Some(other)) = (forwarded, x_forwarded) else { return forwarded.or(x_forwarded) };
    let is_https = match (one.is_https, other.is_https) {
        (Some(a), Some(b)) => Some(a && b),
        (a, b) => a.or(b),
    };
    let address = if one.address == other.address { one.address } else { peer };
    Some(Said { address, is_https })
}

fn network(entry: &str) -> Result<IpNet, String> {
    let text = entry.trim();
    let network: IpNet = match text.parse::<IpAddr>() {
        Ok(address) => address.into(),
        Err(_) => text
            .parse()
            .map_err(|_| format!("the trusted proxy {entry:?} must be an address or a network such as 10.0.0.0/8"))?,
    };
    // Peers are compared as IPv4, so a network of them is one of IPv4 too.
    let network = match network {
        IpNet::V6(v6) if v6.prefix_len() >= 96 => match v6.addr().to_ipv4_mapped() {
            Some(v4) => Ipv4Net::new(v4, v6.prefix_len().saturating_sub(96)).map_or(network, IpNet::V4),
            None => network,
        },
        _ => network,
    };
    if network.prefix_len() == 0 {
        return Err(format!("the trusted proxy {entry:?} is everybody: each caller could say who it is"));
    }
    Ok(network.trunc())
}

#[cfg(test)]
mod tests;
