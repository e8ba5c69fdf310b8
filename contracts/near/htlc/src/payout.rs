//! Paying what was decided: a transfer and its callback. A transfer that fails leaves the lock owed.

use crate::events;
use crate::funding::give_back;
use crate::record::{require_lock, Lock, Record, State, Tombstone};
use near_env as env;
use near_env::{AccountId, Amount, Bytes32, Promise, TERA};
use serde::Serialize;

/// For a token's `ft_transfer`.
const GAS_TRANSFER: u64 = 30 * TERA;
/// For `on_payout`: its own work, the fees of giving storage money back, and reading the longest
/// answer that a token can produce with `GAS_TRANSFER`.
const GAS_CALLBACK: u64 = 20 * TERA;
/// For the call itself and for sending both receipts.
const GAS_OWN: u64 = 15 * TERA;
const GAS_NEEDED: u64 = GAS_OWN + GAS_TRANSFER + GAS_CALLBACK;

/// What `ft_transfer` wants attached; it comes out of the lock's storage deposit.
const FT_TRANSFER_DEPOSIT: u128 = 1;

/// Nobody may choose by a call's gas whether its payout succeeds.
pub fn require_gas() {
    let given = env::prepaid_gas();
    env::require(given >= GAS_NEEDED, || {
        format!("E_GAS: attached {} gas, attach {}", given, GAS_NEEDED)
    });
}

/// By anybody, at any time: tries again to pay a decided lock.
pub fn pay(id: &Bytes32) {
    require_gas();
    let owed = [State::OwedToBeneficiary, State::OwedToDepositor];
    let lock = require_lock(id, "E_NOT_OWED", &owed);
    env::require(!lock.in_flight, || format!("E_IN_FLIGHT: lock {} is being paid", id));
    start(id, lock);
}

impl Lock {
    fn receiver(&self) -> &AccountId {
        match self.state {
            State::OwedToBeneficiary => &self.parameters.beneficiary,
            _ => &self.parameters.depositor,
        }
    }

    /// The yocto that a payout takes along.
    fn payout_deposit(&self) -> u128 {
        match self.parameters.token {
            Some(_) => FT_TRANSFER_DEPOSIT,
            None => self.parameters.amount.0,
        }
    }
}

/// Saves the decided lock and sends its money. A decision stands even if the contract, against all
/// its bookkeeping, could not cover the payout now: a promise beyond the balance would undo it.
pub fn start(id: &Bytes32, mut lock: Lock) {
    lock.in_flight = true;
    lock.save(id);
    if env::spendable_balance() >= lock.payout_deposit() {
        send(id, &lock);
    } else {
        leave_owed(id, lock);
    }
}

#[derive(Serialize)]
struct FtTransfer<'a> {
    receiver_id: &'a AccountId,
    amount: Amount,
}

#[derive(Serialize)]
struct OnPayout<'a> {
    id: &'a Bytes32,
}

fn send(id: &Bytes32, lock: &Lock) {
    let amount = lock.parameters.amount;
    let transfer = match &lock.parameters.token {
        None => Promise::new(lock.receiver()).transfer(amount.0),
        Some(token) => Promise::new(token).call(
            "ft_transfer",
            &FtTransfer { receiver_id: lock.receiver(), amount },
            FT_TRANSFER_DEPOSIT,
            GAS_TRANSFER,
            0,
        ),
    };
    transfer
        .then(&env::current_account())
        .call("on_payout", &OnPayout { id }, 0, GAS_CALLBACK, 0)
        .answer();
}

/// The callback: `paid` says whether the transfer succeeded. Answers it, and never panics.
pub fn settle(id: &Bytes32, paid: bool) {
    if let Some(Record::Live(lock)) = Record::load(id) {
        if paid {
            end(id, &lock);
        } else {
            leave_owed(id, lock);
        }
    }
}

fn end(id: &Bytes32, lock: &Lock) {
    let state = match lock.state {
        State::OwedToBeneficiary => State::Withdrawn,
        _ => State::Refunded,
    };
    let freed = Tombstone { state, secret: lock.secret }.bury(id, lock);
    events::payout_made(id, &lock.parameters, lock.receiver());
    if env::spendable_balance() >= freed {
        give_back(&lock.payer, freed);
    }
    env::return_json(&true);
}

fn leave_owed(id: &Bytes32, mut lock: Lock) {
    lock.in_flight = false;
    lock.save(id);
    events::payout_failed(id, &lock.parameters, lock.receiver());
    env::return_json(&false);
}
