//! A hash-time-locked escrow for NEAR and NEP-141 tokens, without owner or upgrade.
//! The interface is documented in `contracts/near/README.md`.

mod ending;
mod events;
mod funding;
mod parameters;
mod payout;
mod record;

use near_env as env;
use near_env::{AccountId, Amount, Bytes32};
use parameters::LockParameters;
use record::{Config, Record};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ById {
    id: Bytes32,
}

#[no_mangle]
pub extern "C" fn new() {
    env::refuse_deposit();
    Config::create(env::arguments());
}

#[no_mangle]
pub extern "C" fn chain_id() {
    env::return_json(&Config::load().chain_id);
}

#[no_mangle]
pub extern "C" fn storage_deposit() {
    Config::load();
    env::return_json(&Amount(record::STORAGE_DEPOSIT));
}

#[no_mangle]
pub extern "C" fn lock_id() {
    let config = Config::load();
    let lock: LockParameters = env::arguments();
    env::return_json(&lock.id(&config.chain_id, &env::current_account()));
}

#[no_mangle]
pub extern "C" fn get_lock() {
    Config::load();
    let ById { id } = env::arguments();
    let record = Record::load(&id);
    env::return_json(&record.as_ref().map(|record| record.view(id)));
}

#[no_mangle]
pub extern "C" fn lock() {
    let config = Config::load();
    funding::lock(&config, env::arguments());
}

#[no_mangle]
pub extern "C" fn prepare() {
    let config = Config::load();
    funding::prepare(&config, env::arguments());
}

#[no_mangle]
pub extern "C" fn ft_on_transfer() {
    Config::load();
    env::refuse_deposit();
    env::return_json(&funding::ft_on_transfer(env::arguments()));
}

#[no_mangle]
pub extern "C" fn remove() {
    Config::load();
    env::refuse_deposit();
    let ById { id } = env::arguments();
    funding::remove(&id);
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Withdrawal {
    id: Bytes32,
    secret: Bytes32,
}

#[no_mangle]
pub extern "C" fn withdraw() {
    Config::load();
    env::refuse_deposit();
    let Withdrawal { id, secret } = env::arguments();
    ending::withdraw(&id, &secret);
}

#[no_mangle]
pub extern "C" fn refund() {
    Config::load();
    env::refuse_deposit();
    let ById { id } = env::arguments();
    ending::refund(&id);
}

#[no_mangle]
pub extern "C" fn refund_early() {
    Config::load();
    let ById { id } = env::arguments();
    ending::refund_early(&id);
}

#[no_mangle]
pub extern "C" fn pay() {
    Config::load();
    env::refuse_deposit();
    let ById { id } = env::arguments();
    payout::pay(&id);
}

/// The callback of a payout. Only a stranger's call can stop it: the contract's own never panics.
#[no_mangle]
pub extern "C" fn on_payout() {
    let caller: AccountId = env::predecessor();
    env::require(caller == env::current_account(), || {
        format!("E_CALLER: called by {}, only the contract itself may", caller)
    });
    let ById { id } = env::arguments();
    payout::settle(&id, env::promise_succeeded());
}
