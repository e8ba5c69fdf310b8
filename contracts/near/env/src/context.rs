//! What a call can know: who calls, when, with how much.

use crate::{account::AccountId, storage, sys};

const REGISTER: u64 = 0;

/// The bytes that a host function puts into the register that `fill` is given.
pub(crate) fn read_register(fill: impl FnOnce(u64)) -> Vec<u8> {
    fill(REGISTER);
    // SAFETY: the buffer is as long as the register, which the host writes whole.
    unsafe {
        let mut buffer = vec![0; sys::register_len(REGISTER) as usize];
        sys::read_register(REGISTER, buffer.as_mut_ptr() as u64);
        buffer
    }
}

/// The same for a host function that says by `true` whether it has put anything there.
pub(crate) fn read_register_if(fill: impl FnOnce(u64) -> bool) -> Option<Vec<u8>> {
    if fill(REGISTER) {
        Some(read_register(|_| ()))
    } else {
        None
    }
}

fn read_u128(fill: impl FnOnce(u64)) -> u128 {
    let mut buffer = [0u8; 16];
    fill(buffer.as_mut_ptr() as u64);
    u128::from_le_bytes(buffer)
}

pub fn current_account() -> AccountId {
    AccountId::from_host(read_register(|register| unsafe { sys::current_account_id(register) }))
}

/// The account that made this call: a user, or the contract that sent the promise.
pub fn predecessor() -> AccountId {
    AccountId::from_host(read_register(|register| unsafe { sys::predecessor_account_id(register) }))
}

pub(crate) fn input() -> Vec<u8> {
    read_register(|register| unsafe { sys::input(register) })
}

pub fn block_timestamp() -> u64 {
    unsafe { sys::block_timestamp() }
}

pub fn attached_deposit() -> u128 {
    read_u128(|pointer| unsafe { sys::attached_deposit(pointer) })
}

pub fn prepaid_gas() -> u64 {
    unsafe { sys::prepaid_gas() }
}

/// The yocto that this account holds beyond what its storage occupies at this moment of the call.
pub fn spendable_balance() -> u128 {
    let balance = read_u128(|pointer| unsafe { sys::account_balance(pointer) });
    balance.saturating_sub(storage::price(unsafe { sys::storage_usage() }))
}
