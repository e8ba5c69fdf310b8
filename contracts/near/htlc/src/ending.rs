//! The three calls that decide a lock, for ever, before any money moves.

use crate::events;
use crate::payout;
use crate::record::{require_lock, Lock, State};
use near_env as env;
use near_env::Bytes32;

fn open_lock(id: &Bytes32) -> Lock {
    payout::require_gas();
    require_lock(id, "E_NOT_OPEN", &[State::Open])
}

/// By anybody, before the timelock.
pub fn withdraw(id: &Bytes32, secret: &Bytes32) {
    let mut lock = open_lock(id);
    let (now, timelock) = (env::block_timestamp(), lock.parameters.timelock.0);
    env::require(now < timelock, || format!("E_TOO_LATE: now {}, timelock {}", now, timelock));
    let (hash, hashlock) = (env::sha256(&secret.0), lock.parameters.hashlock);
    env::require(hash == hashlock, || {
        format!("E_WRONG_SECRET: its hash is {}, the hashlock is {}", hash, hashlock)
    });
    lock.state = State::OwedToBeneficiary;
    lock.secret = Some(*secret);
    events::lock_withdrawn(id, secret);
    payout::start(id, lock);
}

/// By anybody, from the timelock on.
pub fn refund(id: &Bytes32) {
    let lock = open_lock(id);
    let (now, timelock) = (env::block_timestamp(), lock.parameters.timelock.0);
    env::require(now >= timelock, || format!("E_TOO_EARLY: now {}, timelock {}", now, timelock));
    decide_for_depositor(id, lock, false);
}

/// By the beneficiary, at any time. The yocto keeps function-call keys out: they can't attach one.
pub fn refund_early(id: &Bytes32) {
    let given = env::attached_deposit();
    env::require(given == 1, || format!("E_DEPOSIT: attached {} yocto, attach 1", given));
    let lock = open_lock(id);
    let (caller, beneficiary) = (env::predecessor(), &lock.parameters.beneficiary);
    env::require(caller == *beneficiary, || {
        format!("E_CALLER: called by {}, the beneficiary is {}", caller, beneficiary)
    });
    decide_for_depositor(id, lock, true);
}

fn decide_for_depositor(id: &Bytes32, mut lock: Lock, early: bool) {
    lock.state = State::OwedToDepositor;
    events::lock_refunded(id, early);
    payout::start(id, lock);
}
