//! The contract's key-value storage and what it costs.

use crate::{context::read_register_if, sys};

/// Source: nearcore `parameters.yaml`: `storage_amount_per_byte`, `storage_num_extra_bytes_record`.
const YOCTO_PER_BYTE: u128 = 10_000_000_000_000_000_000;
const RECORD_OVERHEAD: u64 = 40;

const EVICTED: u64 = 1;

/// The yocto that an account must hold for `bytes` of storage.
pub const fn price(bytes: u64) -> u128 {
    bytes as u128 * YOCTO_PER_BYTE
}

/// The storage bytes that one key and its value occupy.
pub const fn record_bytes(key_length: usize, value_length: usize) -> u64 {
    RECORD_OVERHEAD + key_length as u64 + value_length as u64
}

pub fn read(key: &[u8]) -> Option<Vec<u8>> {
    read_register_if(|register| unsafe {
        sys::storage_read(key.len() as u64, key.as_ptr() as u64, register) == 1
    })
}

pub fn write(key: &[u8], value: &[u8]) {
    unsafe {
        sys::storage_write(
            key.len() as u64,
            key.as_ptr() as u64,
            value.len() as u64,
            value.as_ptr() as u64,
            EVICTED,
        );
    }
}

pub fn remove(key: &[u8]) {
    unsafe {
        sys::storage_remove(key.len() as u64, key.as_ptr() as u64, EVICTED);
    }
}

pub fn has(key: &[u8]) -> bool {
    unsafe { sys::storage_has_key(key.len() as u64, key.as_ptr() as u64) == 1 }
}
