//! NEP-297 events. Each stands where the fact was decided and carries what rebuilds the lock.

use crate::parameters::LockParameters;
use near_env as env;
use near_env::{AccountId, Amount, Bytes32};
use serde::Serialize;

fn emit<T: Serialize>(name: &str, data: &T) {
    env::event("1balancer-htlc", "1.0.0", name, data);
}

#[derive(Serialize)]
struct WholeLock<'a> {
    id: &'a Bytes32,
    #[serde(flatten)]
    parameters: &'a LockParameters,
    payer: &'a AccountId,
}

pub fn lock_prepared(id: &Bytes32, parameters: &LockParameters, payer: &AccountId) {
    emit("lock_prepared", &WholeLock { id, parameters, payer });
}

pub fn lock_created(id: &Bytes32, parameters: &LockParameters, payer: &AccountId) {
    emit("lock_created", &WholeLock { id, parameters, payer });
}

#[derive(Serialize)]
struct Withdrawn<'a> {
    id: &'a Bytes32,
    secret: &'a Bytes32,
}

pub fn lock_withdrawn(id: &Bytes32, secret: &Bytes32) {
    emit("lock_withdrawn", &Withdrawn { id, secret });
}

#[derive(Serialize)]
struct Refunded<'a> {
    id: &'a Bytes32,
    early: bool,
}

pub fn lock_refunded(id: &Bytes32, early: bool) {
    emit("lock_refunded", &Refunded { id, early });
}

#[derive(Serialize)]
struct Payout<'a> {
    id: &'a Bytes32,
    receiver: &'a AccountId,
    token: &'a Option<AccountId>,
    amount: Amount,
}

fn payout(name: &str, id: &Bytes32, lock: &LockParameters, receiver: &AccountId) {
    emit(name, &Payout { id, receiver, token: &lock.token, amount: lock.amount });
}

pub fn payout_made(id: &Bytes32, lock: &LockParameters, receiver: &AccountId) {
    payout("payout_made", id, lock, receiver);
}

pub fn payout_failed(id: &Bytes32, lock: &LockParameters, receiver: &AccountId) {
    payout("payout_failed", id, lock, receiver);
}

#[derive(Serialize)]
struct Removed<'a> {
    id: &'a Bytes32,
}

pub fn lock_removed(id: &Bytes32) {
    emit("lock_removed", &Removed { id });
}
