"""No yocto is made or lost: balances are the supply, and the supply falls by what is burnt."""

from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as some
from py_near import transactions as tx

from devnet.jsonrpc import JsonRpcError
from devnet.near.client import NEAR, TGAS, Key, NearClient, Signer, call
from tests.devnet.near.conftest import FRESH
from tests.devnet.near.contracts import contract
from tests.devnet.near.running import Running

_NAMES = ("alice.test.near", "bob.test.near", "kit.test.near")
_PEOPLE = (*_NAMES, "new.alice.test.near", "nobody.test.near", "f" * 64)

# Methods that pay another, wait for one, call one that fails, delete the contract, or fail.
KIT = contract(
    {
        "nothing": "",
        "panic": "(call $panic)",
        "loop": "(loop (br 0))",
        "pay": """(call $promise_batch_action_transfer
            (call $promise_batch_create (i64.const 13) (i64.const 1037)) (i64.const 1100))""",
        "pay_nobody": """(call $promise_batch_action_transfer
            (call $promise_batch_create (i64.const 16) (i64.const 1050)) (i64.const 1100))""",
        "call_and_wait": """(call $promise_return (call $promise_then
            (call $promise_create (i64.const 13) (i64.const 1024) (i64.const 5) (i64.const 1066)
                (i64.const 0) (i64.const 0) (i64.const 1100) (i64.const 5000000000000))
            (i64.const 13) (i64.const 1024) (i64.const 7) (i64.const 1071) (i64.const 3)
            (i64.const 1024) (i64.const 1100) (i64.const 5000000000000)))""",
        "pay_and_panic": """(call $promise_batch_action_transfer
            (call $promise_batch_create (i64.const 13) (i64.const 1037)) (i64.const 1100))
            (call $panic)""",
        "erase": """(call $promise_batch_action_delete_account
            (call $promise_batch_create (i64.const 13) (i64.const 1024))
            (i64.const 13) (i64.const 1037))""",
    },
    text=(
        "kit.test.nearbob.test.nearnobody.test.nearpanicnothing"
        + " " * 22
        + "\\01\\00\\00\\00\\00\\01\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00"
    ),
)
_METHODS = (
    "nothing", "panic", "loop", "pay", "pay_nobody", "call_and_wait", "pay_and_panic", "erase",
    "missing",
)  # fmt: skip


@dataclass(frozen=True)
class Step:
    """A transaction: what a signer sends to whom."""

    signer: str
    receiver: str
    actions: tuple[tuple[str, Any], ...]

    def build(self, spare: Key) -> list[Any]:
        """py-near's actions."""
        return [_action(kind, value, spare) for kind, value in self.actions]


def _action(kind: str, value: Any, spare: Key) -> Any:
    if kind == "transfer":
        return tx.create_transfer_action(value)
    if kind == "create":
        return tx.create_create_account_action()
    if kind == "add_key":
        return tx.create_full_access_key_action(spare.public_bytes)
    if kind == "delete_key":
        return tx.create_delete_access_key_action(spare.public_bytes)
    method, deposit, gas = value
    return call(method, b"", deposit=deposit, gas=gas)


_amounts = some.sampled_from((0, 1, NEAR // 1000, 3 * NEAR, 10**30))
_calls = some.tuples(
    some.just("call"),
    some.tuples(some.sampled_from(_METHODS), _amounts, some.sampled_from((TGAS, 60 * TGAS))),
)
_actions = (
    some.tuples(some.just("transfer"), _amounts)
    | _calls
    | some.tuples(some.sampled_from(("create", "add_key", "delete_key")), some.none())
)
_steps = some.builds(
    Step,
    some.sampled_from(_NAMES),
    some.sampled_from(_PEOPLE),
    some.lists(_actions, min_size=1, max_size=3).map(tuple),
)


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(steps=some.lists(_steps, min_size=1, max_size=8))
def test_balances_and_burnt_gas_are_the_supply(node: Running, steps: list[Step]) -> None:
    near, spare = node.near, Key.generate()
    near.revert(FRESH)
    signers = {name: _open(node, name) for name in _NAMES}
    for step in steps:
        before = near.rpc.call("block", finality="optimistic")["header"]
        try:
            sent = near.send(signers[step.signer], step.receiver, step.build(spare), "FINAL")
        except JsonRpcError:
            assert near.rpc.call("block", finality="optimistic")["header"] == before
            continue
        after = near.rpc.call("block", finality="optimistic")["header"]
        assert sum(_balances(near)) == int(after["total_supply"])
        lost = int(before["total_supply"]) - int(after["total_supply"])
        chunks = [
            near.rpc.call("block", height)["chunks"][0]
            for height in range(before["height"] + 1, after["height"] + 1)
        ]
        assert sum(int(chunk["balance_burnt"]) for chunk in chunks) == lost
        assert sum(chunk["gas_used"] for chunk in chunks) == sent.gas_burnt
        assert lost >= sent.tokens_burnt * 7 // 10  # the rest rewards contracts


def _open(node: Running, name: str) -> Signer:
    signer = Signer(name, Key.generate())
    actions = [
        tx.create_create_account_action(),
        tx.create_transfer_action(5 * NEAR),
        tx.create_full_access_key_action(signer.key.public_bytes),
        tx.create_deploy_contract_action(KIT),
    ]
    assert node.near.send(node.root, name, actions, "FINAL").failures == []
    return signer


def _balances(near: NearClient) -> list[int]:
    found = []
    for name in ("test.near", *_PEOPLE):
        try:
            found.append(near.balance(name))
        except JsonRpcError as error:
            if error.error["cause"]["name"] != "UNKNOWN_ACCOUNT":
                raise
    return found
