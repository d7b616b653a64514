//! Cursors: the place of an event in an order, as an opaque text.
//!
//! A cursor names the last event that was given, so it stays right while new events arrive.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::{Error, Order};

/// A place in an order: after the event with this time and sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    pub(crate) order: Order,
    pub(crate) occurred_ns: i64,
    pub(crate) sequence: u64,
}

const VERSION: u8 = 1;

impl Cursor {
    /// The text that a client sends back.
    pub fn encode(&self) -> String {
        let order = match self.order {
            Order::Newest => b'n',
            Order::Oldest => b'o',
            Order::Sequence => b's',
        };
        let mut bytes = vec![VERSION, order];
        bytes.extend_from_slice(&self.occurred_ns.to_be_bytes());
        bytes.extend_from_slice(&self.sequence.to_be_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a cursor that was made for the same order.
    pub fn decode(text: &str, order: Order) -> Result<Self, Error> {
        let malformed = || Error::parameter("cursor", "is not a cursor that this server gave");
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| malformed())?;
        let (head, rest) = bytes.split_first_chunk::<2>().ok_or_else(malformed)?;
        let (occurred, rest) = rest.split_first_chunk::<8>().ok_or_else(malformed)?;
        let sequence = <[u8; 8]>::try_from(rest).map_err(|_| malformed())?;
        let made_for = match head {
            [VERSION, b'n'] => Order::Newest,
            [VERSION, b'o'] => Order::Oldest,
            [VERSION, b's'] => Order::Sequence,
            _ => return Err(malformed()),
        };
        if made_for != order {
            return Err(Error::parameter("cursor", "was given for another order"));
        }
        let sequence = u64::from_be_bytes(sequence);
        Ok(Self { order, occurred_ns: i64::from_be_bytes(*occurred), sequence })
    }
}

#[cfg(test)]
mod tests {
    use super::{Cursor, Order};

    #[test]
    fn a_cursor_comes_back_in_its_own_order_only() {
        let cursor = Cursor { order: Order::Newest, occurred_ns: -5, sequence: u64::MAX };
        assert_eq!(Cursor::decode(&cursor.encode(), Order::Newest), Ok(cursor));
        assert!(Cursor::decode(&cursor.encode(), Order::Oldest).is_err());
    }

    #[test]
    fn other_texts_are_no_cursors() {
        let good = Cursor { order: Order::Sequence, occurred_ns: 1, sequence: 2 }.encode();
        for text in ["", "!", "AA", &good[..good.len() - 2], &format!("{good}AA")] {
            assert!(Cursor::decode(text, Order::Sequence).is_err(), "{text}");
        }
    }
}
