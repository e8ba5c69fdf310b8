use serde::{Deserialize, Serialize};
use std::convert::TryFrom;
use std::fmt::Display;
use std::str::FromStr;

/// Base units of a coin or token; in JSON a decimal string, so that no parser rounds it.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Amount(pub u128);

/// An instant of chain time in nanoseconds since 1970; in JSON a decimal string.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Nanoseconds(pub u64);

/// Takes the one decimal form of a number only: no sign, no blank, no leading zero.
fn parse_decimal<T: FromStr + Display>(text: &str) -> Result<T, String> {
    match text.parse::<T>() {
        Ok(number) if number.to_string() == text => Ok(number),
        _ => Err(format!("\"{}\" is not a decimal number in range", text.escape_default())),
    }
}

impl TryFrom<String> for Amount {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        parse_decimal(&text).map(Amount)
    }
}

impl From<Amount> for String {
    fn from(amount: Amount) -> String {
        amount.0.to_string()
    }
}

impl TryFrom<String> for Nanoseconds {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        parse_decimal(&text).map(Nanoseconds)
    }
}

impl From<Nanoseconds> for String {
    fn from(instant: Nanoseconds) -> String {
        instant.0.to_string()
    }
}
