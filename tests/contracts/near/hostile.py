"""A contract that behaves badly, in WebAssembly text: a bad token, and a forger of storage."""

from py_near import transactions
from wasmtime import wat2wasm

from devnet.near.client import Signer
from tests.contracts.near.interface import Contract
from tests.contracts.near.world import World, deploy

BAD = "bad.test.near"

_MODULE = """
(module
  (import "env" "input" (func $input (param i64)))
  (import "env" "read_register" (func $read_register (param i64 i64)))
  (import "env" "register_len" (func $register_len (param i64) (result i64)))
  (import "env" "value_return" (func $value_return (param i64 i64)))
  (import "env" "storage_write"
    (func $storage_write (param i64 i64 i64 i64 i64) (result i64)))
  (import "env" "promise_create"
    (func $promise_create (param i64 i64 i64 i64 i64 i64 i64 i64) (result i64)))
  (import "env" "promise_return" (func $promise_return (param i64)))
  (memory (export "memory") 32)
  (data (i32.const 0) "htlc.test.near")
  (data (i32.const 16) "ft_on_transfer")
  (data (i32.const 64) "bad.test.near")
  (data (i32.const 80) "missing")
  (data (i32.const 96) "\\ff{]\\00")

  ;; Puts the call's input at 1024 and returns its length.
  (func $load (result i64)
    (call $input (i64.const 0))
    (call $read_register (i64.const 0) (i64.const 1024))
    (call $register_len (i64.const 0)))

  ;; ft_on_transfer on the escrow, with the input as arguments.
  (func (export "tell")
    (call $promise_return (call $promise_create
      (i64.const 14) (i64.const 0) (i64.const 14) (i64.const 16)
      (call $load) (i64.const 1024) (i64.const 32) (i64.const 100000000000000))))

  ;; Stores what follows the input's first 33 bytes under these as key.
  (func (export "forge")
    (drop (call $storage_write (i64.const 33) (i64.const 1024)
      (i64.sub (call $load) (i64.const 33)) (i64.const 1057) (i64.const 1))))

  (func (export "ft_transfer") (local $index i64) %s))
"""

PANIC = "unreachable"
BURN_GAS = "(loop (br 0))"
ANSWER_GARBAGE = "(call $value_return (i64.const 4) (i64.const 96))"
# Keeps the yocto, then fails in a call of its own.
FAIL_LATER = """(call $promise_return (call $promise_create
  (i64.const 13) (i64.const 64) (i64.const 7) (i64.const 80)
  (i64.const 0) (i64.const 0) (i64.const 32) (i64.const 1000000000000)))"""


def answer_bytes(length: int) -> str:
    """Returns this many bytes."""
    return f"(call $value_return (i64.const {length}) (i64.const 0))"


def code(ft_transfer: str) -> bytes:
    """The contract with this body of `ft_transfer`."""
    return bytes(wat2wasm(_MODULE % ft_transfer))


def deploy_bad_token(world: World, ft_transfer: str) -> Contract:
    """A token whose `ft_transfer` does this, and which says what it likes to the escrow."""
    assert deploy(world.near, world.root, BAD, code(ft_transfer)).failures == []
    return Contract(world.near, BAD)


def replace_code(world: World, owner: Signer, wasm: bytes) -> None:
    """Deploys over an account's contract, its storage staying as it is."""
    actions = [transactions.create_deploy_contract_action(wasm)]
    assert world.near.send(owner, owner.account_id, actions).failures == []
