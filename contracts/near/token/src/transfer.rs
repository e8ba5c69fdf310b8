//! NEP-141: moving tokens, and moving them to a contract that says how many it keeps.

use crate::{accounts, events};
use near_env as env;
use near_env::{AccountId, Amount, Promise, TERA};
use serde::{Deserialize, Serialize};

const GAS_RESOLVE: u64 = 10 * TERA;
/// For `ft_transfer_call` itself, its resolution, and a start for the receiver.
const GAS_TRANSFER_CALL: u64 = 30 * TERA;

#[derive(Deserialize)]
pub struct FtTransfer {
    receiver_id: AccountId,
    amount: Amount,
    memo: Option<String>,
}

#[derive(Deserialize)]
pub struct FtTransferCall {
    receiver_id: AccountId,
    amount: Amount,
    memo: Option<String>,
    msg: String,
}

#[derive(Serialize)]
struct FtOnTransfer<'a> {
    sender_id: &'a AccountId,
    amount: Amount,
    msg: &'a str,
}

#[derive(Serialize, Deserialize)]
pub struct FtResolveTransfer {
    sender_id: AccountId,
    receiver_id: AccountId,
    amount: Amount,
}

/// A deposit of 1 yocto proves a full access key.
pub fn require_one_yocto() {
    let given = env::attached_deposit();
    env::require(given == 1, || format!("E_DEPOSIT: attached {} yocto, attach 1", given));
}

pub fn ft_transfer(call: FtTransfer) {
    require_one_yocto();
    let sender = env::predecessor();
    accounts::move_tokens(&sender, &call.receiver_id, call.amount.0);
    events::ft_transfer(&sender, &call.receiver_id, call.amount.0, call.memo.as_deref());
}

pub fn ft_transfer_call(call: FtTransferCall) {
    require_one_yocto();
    let given = env::prepaid_gas();
    env::require(given >= GAS_TRANSFER_CALL, || {
        format!("E_GAS: attached {} gas, attach {}", given, GAS_TRANSFER_CALL)
    });
    let FtTransferCall { receiver_id, amount, memo, msg } = call;
    let sender_id = env::predecessor();
    accounts::move_tokens(&sender_id, &receiver_id, amount.0);
    events::ft_transfer(&sender_id, &receiver_id, amount.0, memo.as_deref());
    let on_transfer = FtOnTransfer { sender_id: &sender_id, amount, msg: &msg };
    Promise::new(&receiver_id)
        .call("ft_on_transfer", &on_transfer, 0, 0, 1)
        .then(&env::current_account())
        .call(
            "ft_resolve_transfer",
            &FtResolveTransfer { sender_id, receiver_id, amount },
            0,
            GAS_RESOLVE,
            0,
        )
        .answer();
}

/// Takes back what the receiver did not keep and still has; returns the amount that it kept.
pub fn ft_resolve_transfer(call: FtResolveTransfer) -> Amount {
    let FtResolveTransfer { sender_id, receiver_id, amount: Amount(amount) } = call;
    let unused = amount.min(unused_amount().unwrap_or(amount));
    let held = accounts::balance(&receiver_id).unwrap_or(0);
    let back = unused.min(held);
    if back == 0 {
        return Amount(amount);
    }
    accounts::set_balance(&receiver_id, held - back);
    match accounts::balance(&sender_id) {
        Some(balance) => {
            accounts::set_balance(&sender_id, balance + back);
            events::ft_transfer(&receiver_id, &sender_id, back, Some("refund"));
            Amount(amount - back)
        }
        None => {
            accounts::set_total_supply(accounts::total_supply() - back);
            events::ft_burn(&receiver_id, back);
            Amount(amount)
        }
    }
}

/// `None` when the receiver failed, or answered something else than an amount.
fn unused_amount() -> Option<u128> {
    let answer: Amount = serde_json::from_slice(&env::promise_result()?).ok()?;
    Some(answer.0)
}
