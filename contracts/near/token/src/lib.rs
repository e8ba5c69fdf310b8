//! A NEP-141 token for the devnet: storage management (NEP-145), metadata (NEP-148), events (NEP-297).

mod accounts;
mod events;
mod registration;
mod transfer;

use accounts::Metadata;
use near_env as env;
use near_env::{AccountId, Amount};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    owner_id: AccountId,
    total_supply: Amount,
    name: String,
    symbol: String,
    decimals: u8,
}

#[no_mangle]
pub extern "C" fn new() {
    env::refuse_deposit();
    env::require(!Metadata::exists(), || {
        "E_ALREADY_INITIALIZED: the contract is initialized once".to_string()
    });
    let New { owner_id, total_supply, name, symbol, decimals } = env::arguments();
    Metadata::new(name, symbol, decimals).save();
    accounts::set_total_supply(total_supply.0);
    accounts::set_balance(&owner_id, total_supply.0);
    events::ft_mint(&owner_id, total_supply.0);
}

#[derive(Deserialize)]
struct AccountArgument {
    account_id: AccountId,
}

#[no_mangle]
pub extern "C" fn ft_metadata() {
    env::return_json(&Metadata::load());
}

#[no_mangle]
pub extern "C" fn ft_total_supply() {
    env::return_json(&Amount(accounts::total_supply()));
}

#[no_mangle]
pub extern "C" fn ft_balance_of() {
    let AccountArgument { account_id } = env::arguments();
    env::return_json(&Amount(accounts::balance(&account_id).unwrap_or(0)));
}

#[no_mangle]
pub extern "C" fn ft_transfer() {
    transfer::ft_transfer(env::arguments());
}

#[no_mangle]
pub extern "C" fn ft_transfer_call() {
    transfer::ft_transfer_call(env::arguments());
}

#[no_mangle]
pub extern "C" fn ft_resolve_transfer() {
    env::require(env::predecessor() == env::current_account(), || {
        "E_CALLER: only the contract itself may".to_string()
    });
    env::return_json(&transfer::ft_resolve_transfer(env::arguments()));
}

#[no_mangle]
pub extern "C" fn storage_deposit() {
    env::return_json(&registration::storage_deposit(env::arguments()));
}

#[no_mangle]
pub extern "C" fn storage_withdraw() {
    env::return_json(&registration::storage_withdraw(env::arguments()));
}

#[no_mangle]
pub extern "C" fn storage_unregister() {
    env::return_json(&registration::storage_unregister(env::arguments()));
}

#[no_mangle]
pub extern "C" fn storage_balance_of() {
    let AccountArgument { account_id } = env::arguments();
    env::return_json(&registration::storage_balance_of(&account_id));
}

#[no_mangle]
pub extern "C" fn storage_balance_bounds() {
    env::return_json(&registration::bounds());
}
