//! Numbers in few bytes: varints, zigzag, and runs of numbers of one width in bits.
//!
//! ```text
//! VARINT := 7 bits a byte, the lowest first; the high bit says that another byte follows   (LEB128, at most 10 bytes)
//! PACKED := value i in the bits i × width .. (i + 1) × width; bit n is bit n % 8 of byte n / 8; the last byte is
//!           filled up with zeros
//! ```
//!
//! Eight values of one width take whole bytes, so a reader may begin at any multiple of eight.

use std::fmt;

/// The widest a value can be, in bits.
pub(crate) const WIDTH_MAX: u8 = 64;

/// Bytes ended before the value that they should hold, or hold more than its type can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Short;

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it ends too early")
    }
}

impl std::error::Error for Short {}

impl From<Short> for String {
    fn from(short: Short) -> Self {
        short.to_string()
    }
}

/// Appends a varint of 1 to 10 bytes.
pub(crate) fn put_varint(out: &mut Vec<u8>, value: u64) {
    let mut rest = value;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// How many bytes a value takes as a varint.
pub(crate) fn varint_bytes(value: u64) -> usize {
    usize::from(width_of(value | 1)).div_ceil(7)
}

/// Maps numbers near zero, of either sign, to small ones: 0, -1, 1, -2 become 0, 1, 2, 3.
pub(crate) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// The inverse of [`zigzag`].
pub(crate) fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// Takes values from the front of bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// A reader at the first byte.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next `count` bytes.
    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], Short> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Short)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Short> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Short)?;
        self.0 = rest;
        Ok(*taken)
    }

    /// The next byte.
    pub(crate) fn u8(&mut self) -> Result<u8, Short> {
        self.array().map(u8::from_le_bytes)
    }

    /// The next four bytes as a number.
    pub(crate) fn u32(&mut self) -> Result<u32, Short> {
        self.array().map(u32::from_le_bytes)
    }

    /// The next eight bytes as a number.
    pub(crate) fn u64(&mut self) -> Result<u64, Short> {
        self.array().map(u64::from_le_bytes)
    }

    /// The next varint. One that does not fit in 64 bits is an error too.
    pub(crate) fn varint(&mut self) -> Result<u64, Short> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let part = u64::from(byte & 0x7f);
            if shift == 63 && part > 1 {
                return Err(Short);
            }
            value |= part << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Short)
    }

    /// The next varint, which has to fit in 32 bits.
    pub(crate) fn varint_u32(&mut self) -> Result<u32, Short> {
        u32::try_from(self.varint()?).map_err(|_| Short)
    }

    /// Whether all was taken.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What was not taken yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.0
    }
}

/// The width in bits that holds every number up to `max`: 0 for 0, 64 for the largest.
pub(crate) fn width_of(max: u64) -> u8 {
    (u64::BITS - max.leading_zeros()) as u8
}

/// How many bytes `count` values of `width` bits take.
pub(crate) fn packed_bytes(count: usize, width: u8) -> usize {
    count.saturating_mul(usize::from(width)).div_ceil(8)
}

fn mask(width: u8) -> u64 {
    u64::MAX.checked_shr(u32::from(WIDTH_MAX.saturating_sub(width))).unwrap_or_default()
}

/// Appends values with `width` bits of each; what a value has above them is lost.
pub(crate) fn pack(values: &[u64], width: u8, out: &mut Vec<u8>) {
    debug_assert!(width <= WIDTH_MAX);
    let mask = mask(width);
    let mut pending = 0u128;
    let mut pending_bits = 0u32;
    out.reserve(packed_bytes(values.len(), width));
    for &value in values {
        debug_assert!(value <= mask, "{value} is wider than {width} bits");
        pending |= u128::from(value & mask) << pending_bits;
        pending_bits += u32::from(width);
        if pending_bits >= u64::BITS {
            out.extend_from_slice(&(pending as u64).to_le_bytes());
            pending >>= u64::BITS;
            pending_bits -= u64::BITS;
        }
    }
    let last = pending.to_le_bytes();
    out.extend_from_slice(last.get(..pending_bits.div_ceil(8) as usize).unwrap_or_default());
}

/// Fills `out` with its length of values.
pub(crate) fn unpack(bytes: &[u8], width: u8, out: &mut [u64]) -> Result<(), Short> {
    if width > WIDTH_MAX {
        return Err(Short);
    }
    let bytes = bytes.get(..packed_bytes(out.len(), width)).ok_or(Short)?;
    if width == 0 {
        out.fill(0);
        return Ok(());
    }
    let whole = unpack_eights(bytes, width, out, |value| value);
    let (start, rest) = (whole * 8, out.get_mut(whole * 8..).unwrap_or_default());
    rest.iter_mut().enumerate().try_for_each(|(i, slot)| {
        *slot = unpack_at(bytes, width, start + i)?;
        Ok(())
    })
}

/// Appends `count` values. The caller limits `count`: values of no width take no bytes.
pub(crate) fn unpack_into(bytes: &[u8], width: u8, count: usize, out: &mut Vec<u64>) -> Result<(), Short> {
    if width > WIDTH_MAX || packed_bytes(count, width) > bytes.len() {
        return Err(Short);
    }
    let start = out.len();
    out.resize(start + count, 0);
    unpack(bytes, width, out.get_mut(start..).unwrap_or_default())
}

/// The value of one place.
pub(crate) fn unpack_at(bytes: &[u8], width: u8, index: usize) -> Result<u64, Short> {
    if width > WIDTH_MAX {
        return Err(Short);
    }
    let bit = index.checked_mul(usize::from(width)).ok_or(Short)?;
    let end = (bit + usize::from(width)).div_ceil(8);
    let touched = bytes.get(bit / 8..end).ok_or(Short)?;
    let value = u128::from_le_bytes(padded(touched)) >> (bit % 8);
    Ok(value as u64 & mask(width))
}

/// At most 16 bytes with zeros behind them.
fn padded(bytes: &[u8]) -> [u8; 16] {
    let mut padded = [0; 16];
    for (slot, &byte) in padded.iter_mut().zip(bytes) {
        *slot = byte;
    }
    padded
}

/// Unpacks the 128 values of a block, of 0 to 32 bits each.
pub(crate) fn unpack_128_u32(bytes: &[u8], width: u8, out: &mut [u32; 128]) -> Result<(), Short> {
    let bytes = bytes.get(..packed_bytes(128, width)).filter(|_| width <= 32).ok_or(Short)?;
    if width == 0 {
        out.fill(0);
        return Ok(());
    }
    let whole = unpack_eights(bytes, width, out, |value| value as u32);
    for (i, slot) in out.iter_mut().enumerate().skip(whole * 8) {
        *slot = unpack_at(bytes, width, i)? as u32;
    }
    Ok(())
}

/// Bytes from which eight values are cut: eight values of 56 bits, and what is read beyond them.
const WINDOW_BYTES: usize = 64;

/// Unpacks values, eight at once, which take whole bytes, and says how many times. What it leaves, fewer than eight
/// values unless they are wider than 56 bits, is for [`unpack_at`]. One function a width lets the compiler know every
/// place and every shift.
fn unpack_eights<T>(bytes: &[u8], width: u8, out: &mut [T], cast: impl Fn(u64) -> T + Copy) -> usize {
    macro_rules! by_width {
        ($($width:literal)*) => {
            match width {
                $($width => unpack_eights_of::<$width, T>(bytes, out, cast),)*
                _ => 0,
            }
        };
    }
    by_width!(
         1  2  3  4  5  6  7  8  9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28
        29 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56
    )
}

fn unpack_eights_of<const WIDTH: usize, T>(bytes: &[u8], out: &mut [T], cast: impl Fn(u64) -> T) -> usize {
    let (eights, _) = out.as_chunks_mut::<8>();
    let count = eights.len();
    // The last windows reach beyond the bytes: they are cut from a copy with zeros behind it.
    let inside = if bytes.len() < WINDOW_BYTES { 0 } else { (bytes.len() - WINDOW_BYTES) / WIDTH + 1 };
    let (front, back) = eights.split_at_mut(inside.min(count));
    let mut rest = bytes;
    for eight in front {
        let Some(window) = rest.first_chunk() else { break };
        unpack_window::<WIDTH, T>(window, eight, &cast);
        rest = rest.get(WIDTH..).unwrap_or_default();
    }
    let mut tail = [0; 2 * WINDOW_BYTES];
    tail.iter_mut().zip(rest).for_each(|(slot, &byte)| *slot = byte);
    let mut rest = tail.as_slice();
    for eight in back {
        let Some(window) = rest.first_chunk() else { break };
        unpack_window::<WIDTH, T>(window, eight, &cast);
        rest = rest.get(WIDTH..).unwrap_or_default();
    }
    count
}

#[inline(always)]
fn unpack_window<const WIDTH: usize, T>(window: &[u8; WINDOW_BYTES], out: &mut [T; 8], cast: impl Fn(u64) -> T) {
    for (i, slot) in out.iter_mut().enumerate() {
        let bit = i * WIDTH;
        let word = window.get(bit / 8..).and_then(|rest| rest.first_chunk());
        let word = word.map_or(0, |word| u64::from_le_bytes(*word));
        *slot = cast((word >> (bit % 8)) & (u64::MAX >> (64 - WIDTH)));
    }
}

#[cfg(test)]
mod tests;
