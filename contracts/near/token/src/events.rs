//! The events of NEP-141.

use near_env as env;
use near_env::{AccountId, Amount};
use serde::Serialize;

fn emit<T: Serialize>(name: &str, data: &T) {
    env::event("nep141", "1.0.0", name, data);
}

#[derive(Serialize)]
struct Supply<'a> {
    owner_id: &'a AccountId,
    amount: Amount,
}

pub fn ft_mint(owner_id: &AccountId, amount: u128) {
    emit("ft_mint", &Supply { owner_id, amount: Amount(amount) });
}

pub fn ft_burn(owner_id: &AccountId, amount: u128) {
    emit("ft_burn", &Supply { owner_id, amount: Amount(amount) });
}

#[derive(Serialize)]
struct Transfer<'a> {
    old_owner_id: &'a AccountId,
    new_owner_id: &'a AccountId,
    amount: Amount,
    #[serde(skip_serializing_if = "Option::is_none")]
    memo: Option<&'a str>,
}

pub fn ft_transfer(from: &AccountId, to: &AccountId, amount: u128, memo: Option<&str>) {
    let amount = Amount(amount);
    emit("ft_transfer", &Transfer { old_owner_id: from, new_owner_id: to, amount, memo });
}
