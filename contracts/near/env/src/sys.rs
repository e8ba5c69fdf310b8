//! The host functions of the NEAR virtual machine that our contracts import.
//! Source: nearcore, `runtime/near-vm-runner/src/imports.rs`.

extern "C" {
    pub fn read_register(register_id: u64, ptr: u64);
    pub fn register_len(register_id: u64) -> u64;

    pub fn current_account_id(register_id: u64);
    pub fn predecessor_account_id(register_id: u64);
    pub fn input(register_id: u64);
    pub fn block_timestamp() -> u64;
    pub fn storage_usage() -> u64;
    pub fn account_balance(balance_ptr: u64);
    pub fn attached_deposit(balance_ptr: u64);
    pub fn prepaid_gas() -> u64;

    pub fn sha256(len: u64, ptr: u64, register_id: u64);

    pub fn value_return(len: u64, ptr: u64);
    pub fn panic_utf8(len: u64, ptr: u64) -> !;
    pub fn log_utf8(len: u64, ptr: u64);

    pub fn promise_batch_create(account_len: u64, account_ptr: u64) -> u64;
    pub fn promise_batch_then(promise: u64, account_len: u64, account_ptr: u64) -> u64;
    pub fn promise_batch_action_transfer(promise: u64, amount_ptr: u64);
    pub fn promise_batch_action_function_call_weight(
        promise: u64,
        method_len: u64,
        method_ptr: u64,
        arguments_len: u64,
        arguments_ptr: u64,
        amount_ptr: u64,
        gas: u64,
        gas_weight: u64,
    );
    pub fn promise_results_count() -> u64;
    pub fn promise_result(index: u64, register_id: u64) -> u64;
    pub fn promise_return(promise: u64);

    pub fn storage_write(
        key_len: u64,
        key_ptr: u64,
        value_len: u64,
        value_ptr: u64,
        register_id: u64,
    ) -> u64;
    pub fn storage_read(key_len: u64, key_ptr: u64, register_id: u64) -> u64;
    pub fn storage_remove(key_len: u64, key_ptr: u64, register_id: u64) -> u64;
    pub fn storage_has_key(key_len: u64, key_ptr: u64) -> u64;
}
