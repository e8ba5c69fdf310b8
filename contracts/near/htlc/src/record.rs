//! What the contract stores, under which keys, and what that costs.

use crate::parameters::LockParameters;
use near_env as env;
use near_env::borsh::{Decoder, Encoder};
use near_env::storage::{self, price, record_bytes};
use near_env::{AccountId, Bytes32};
use serde::{Deserialize, Serialize};

const HASH: usize = 32;
const KEY: usize = 1 + HASH;
const LONGEST_ACCOUNT: usize = 4 + 64;

/// Holds the secret's place at a live record's end until there is one: no decision makes a record
/// longer, so that none can fail for want of storage money.
const NO_SECRET: Bytes32 = Bytes32([0; HASH]);

const INDEX_BYTES: u64 = record_bytes(KEY, HASH);

/// A lock with the longest ids: state, flag, secret or its place, three accounts, token, amount,
/// hashlock, two times.
const LONGEST_LOCK: usize =
    1 + 1 + (1 + HASH) + 3 * LONGEST_ACCOUNT + (1 + LONGEST_ACCOUNT) + 16 + HASH + 8 + 8;

/// The yocto for every `ft_transfer` of a lock, attempts that a token keeps them from included,
/// come out of this byte's price, which is not given back when the lock holds tokens.
const ATTEMPTS: u64 = 1;

/// The yocto that a lock's storage is paid with: one price for all, the longest ids covered.
pub const STORAGE_DEPOSIT: u128 = price(record_bytes(KEY, LONGEST_LOCK) + INDEX_BYTES + ATTEMPTS);

#[derive(Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Prepared,
    Open,
    OwedToBeneficiary,
    OwedToDepositor,
    Withdrawn,
    Refunded,
}

impl State {
    fn decode(byte: u8) -> Option<Self> {
        use State::*;
        let all = [Prepared, Open, OwedToBeneficiary, OwedToDepositor, Withdrawn, Refunded];
        all.get(usize::from(byte)).copied()
    }

    pub fn name(self) -> &'static str {
        match self {
            State::Prepared => "prepared",
            State::Open => "open",
            State::OwedToBeneficiary => "owed_to_beneficiary",
            State::OwedToDepositor => "owed_to_depositor",
            State::Withdrawn => "withdrawn",
            State::Refunded => "refunded",
        }
    }
}

/// A lock that is not paid out yet. `payer` paid for its storage and gets that money back.
pub struct Lock {
    pub state: State,
    pub in_flight: bool,
    pub secret: Option<Bytes32>,
    pub parameters: LockParameters,
    pub payer: AccountId,
}

/// What stays of a lock for ever: `Withdrawn` with the secret, or `Refunded`.
pub struct Tombstone {
    pub state: State,
    pub secret: Option<Bytes32>,
}

pub enum Record {
    Live(Lock),
    Ended(Tombstone),
}

#[derive(Serialize)]
pub struct RecordView<'a> {
    id: Bytes32,
    state: State,
    in_flight: bool,
    secret: Option<Bytes32>,
    #[serde(flatten)]
    parameters: Option<&'a LockParameters>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payer: Option<&'a AccountId>,
}

fn lock_key(id: &Bytes32) -> Vec<u8> {
    [b"l", &id.0[..]].concat()
}

fn index_key(parameters: &LockParameters) -> Vec<u8> {
    [b"i", &parameters.index().0[..]].concat()
}

pub fn is_index_taken(parameters: &LockParameters) -> bool {
    storage::has(&index_key(parameters))
}

/// From now on no other lock of this depositor can have this token and hashlock.
pub fn take_index(parameters: &LockParameters, id: &Bytes32) {
    storage::write(&index_key(parameters), &id.0);
}

impl Lock {
    pub fn new(state: State, parameters: LockParameters, payer: AccountId) -> Self {
        Lock { state, in_flight: false, secret: None, parameters, payer }
    }

    pub fn save(&self, id: &Bytes32) {
        let head = Encoder::new()
            .u8(self.state as u8)
            .option(self.secret.as_ref(), Encoder::bytes32)
            .u8(self.in_flight as u8);
        let record = self.parameters.encode(head).account(&self.payer);
        let record = if self.secret.is_none() { record.bytes32(&NO_SECRET) } else { record };
        storage::write(&lock_key(id), &record.finish());
    }

    pub fn remove(id: &Bytes32) {
        storage::remove(&lock_key(id));
    }
}

impl Tombstone {
    /// Takes the lock's place; returns the storage money, in yocto, that this sets free.
    pub fn bury(&self, id: &Bytes32, lock: &Lock) -> u128 {
        let value = Encoder::new()
            .u8(self.state as u8)
            .option(self.secret.as_ref(), Encoder::bytes32)
            .finish();
        storage::write(&lock_key(id), &value);
        let attempts = if lock.parameters.token.is_some() { ATTEMPTS } else { 0 };
        let kept = record_bytes(KEY, value.len()) + INDEX_BYTES + attempts;
        STORAGE_DEPOSIT.saturating_sub(price(kept))
    }
}

impl Record {
    pub fn load(id: &Bytes32) -> Option<Self> {
        Self::decode(&mut Decoder::new(&storage::read(&lock_key(id))?))
    }

    pub fn exists(id: &Bytes32) -> bool {
        storage::has(&lock_key(id))
    }

    /// State and secret come first in both forms; what follows the last field is not read.
    fn decode(decoder: &mut Decoder) -> Option<Self> {
        let state = State::decode(decoder.u8()?)?;
        let secret = decoder.option(Decoder::bytes32)?;
        if matches!(state, State::Withdrawn | State::Refunded) {
            return Some(Record::Ended(Tombstone { state, secret }));
        }
        let in_flight = decoder.bool()?;
        let parameters = LockParameters::decode(decoder)?;
        Some(Record::Live(Lock { state, in_flight, secret, parameters, payer: decoder.account()? }))
    }

    pub fn view(&self, id: Bytes32) -> RecordView {
        match self {
            Record::Live(lock) => RecordView {
                id,
                state: lock.state,
                in_flight: lock.in_flight,
                secret: lock.secret,
                parameters: Some(&lock.parameters),
                payer: Some(&lock.payer),
            },
            Record::Ended(tombstone) => RecordView {
                id,
                state: tombstone.state,
                in_flight: false,
                secret: tombstone.secret,
                parameters: None,
                payer: None,
            },
        }
    }
}

/// The lock that is in one of `states`; any other stops the call with `error`.
pub fn require_lock(id: &Bytes32, error: &str, states: &[State]) -> Lock {
    match Record::load(id) {
        Some(Record::Live(lock)) if states.contains(&lock.state) => lock,
        Some(Record::Live(lock)) => refuse_state(id, error, lock.state),
        Some(Record::Ended(tombstone)) => refuse_state(id, error, tombstone.state),
        None => env::panic(&format!("E_NOT_FOUND: no lock {}", id)),
    }
}

fn refuse_state(id: &Bytes32, error: &str, state: State) -> ! {
    env::panic(&format!("{}: lock {} is {}", error, id, state.name()))
}

const CONFIG_KEY: &[u8] = b"m";

/// The chain that ids are bound to, as a CAIP-2 name such as `near:mainnet`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub chain_id: String,
}

/// CAIP-2: namespace of 3 to 8, reference of 1 to 32 characters.
fn is_chain_id(chain_id: &str) -> bool {
    let is_lower = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_any = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    match chain_id.split_once(':') {
        Some((namespace, reference)) => {
            (3..=8).contains(&namespace.len())
                && namespace.bytes().all(is_lower)
                && (1..=32).contains(&reference.len())
                && reference.bytes().all(is_any)
        }
        None => false,
    }
}

impl Config {
    pub fn create(config: Config) {
        env::require(!storage::has(CONFIG_KEY), || {
            "E_ALREADY_INITIALIZED: the contract is initialized once".to_string()
        });
        env::require(is_chain_id(&config.chain_id), || {
            "E_BAD_ARGUMENTS: chain_id is no CAIP-2 name such as near:mainnet".to_string()
        });
        storage::write(CONFIG_KEY, config.chain_id.as_bytes());
    }

    pub fn load() -> Config {
        match storage::read(CONFIG_KEY).map(String::from_utf8) {
            Some(Ok(chain_id)) => Config { chain_id },
            _ => env::panic("E_NOT_INITIALIZED: call new first"),
        }
    }
}
