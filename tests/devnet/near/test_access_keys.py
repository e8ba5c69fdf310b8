"""Access keys: nonces, what a function-call key may do, and its allowance."""

from typing import Any

import pytest
from py_near import transactions as tx

from devnet.jsonrpc import JsonRpcError
from devnet.near.client import NEAR, TGAS, Key, NearClient, Signer, call
from tests.devnet.near.conftest import NewAccount
from tests.devnet.near.contracts import KEEPER

GAS_PRICE = 100_000_000


@pytest.fixture
def keeper(new_account: NewAccount) -> Signer:
    return new_account("keeper", wasm=KEEPER)


@pytest.fixture
def alice(new_account: NewAccount) -> Signer:
    return new_account("alice")


def _add_call_key(
    near: NearClient, owner: Signer, receiver_id: str, methods: list[str], allowance: int = NEAR
) -> Signer:
    key = Key.generate()
    action = tx.create_function_call_access_key_action(
        key.public_bytes, allowance, receiver_id, methods
    )
    assert near.send(owner, owner.account_id, [action], "FINAL").failures == []
    return Signer(owner.account_id, key)


def _key(near: NearClient, signer: Signer) -> dict[str, Any]:
    return near.query("view_access_key", signer.account_id, public_key=signer.key.public_key)


def _refusal(near: NearClient, signer: Signer, receiver_id: str, *actions: Any) -> Any:
    nonce = _key(near, signer)["nonce"]
    with pytest.raises(JsonRpcError) as refused:
        near.send(signer, receiver_id, actions)
    assert _key(near, signer)["nonce"] == nonce
    invalid = refused.value.error["data"]["TxExecutionError"]["InvalidTxError"]
    return invalid["InvalidAccessKeyError"]


def test_a_new_keys_nonce_is_a_million_times_the_height_before(
    near: NearClient, alice: Signer
) -> None:
    key = Key.generate()
    action = tx.create_full_access_key_action(key.public_bytes)
    added = near.send(alice, alice.account_id, [action])
    block = near.rpc.call("block", added.raw["receipts_outcome"][0]["block_hash"])
    added_key = _key(near, Signer(alice.account_id, key))
    assert added_key["nonce"] == (block["header"]["height"] - 1) * 1_000_000
    assert added_key["permission"] == "FullAccess"


def test_each_transaction_moves_the_nonce(near: NearClient, alice: Signer) -> None:
    before = _key(near, alice)["nonce"]
    near.send(alice, "test.near", [tx.create_transfer_action(1)])
    assert _key(near, alice)["nonce"] == before + 1


def test_a_call_key_calls_its_methods_only(near: NearClient, alice: Signer, keeper: Signer) -> None:
    limited = _add_call_key(near, alice, keeper.account_id, ["set", "get"])
    assert near.send(limited, keeper.account_id, [call("set", {"a": 1})]).failures == []
    refused = _refusal(near, limited, keeper.account_id, call("remove"))
    assert refused == {"MethodNameMismatch": {"method_name": "remove"}}
    names = {"tx_receiver": "test.near", "ak_receiver": keeper.account_id}
    assert _refusal(near, limited, "test.near", call("set")) == {"ReceiverMismatch": names}
    assert near.view(keeper.account_id, "get") == {"a": 1}


def test_a_call_key_does_nothing_but_one_call_without_deposit(
    near: NearClient, alice: Signer, keeper: Signer
) -> None:
    limited = _add_call_key(near, alice, keeper.account_id, [])
    for actions in (
        [tx.create_transfer_action(1)],
        [call("set"), call("set")],
        [call("set"), tx.create_transfer_action(1)],
        [tx.create_full_access_key_action(Key.generate().public_bytes)],
        [tx.create_delete_access_key_action(limited.key.public_bytes)],
    ):
        assert _refusal(near, limited, keeper.account_id, *actions) == "RequiresFullAccess"
    deposit = _refusal(near, limited, keeper.account_id, call("set", deposit=1))
    assert deposit == "DepositWithFunctionCall"


def test_the_allowance_pays_for_burnt_gas_only(
    near: NearClient, alice: Signer, keeper: Signer
) -> None:
    limited = _add_call_key(near, alice, keeper.account_id, [], allowance=NEAR)
    outcome = near.send(limited, keeper.account_id, [call("set", gas=100 * TGAS)], "FINAL")
    left = _key(near, limited)["permission"]["FunctionCall"]["allowance"]
    assert int(left) == NEAR - outcome.tokens_burnt


def test_a_call_beyond_the_allowance(near: NearClient, alice: Signer, keeper: Signer) -> None:
    limited = _add_call_key(near, alice, keeper.account_id, [], allowance=10**21)
    refused = _refusal(near, limited, keeper.account_id, call("set", b"", gas=300 * TGAS))
    send_and_run = 2 * (108_059_500_000 + 2_319_861_500_000) + 3 * (47_683_715 + 2_235_934)
    assert refused == {
        "NotEnoughAllowance": {
            "account_id": alice.account_id,
            "public_key": limited.key.public_key,
            "allowance": str(10**21),
            "cost": str((send_and_run + 300 * TGAS) * GAS_PRICE),
        }
    }


def test_a_deleted_key_signs_no_more(near: NearClient, alice: Signer) -> None:
    spare = Signer(alice.account_id, Key.generate())
    near.send(alice, alice.account_id, [tx.create_full_access_key_action(spare.key.public_bytes)])
    signed = near.sign(spare, "test.near", [tx.create_transfer_action(1)])
    delete = tx.create_delete_access_key_action(spare.key.public_bytes)
    assert near.send(alice, alice.account_id, [delete]).failures == []
    with pytest.raises(JsonRpcError, match="AccessKeyNotFound"):
        near.rpc.call("send_tx", signed)
    answer = near.query("view_access_key", alice.account_id, public_key=spare.key.public_key)
    assert answer["error"] == f"access key {spare.key.public_key} does not exist while viewing"


def test_keys_of_others_are_out_of_reach(near: NearClient, alice: Signer, root: Signer) -> None:
    mine = alice.key.public_bytes
    for action in (
        tx.create_full_access_key_action(Key.generate().public_bytes),
        tx.create_delete_access_key_action(root.key.public_bytes),
        tx.create_deploy_contract_action(KEEPER),
    ):
        outcome = near.send(alice, root.account_id, [action])
        names = {"account_id": root.account_id, "actor_id": alice.account_id}
        assert outcome.failure["ActionError"]["kind"] == {"ActorNoPermission": names}
    again = near.send(alice, alice.account_id, [tx.create_full_access_key_action(mine)])
    names = {"account_id": alice.account_id, "public_key": alice.key.public_key}
    assert again.failure["ActionError"]["kind"] == {"AddKeyAlreadyExists": names}
    absent = Key.generate()
    missing = near.send(
        alice, alice.account_id, [tx.create_delete_access_key_action(absent.public_bytes)]
    )
    names = {"account_id": alice.account_id, "public_key": absent.public_key}
    assert missing.failure["ActionError"]["kind"] == {"DeleteKeyDoesNotExist": names}


def test_the_key_list_shows_every_key(near: NearClient, alice: Signer) -> None:
    limited = _add_call_key(near, alice, "test.near", ["a", "b"], allowance=5)
    keys = near.query("view_access_key_list", alice.account_id)["keys"]
    shown = {entry["public_key"]: entry["access_key"]["permission"] for entry in keys}
    assert shown == {
        alice.key.public_key: "FullAccess",
        limited.key.public_key: {
            "FunctionCall": {
                "allowance": "5",
                "receiver_id": "test.near",
                "method_names": ["a", "b"],
            }
        },
    }


def test_a_key_without_allowance_has_no_bound(near: NearClient, alice: Signer) -> None:
    limited = Signer(alice.account_id, Key.generate())
    unbounded = tx.create_function_call_access_key_action(
        limited.key.public_bytes, None, "test.near", []
    )
    near.send(alice, alice.account_id, [unbounded])
    outcome = near.send(limited, "test.near", [call("any", gas=300 * TGAS)])
    assert "CompilationError" in outcome.failure["ActionError"]["kind"]["FunctionCallError"]
    assert _key(near, limited)["permission"]["FunctionCall"]["allowance"] is None
