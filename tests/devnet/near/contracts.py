"""Small contracts for the tests, written in WebAssembly text."""

import re

import wasmtime

_IMPORTS = {
    "input": "i64",
    "read_register": "i64 i64",
    "register_len": "i64 -> i64",
    "write_register": "i64 i64 i64",
    "current_account_id": "i64",
    "signer_account_id": "i64",
    "signer_account_pk": "i64",
    "predecessor_account_id": "i64",
    "block_index": "-> i64",
    "block_timestamp": "-> i64",
    "storage_usage": "-> i64",
    "account_balance": "i64",
    "attached_deposit": "i64",
    "prepaid_gas": "-> i64",
    "used_gas": "-> i64",
    "random_seed": "i64",
    "sha256": "i64 i64 i64",
    "keccak256": "i64 i64 i64",
    "keccak512": "i64 i64 i64",
    "ripemd160": "i64 i64 i64",
    "ecrecover": "i64 i64 i64 i64 i64 i64 i64 -> i64",
    "ed25519_verify": "i64 i64 i64 i64 i64 i64 -> i64",
    "value_return": "i64 i64",
    "panic": "",
    "panic_utf8": "i64 i64",
    "log_utf8": "i64 i64",
    "log_utf16": "i64 i64",
    "abort": "i32 i32 i32 i32",
    "storage_write": "i64 i64 i64 i64 i64 -> i64",
    "storage_read": "i64 i64 i64 -> i64",
    "storage_remove": "i64 i64 i64 -> i64",
    "storage_has_key": "i64 i64 -> i64",
    "promise_create": "i64 i64 i64 i64 i64 i64 i64 i64 -> i64",
    "promise_then": "i64 i64 i64 i64 i64 i64 i64 i64 i64 -> i64",
    "promise_and": "i64 i64 -> i64",
    "promise_batch_create": "i64 i64 -> i64",
    "promise_batch_then": "i64 i64 i64 -> i64",
    "promise_batch_action_create_account": "i64",
    "promise_batch_action_transfer": "i64 i64",
    "promise_batch_action_function_call": "i64 i64 i64 i64 i64 i64 i64",
    "promise_batch_action_function_call_weight": "i64 i64 i64 i64 i64 i64 i64 i64",
    "promise_batch_action_add_key_with_function_call": "i64 i64 i64 i64 i64 i64 i64 i64 i64",
    "promise_batch_action_delete_key": "i64 i64 i64",
    "promise_batch_action_delete_account": "i64 i64 i64",
    "promise_results_count": "-> i64",
    "promise_result": "i64 i64 -> i64",
    "promise_return": "i64",
    "promise_yield_create": "i64 i64 i64 i64 i64 i64 i64 -> i64",
    "validator_stake": "i64 i64 i64",
}

# Addresses at which `contract` places its texts; results and amounts go below.
TEXT = 1024


def contract(methods: dict[str, str], text: str = "", more: str = "") -> bytes:
    """A contract with these method bodies; `text` lies at address TEXT, `more` is further code."""
    body = "\n".join(f'(func (export "{name}") {code})' for name, code in methods.items())
    called = set(re.findall(r"\$(\w+)", body + more))
    imports = "\n".join(_import(name) for name in _IMPORTS if name in called)
    data = f'(data (i32.const {TEXT}) "{text}")' if text else ""
    return bytes(
        wasmtime.wat2wasm(f'(module {imports} (memory (export "memory") 1) {data} {more} {body})')
    )


def _import(name: str) -> str:
    parameters, _, result = _IMPORTS[name].partition("->")
    types = f"(param {parameters})" if parameters.strip() else ""
    types += f" (result {result})" if result else ""
    return f'(import "env" "{name}" (func ${name} {types}))'


def value_of(host_call: str) -> str:
    """A body that calls a host function and returns what it put into register 0."""
    return f"{host_call} (call $value_return (i64.const -1) (i64.const 0))"


def number_of(expression: str) -> str:
    """A body that returns an i64 as 8 bytes, little-endian."""
    return (
        f"(i64.store (i32.const 0) {expression}) (call $value_return (i64.const 8) (i64.const 0))"
    )


# A record under the key "key", a log, and all the ways to fail.
KEEPER = contract(
    {
        "set": """(call $input (i64.const 0))
            (drop (call $storage_write (i64.const 3) (i64.const 1024) (i64.const -1) (i64.const 0)
                (i64.const 1)))
            (call $log_utf8 (i64.const 3) (i64.const 1027))""",
        "get": """(if (i64.eqz (call $storage_read (i64.const 3) (i64.const 1024) (i64.const 0)))
            (then (call $value_return (i64.const 4) (i64.const 1030)))
            (else (call $value_return (i64.const -1) (i64.const 0))))""",
        "remove": """(drop (call $storage_remove (i64.const 3) (i64.const 1024) (i64.const 0)))""",
        "set_and_panic": """(call $input (i64.const 0))
            (drop (call $storage_write (i64.const 3) (i64.const 1024) (i64.const -1) (i64.const 0)
                (i64.const 1)))
            (call $log_utf8 (i64.const 3) (i64.const 1027))
            (call $panic_utf8 (i64.const 4) (i64.const 1034))""",
        "height": number_of("(call $block_index)"),
        "time": number_of("(call $block_timestamp)"),
        "loop": "(loop (br 0))",
        "loop_in_host": "(loop (drop (call $block_index)) (br 0))",
        "unreachable": "unreachable",
        "recurse": "(call $recurse)",
        "divide": "(drop (i64.div_u (i64.const 1) (i64.const 0)))",
        "grow": "(drop (memory.grow (i32.const 3000))) (drop (i32.load (i32.const 150000000)))",
        "read_outside": "(call $value_return (i64.const 8) (i64.const 99999999999))",
        "no_method_signature": "",
    },
    text="keysetnulloops",
    more="(func $recurse (call $recurse))",
)
