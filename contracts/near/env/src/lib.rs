//! A thin safe layer over the NEAR host functions, and the value types that both contracts share.
//!
//! Units: balances in yocto (10^-24 NEAR), times in nanoseconds since 1970, gas in gas units.

mod account;
mod amount;
pub mod borsh;
mod bytes32;
mod call;
mod context;
mod promise;
pub mod storage;
mod sys;

pub use account::AccountId;
pub use amount::{Amount, Nanoseconds};
pub use bytes32::{sha256, Bytes32};
pub use call::{arguments, event, panic, refuse_deposit, return_json};
pub use context::{
    attached_deposit, block_timestamp, current_account, predecessor, prepaid_gas, spendable_balance,
};
pub use promise::{promise_result, promise_succeeded, Promise};

pub const TERA: u64 = 1_000_000_000_000;

/// Stops the call with `message`, which starts with the error's stable name, unless `condition` holds.
/// The runtime then undoes every change and gives the attached deposit back.
pub fn require(condition: bool, message: impl FnOnce() -> String) {
    if !condition {
        panic(&message());
    }
}
