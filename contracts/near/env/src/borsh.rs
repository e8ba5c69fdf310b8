//! The part of Borsh (https://borsh.io) that ids, storage keys and records need.

use crate::{AccountId, Bytes32};
use std::convert::{TryFrom, TryInto};

#[derive(Default)]
pub struct Encoder(Vec<u8>);

impl Encoder {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn u8(mut self, value: u8) -> Self {
        self.0.push(value);
        self
    }

    pub fn u64(mut self, value: u64) -> Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    pub fn u128(mut self, value: u128) -> Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    pub fn bytes32(mut self, value: &Bytes32) -> Self {
        self.0.extend_from_slice(&value.0);
        self
    }

    pub fn string(mut self, value: &str) -> Self {
        self.0.extend_from_slice(&(value.len() as u32).to_le_bytes());
        self.0.extend_from_slice(value.as_bytes());
        self
    }

    pub fn account(self, value: &AccountId) -> Self {
        self.string(value.as_str())
    }

    pub fn option<T>(self, value: Option<&T>, encode: impl FnOnce(Self, &T) -> Self) -> Self {
        match value {
            None => self.u8(0),
            Some(value) => encode(self.u8(1), value),
        }
    }

    pub fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// Reads values in order; every method answers `None` when the bytes do not hold one.
pub struct Decoder<'a>(&'a [u8]);

impl<'a> Decoder<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Decoder(bytes)
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        if length > self.0.len() {
            return None;
        }
        let (head, tail) = self.0.split_at(length);
        self.0 = tail;
        Some(head)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub fn bool(&mut self) -> Option<bool> {
        match self.u8()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub fn u128(&mut self) -> Option<u128> {
        self.array().map(u128::from_le_bytes)
    }

    pub fn bytes32(&mut self) -> Option<Bytes32> {
        self.array().map(Bytes32)
    }

    pub fn string(&mut self) -> Option<String> {
        let length = self.array().map(u32::from_le_bytes)?;
        String::from_utf8(self.take(length as usize)?.to_vec()).ok()
    }

    pub fn account(&mut self) -> Option<AccountId> {
        AccountId::try_from(self.string()?).ok()
    }

    pub fn option<T>(&mut self, decode: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        if self.bool()? {
            decode(self).map(Some)
        } else {
            Some(None)
        }
    }
}
