use serde::{Deserialize, Serialize};
use std::convert::TryFrom;
use std::fmt;

/// A valid NEAR account id: 2 to 64 of a-z, 0-9 and single `.`, `-`, `_` between them.
/// Source: NEAR protocol specification, "Account ID Rules".
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct AccountId(String);

impl AccountId {
    /// An id that the host names is valid: the runtime checked it.
    pub(crate) fn from_host(bytes: Vec<u8>) -> Self {
        AccountId(String::from_utf8_lossy(&bytes).into_owned())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_valid(id: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let mut after_separator = true;
    for byte in id.bytes() {
        let is_separator = matches!(byte, b'.' | b'-' | b'_');
        if !is_letter(byte) && (!is_separator || after_separator) {
            return false;
        }
        after_separator = is_separator;
    }
    (2..=64).contains(&id.len()) && !after_separator
}

impl TryFrom<String> for AccountId {
    type Error = String;

    fn try_from(id: String) -> Result<Self, String> {
        if is_valid(&id) {
            Ok(AccountId(id))
        } else {
            Err(format!("\"{}\" is not a NEAR account id", id.escape_default()))
        }
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
