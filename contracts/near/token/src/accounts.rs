//! The token's state: metadata under `m`, supply under `s`, the balance of each registered account
//! under `b` and its id.

use near_env as env;
use near_env::storage::{self, price, record_bytes};
use near_env::AccountId;
use serde::{Deserialize, Serialize};
use std::convert::TryInto;

const METADATA_KEY: &[u8] = b"m";
const SUPPLY_KEY: &[u8] = b"s";
const BALANCE_PREFIX: &[u8] = b"b";
const BALANCE_LENGTH: usize = 16;

/// The yocto for the balance of an account with the longest id.
pub const REGISTRATION: u128 = price(record_bytes(BALANCE_PREFIX.len() + 64, BALANCE_LENGTH));

/// NEP-148.
#[derive(Serialize, Deserialize)]
pub struct Metadata {
    spec: String,
    name: String,
    symbol: String,
    icon: Option<String>,
    reference: Option<String>,
    reference_hash: Option<String>,
    decimals: u8,
}

impl Metadata {
    pub fn new(name: String, symbol: String, decimals: u8) -> Self {
        let spec = "ft-1.0.0".to_string();
        Metadata { spec, name, symbol, icon: None, reference: None, reference_hash: None, decimals }
    }

    pub fn exists() -> bool {
        storage::has(METADATA_KEY)
    }

    pub fn save(&self) {
        match serde_json::to_vec(self) {
            Ok(json) => storage::write(METADATA_KEY, &json),
            Err(error) => env::panic(&format!("E_BAD_ARGUMENTS: {}", error)),
        }
    }

    pub fn load() -> Self {
        match storage::read(METADATA_KEY).map(|json| serde_json::from_slice(&json)) {
            Some(Ok(metadata)) => metadata,
            _ => env::panic("E_NOT_INITIALIZED: call new first"),
        }
    }
}

fn read_u128(key: &[u8]) -> Option<u128> {
    storage::read(key)?.try_into().ok().map(u128::from_le_bytes)
}

fn balance_key(account: &AccountId) -> Vec<u8> {
    [BALANCE_PREFIX, account.as_str().as_bytes()].concat()
}

pub fn total_supply() -> u128 {
    match read_u128(SUPPLY_KEY) {
        Some(supply) => supply,
        None => env::panic("E_NOT_INITIALIZED: call new first"),
    }
}

pub fn set_total_supply(supply: u128) {
    storage::write(SUPPLY_KEY, &supply.to_le_bytes());
}

/// The balance of an account, or `None` when it is not registered.
pub fn balance(account: &AccountId) -> Option<u128> {
    read_u128(&balance_key(account))
}

pub fn set_balance(account: &AccountId, balance: u128) {
    storage::write(&balance_key(account), &balance.to_le_bytes());
}

pub fn unregister(account: &AccountId) {
    storage::remove(&balance_key(account));
}

/// Moves tokens between two registered accounts, or stops the call.
pub fn move_tokens(sender: &AccountId, receiver: &AccountId, amount: u128) {
    env::require(sender != receiver, || format!("E_SAME_ACCOUNT: {} to itself", sender));
    env::require(amount > 0, || "E_BAD_ARGUMENTS: amount is 0".to_string());
    let held = registered_balance(sender);
    env::require(held >= amount, || {
        format!("E_BALANCE: {} holds {}, not {}", sender, held, amount)
    });
    let received = registered_balance(receiver);
    set_balance(sender, held - amount);
    set_balance(receiver, received + amount);
}

fn registered_balance(account: &AccountId) -> u128 {
    match balance(account) {
        Some(balance) => balance,
        None => env::panic(&format!("E_NOT_REGISTERED: {} has no storage deposit", account)),
    }
}
