//! NEP-145: an account is registered by paying for its balance's storage, one price for all.

use crate::transfer::require_one_yocto;
use crate::{accounts, accounts::REGISTRATION, events};
use near_env as env;
use near_env::{AccountId, Amount, Promise};
use serde::{Deserialize, Serialize};

#[derive(Serialize)]
pub struct StorageBalance {
    total: Amount,
    available: Amount,
}

#[derive(Serialize)]
pub struct StorageBalanceBounds {
    min: Amount,
    max: Amount,
}

/// `registration_only` may be there and changes nothing: more is never kept.
#[derive(Deserialize)]
pub struct StorageDeposit {
    account_id: Option<AccountId>,
}

#[derive(Deserialize)]
pub struct StorageWithdraw {
    amount: Option<Amount>,
}

#[derive(Deserialize)]
pub struct StorageUnregister {
    force: Option<bool>,
}

pub fn bounds() -> StorageBalanceBounds {
    StorageBalanceBounds { min: Amount(REGISTRATION), max: Amount(REGISTRATION) }
}

pub fn storage_balance_of(account: &AccountId) -> Option<StorageBalance> {
    accounts::balance(account)
        .map(|_| StorageBalance { total: Amount(REGISTRATION), available: Amount(0) })
}

/// Keeps the price of one registration, and nothing when there is one already.
pub fn storage_deposit(call: StorageDeposit) -> Option<StorageBalance> {
    let payer = env::predecessor();
    let account = call.account_id.unwrap_or_else(|| payer.clone());
    let given = env::attached_deposit();
    let price = if accounts::balance(&account).is_some() { 0 } else { REGISTRATION };
    env::require(given >= price, || {
        format!("E_DEPOSIT: attached {} yocto, attach {}", given, price)
    });
    if price > 0 {
        accounts::set_balance(&account, 0);
    }
    if given > price {
        Promise::new(&payer).transfer(given - price);
    }
    storage_balance_of(&account)
}

/// Nothing is ever available beyond the registration's price.
pub fn storage_withdraw(call: StorageWithdraw) -> Option<StorageBalance> {
    require_one_yocto();
    let account = env::predecessor();
    let balance = storage_balance_of(&account);
    env::require(balance.is_some(), || {
        format!("E_NOT_REGISTERED: {} has no storage deposit", account)
    });
    let asked = call.amount.map_or(0, |amount| amount.0);
    env::require(asked == 0, || format!("E_BALANCE: 0 yocto available, not {}", asked));
    balance
}

/// Gives the registration's price back; `force` burns what the account still holds.
pub fn storage_unregister(call: StorageUnregister) -> bool {
    require_one_yocto();
    let account = env::predecessor();
    let held = match accounts::balance(&account) {
        Some(held) => held,
        None => return false,
    };
    env::require(held == 0 || call.force == Some(true), || {
        format!("E_BALANCE: {} still holds {}; force burns it", account, held)
    });
    accounts::unregister(&account);
    if held > 0 {
        accounts::set_total_supply(accounts::total_supply() - held);
        events::ft_burn(&account, held);
    }
    Promise::new(&account).transfer(REGISTRATION + 1);
    true
}
