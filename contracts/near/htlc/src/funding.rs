//! How a lock comes to hold money, or is given up before it did.

use crate::events;
use crate::parameters::LockParameters;
use crate::record::{self, Config, Lock, Record, State, STORAGE_DEPOSIT};
use near_env as env;
use near_env::{AccountId, Amount, Bytes32, Promise};
use serde::Deserialize;
use std::convert::TryFrom;

/// NEAR: made and funded in one call by its depositor, who pays for its storage.
pub fn lock(config: &Config, parameters: LockParameters) {
    let caller = env::predecessor();
    env::require(parameters.token.is_none(), || {
        "E_BAD_ARGUMENTS: a token's lock is prepared, then funded by ft_transfer_call".to_string()
    });
    env::require(caller == parameters.depositor, || {
        format!("E_CALLER: called by {}, the depositor is {}", caller, parameters.depositor)
    });
    let id = admit(config, &parameters);
    require_deposit(parameters.amount.0.checked_add(STORAGE_DEPOSIT));
    record::take_index(&parameters, &id);
    events::lock_created(&id, &parameters, &caller);
    Lock::new(State::Open, parameters, caller).save(&id);
    env::return_json(&id);
}

/// A token's lock: binds all parameters, storage paid for by anybody; `ft_on_transfer` funds it.
pub fn prepare(config: &Config, parameters: LockParameters) {
    env::require(parameters.token.is_some(), || {
        "E_BAD_ARGUMENTS: token is null, NEAR is locked by lock".to_string()
    });
    let id = admit(config, &parameters);
    require_deposit(Some(STORAGE_DEPOSIT));
    let payer = env::predecessor();
    events::lock_prepared(&id, &parameters, &payer);
    Lock::new(State::Prepared, parameters, payer).save(&id);
    env::return_json(&id);
}

/// The id of a lock that may still come to be.
fn admit(config: &Config, parameters: &LockParameters) -> Bytes32 {
    let contract = env::current_account();
    parameters.validate(&contract);
    let id = parameters.id(&config.chain_id, &contract);
    env::require(!Record::exists(&id), || format!("E_EXISTS: lock {} is there already", id));
    env::require(!record::is_index_taken(parameters), || {
        format!(
            "E_TAKEN: {} has used this token with hashlock {}",
            parameters.depositor, parameters.hashlock
        )
    });
    let now = env::block_timestamp();
    env::require(now <= parameters.lock_by.0, || {
        format!("E_TOO_LATE: now {}, lock_by {}", now, parameters.lock_by.0)
    });
    id
}

fn require_deposit(needed: Option<u128>) {
    let given = env::attached_deposit();
    env::require(needed == Some(given), || match needed {
        Some(needed) => format!("E_DEPOSIT: attached {} yocto, attach {}", given, needed),
        None => "E_DEPOSIT: amount and storage deposit together are out of range".to_string(),
    });
}

/// NEP-141. Not strict about fields of its own: they are the token's to choose.
#[derive(Deserialize)]
pub struct FtOnTransfer {
    sender_id: String,
    amount: String,
    msg: String,
}

/// Returns the amount that the token has to give back: nothing, or all of it.
pub fn ft_on_transfer(transfer: FtOnTransfer) -> String {
    match fundable(&transfer) {
        Some((id, mut lock)) => {
            lock.state = State::Open;
            lock.save(&id);
            record::take_index(&lock.parameters, &id);
            events::lock_created(&id, &lock.parameters, &lock.payer);
            "0".to_string()
        }
        None => transfer.amount,
    }
}

/// The prepared lock that this very transfer funds.
fn fundable(transfer: &FtOnTransfer) -> Option<(Bytes32, Lock)> {
    let id = Bytes32::try_from(transfer.msg.clone()).ok()?;
    let amount = Amount::try_from(transfer.amount.clone()).ok()?;
    let lock = match Record::load(&id)? {
        Record::Live(lock) if lock.state == State::Prepared => lock,
        _ => return None,
    };
    let bound = &lock.parameters;
    let fits = bound.token == Some(env::predecessor())
        && bound.depositor.as_str() == transfer.sender_id
        && bound.amount == amount
        && env::block_timestamp() <= bound.lock_by.0
        && !record::is_index_taken(bound);
    if fits {
        Some((id, lock))
    } else {
        None
    }
}

/// Gives up a lock that was never funded and can't be any more; its storage money goes back.
pub fn remove(id: &Bytes32) {
    let lock = record::require_lock(id, "E_NOT_PREPARED", &[State::Prepared]);
    let (now, lock_by) = (env::block_timestamp(), lock.parameters.lock_by.0);
    env::require(now > lock_by, || format!("E_TOO_EARLY: now {}, lock_by {}", now, lock_by));
    Lock::remove(id);
    events::lock_removed(id);
    give_back(&lock.payer, STORAGE_DEPOSIT);
}

/// Storage money goes on its own way: whether it arrives changes nothing here.
pub fn give_back(payer: &AccountId, storage_money: u128) {
    Promise::new(payer).transfer(storage_money);
}
