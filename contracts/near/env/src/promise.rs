//! Calls to other accounts, which run after this one.

use crate::{call::to_json, context::read_register_if, sys, AccountId};
use serde::Serialize;

const SUCCESSFUL: u64 = 1;
const RESULT: u64 = 2;

/// In a callback: whether the promise before it succeeded. What it returned is not looked at.
pub fn promise_succeeded() -> bool {
    unsafe { sys::promise_results_count() == 1 && sys::promise_result(0, RESULT) == SUCCESSFUL }
}

/// In a callback: what the promise before it returned, or `None` when it failed.
pub fn promise_result() -> Option<Vec<u8>> {
    read_register_if(|register| unsafe {
        sys::promise_results_count() == 1 && sys::promise_result(0, register) == SUCCESSFUL
    })
}

/// Actions on one account, under way as soon as they are named.
pub struct Promise(u64);

impl Promise {
    pub fn new(receiver: &AccountId) -> Self {
        let id = receiver.as_str();
        Promise(unsafe { sys::promise_batch_create(id.len() as u64, id.as_ptr() as u64) })
    }

    /// A promise that runs when this one has ended, whatever its end.
    pub fn then(self, receiver: &AccountId) -> Self {
        let id = receiver.as_str();
        Promise(unsafe { sys::promise_batch_then(self.0, id.len() as u64, id.as_ptr() as u64) })
    }

    pub fn transfer(self, amount: u128) -> Self {
        let amount = amount.to_le_bytes();
        unsafe { sys::promise_batch_action_transfer(self.0, amount.as_ptr() as u64) };
        self
    }

    /// A call with `gas`, plus the share of the caller's unspent gas that `gas_weight` gives.
    pub fn call<T: Serialize>(
        self,
        method: &str,
        arguments: &T,
        deposit: u128,
        gas: u64,
        gas_weight: u64,
    ) -> Self {
        let arguments = to_json(arguments);
        let deposit = deposit.to_le_bytes();
        unsafe {
            sys::promise_batch_action_function_call_weight(
                self.0,
                method.len() as u64,
                method.as_ptr() as u64,
                arguments.len() as u64,
                arguments.as_ptr() as u64,
                deposit.as_ptr() as u64,
                gas,
                gas_weight,
            );
        }
        self
    }

    /// Makes this promise's answer the answer of the running call.
    pub fn answer(self) {
        unsafe { sys::promise_return(self.0) }
    }
}
