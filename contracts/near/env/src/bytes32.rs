use crate::{context::read_register, sys};
use serde::{Deserialize, Serialize};
use std::convert::TryFrom;
use std::fmt;

/// 32 bytes: a hash, or what was hashed. In JSON 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Bytes32(pub [u8; 32]);

pub fn sha256(bytes: &[u8]) -> Bytes32 {
    let digest = read_register(|register| unsafe {
        sys::sha256(bytes.len() as u64, bytes.as_ptr() as u64, register)
    });
    let mut hash = [0; 32];
    hash.copy_from_slice(&digest);
    Bytes32(hash)
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

fn parse_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 2 * bytes.len() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

impl TryFrom<String> for Bytes32 {
    type Error = &'static str;

    /// The error does not repeat the text, which may be a secret.
    fn try_from(text: String) -> Result<Self, Self::Error> {
        parse_hex(&text).map(Bytes32).ok_or("expected 32 bytes as 64 lower-case hexadecimal digits")
    }
}

impl From<Bytes32> for String {
    fn from(bytes: Bytes32) -> String {
        bytes.to_string()
    }
}

impl fmt::Display for Bytes32 {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{:02x}", byte))
    }
}
