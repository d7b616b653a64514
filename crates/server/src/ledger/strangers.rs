//! Requests with tokens that are nobody's, counted by the address that they come from.
//!
//! The first of an address in a minute is recorded at once and the count of the others when the minute is over, in the
//! log of the server as a whole. Nobody waits for that: who tries tokens is answered as fast whatever the log does. Nor
//! can they fill the log: so many addresses are counted each by itself in a minute, and all others together.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use trailbook_event::limits::LEDGER_ADDRESSES_MAX;
use trailbook_event::{Outcome, json};

use crate::app::App;
use crate::asker::Asker;
use crate::own::{self, By, Deed, text};
use crate::throttle::network;

/// What an address is counted as; nothing for those that are counted together.
type Network = Option<[u8; 16]>;

/// The lines of the minute, and a bell for new ones.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    lines: Mutex<HashMap<Network, Line>>,
    arrival: Notify,
}

/// What came from one address.
#[derive(Debug, Clone)]
struct Line {
    /// The first of its requests.
    asker: Arc<Asker>,
    /// What was wrong with its token.
    reason: &'static str,
    began_ms: i64,
    is_recorded: bool,
    requests: u64,
}

impl Strangers {
    /// Counts a request.
    pub(super) fn count(&self, asker: &Arc<Asker>, reason: &'static str, now_ms: i64) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let own = Some(network(asker.address));
        let has_line = lines.contains_key(&own) || lines.len() < LEDGER_ADDRESSES_MAX;
        let line = lines.entry(if has_line { own } else { None }).or_insert_with(|| {
            self.arrival.notify_one();
            Line { asker: Arc::clone(asker), reason, began_ms: now_ms, is_recorded: false, requests: 0 }
        });
        line.requests += 1;
    }

    /// Waits until there is a line that is not recorded yet.
    pub(super) async fn arrival(&self) {
        self.arrival.notified().await;
    }

    /// Records the first of each address that is not recorded yet, and the counts of what began up to a time, in
    /// milliseconds since 1970.
    pub(super) async fn close(&self, app: &App, up_to_ms: i64) {
        let (new, over) = self.take(up_to_ms);
        for (network, line) in new {
            let deed = Deed::by(by(network, &line), ACTION, ACTION_TYPE, "A token was refused".to_owned());
            record(app, deed.ended(Outcome::Denied, line.reason)).await;
        }
        for (network, line) in over.into_iter().filter(|(_, line)| line.requests > 1) {
            let requests = line.requests.to_string();
            let meta: json::Object<'_> =
                vec![("period".into(), text("one minute")), ("requests".into(), json::Value::Number(&requests))];
            let message = format!("Tokens were refused in {requests} requests");
            let deed = Deed::by(by(network, &line), ACTION, ACTION_TYPE, message).with(meta);
            record(app, Deed { outcome: Outcome::Denied, ..deed }).await;
        }
    }

    /// The lines that are new, which are taken for recorded from now on, and those whose minute is over.
    #[expect(clippy::type_complexity, reason = "two lists of the same")]
    fn take(&self, up_to_ms: i64) -> (Vec<(Network, Line)>, Vec<(Network, Line)>) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let mut new = Vec::new();
        for (network, line) in lines.iter_mut().filter(|(_, line)| !line.is_recorded) {
            line.is_recorded = true;
            new.push((*network, line.clone()));
        }
        let over = lines.extract_if(|_, line| line.began_ms <= up_to_ms).collect();
        (new, over)
    }
}

const ACTION: &str = "token.refused";
const ACTION_TYPE: &str = "deny";

/// Who it was: of many addresses, no one in particular.
fn by(network: Network, line: &Line) -> By<'_> {
    match network {
        Some(_) => By::Stranger { asker: &line.asker, email: None },
        None => By::Server,
    }
}

async fn record(app: &App, deed: Deed<'_>) {
    if let Err(error) = own::record(app, deed).await {
        tracing::error!(%error, action = ACTION, "refused tokens could not be recorded");
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, SocketAddr};

    use axum::body::Body;
    use axum::extract::Request;

    use super::*;
    use crate::asker::Peer;
    use crate::client_address::TrustedProxies;

    fn asker(address: IpAddr) -> Arc<Asker> {
        let mut request = Request::new(Body::empty());
        request.extensions_mut().insert(Peer(SocketAddr::new(address, 1)));
        Arc::new(Asker::new(&request, &TrustedProxies::default(), false))
    }

    fn nth(n: usize) -> IpAddr {
        Ipv4Addr::from_bits(u32::try_from(n).unwrap()).into()
    }

    #[test]
    fn so_many_addresses_are_counted_by_themselves_and_all_others_together() {
        let strangers = Strangers::default();
        (0..LEDGER_ADDRESSES_MAX).for_each(|n| strangers.count(&asker(nth(n)), "unknown", 5));
        assert!(strangers.lines.lock().unwrap().keys().all(Option::is_some));
        let others = LEDGER_ADDRESSES_MAX..LEDGER_ADDRESSES_MAX + 3;
        others.for_each(|n| strangers.count(&asker(nth(n)), "unknown", 6));
        strangers.count(&asker(nth(0)), "unknown", 7);
        assert_eq!(strangers.lines.lock().unwrap().len(), LEDGER_ADDRESSES_MAX + 1);
        let requests = |line: Option<&Line>| line.map(|line| line.requests);
        assert_eq!(requests(strangers.lines.lock().unwrap().get(&None)), Some(3));
        assert_eq!(requests(strangers.lines.lock().unwrap().get(&Some(network(nth(0))))), Some(2));

        let (new, over) = strangers.take(5);
        assert_eq!((new.len(), over.len()), (LEDGER_ADDRESSES_MAX + 1, LEDGER_ADDRESSES_MAX));
        let (new, over) = strangers.take(6);
        assert_eq!((new.len(), over.len()), (0, 1), "each is new once");
        assert!(strangers.lines.lock().unwrap().is_empty());
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let strangers = Strangers::default();
        for address in ["2001:db8::1", "2001:db8::2:3", "2001:db8:0:1::1"] {
            strangers.count(&asker(address.parse().unwrap()), "unknown", 5);
        }
        assert_eq!(strangers.lines.lock().unwrap().len(), 2);
    }
}
