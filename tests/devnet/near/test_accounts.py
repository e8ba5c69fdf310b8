"""Accounts: who may make and delete them, and what they must hold for the bytes they occupy."""

from typing import Any

import pytest
from py_near import transactions as tx

from devnet.jsonrpc import JsonRpcError
from devnet.near.client import NEAR, Key, NearClient, Signer, ViewError, call
from tests.devnet.near.conftest import NewAccount
from tests.devnet.near.contracts import KEEPER, contract

BYTE = 10**19  # yocto for a byte of storage


def _create(near: NearClient, signer: Signer, name: str, amount: int = NEAR) -> Any:
    actions = [tx.create_create_account_action(), tx.create_transfer_action(amount)]
    return near.send(signer, name, actions, "FINAL").failure


def _kind(failure: Any) -> Any:
    return failure["ActionError"]["kind"]


def test_only_the_parent_makes_an_account(near: NearClient, new_account: NewAccount) -> None:
    alice = new_account("alice")
    assert _create(near, alice, "sub.alice.test.near") is None
    for name in ("sub.test.near", "a.b.alice.test.near", "xalice.test.near"):
        names = {"account_id": name, "predecessor_id": alice.account_id}
        assert _kind(_create(near, alice, name)) == {"CreateAccountNotAllowed": names}
    existing = {"account_id": "sub.alice.test.near"}
    failure = _create(near, alice, "sub.alice.test.near")
    assert _kind(failure) == {"AccountAlreadyExists": existing}


def test_top_level_names_belong_to_the_registrar(near: NearClient, root: Signer) -> None:
    assert _kind(_create(near, root, "somebody")) == {
        "CreateAccountOnlyByRegistrar": {
            "account_id": "somebody",
            "registrar_account_id": "registrar",
            "predecessor_id": "test.near",
        }
    }


def test_a_transfer_makes_an_implicit_account(near: NearClient, root: Signer) -> None:
    key = Key.generate()
    owner = Signer(key.public_bytes.hex(), key)
    transfer = [tx.create_transfer_action(NEAR)]
    made = near.send(root, owner.account_id, transfer)
    assert made.failures == []
    # receipt, transfer, and what it costs to make an account and its key; sent and run
    assert made.gas_burnt == 2 * (
        108_059_500_000 + 115_123_062_500 + 3_850_000_000_000 + 101_765_125_000
    )
    account = near.view_account(owner.account_id)
    assert (account["amount"], account["storage_usage"]) == (str(NEAR), 182)
    assert near.send(owner, "test.near", [tx.create_transfer_action(1)]).failures == []


def test_an_implicit_account_is_made_by_nothing_else(near: NearClient, root: Signer) -> None:
    name = Key.generate().public_bytes.hex()
    assert _kind(_create(near, root, name)) == {
        "OnlyImplicitAccountCreationAllowed": {"account_id": name}
    }
    two = [tx.create_transfer_action(1), tx.create_transfer_action(1)]
    assert _kind(near.send(root, name, two).failure) == {
        "AccountDoesNotExist": {"account_id": name}
    }


def test_money_for_a_missing_account_comes_back(near: NearClient, new_account: NewAccount) -> None:
    alice = new_account("alice")
    before = near.balance(alice.account_id)
    outcome = near.send(alice, "nobody.test.near", [tx.create_transfer_action(5 * NEAR)], "FINAL")
    assert _kind(outcome.failure) == {"AccountDoesNotExist": {"account_id": "nobody.test.near"}}
    assert near.balance(alice.account_id) == before - outcome.tokens_burnt


def test_a_failing_action_undoes_those_before_it(near: NearClient, root: Signer) -> None:
    actions = [
        tx.create_create_account_action(),
        tx.create_transfer_action(NEAR),
        tx.create_delete_access_key_action(root.key.public_bytes),
    ]
    outcome = near.send(root, "half.test.near", actions, "FINAL")
    assert outcome.failure["ActionError"]["index"] == 2
    with pytest.raises(JsonRpcError, match="does not exist"):
        near.view_account("half.test.near")


def test_deleting_an_account_pays_the_beneficiary(
    near: NearClient, root: Signer, new_account: NewAccount
) -> None:
    alice, heir = new_account("alice", wasm=KEEPER), new_account("heir", balance=NEAR)
    eraser = contract(
        {
            "erase": """(call $promise_batch_action_delete_account
                (call $promise_batch_create (i64.const 15) (i64.const 1024))
                (i64.const 14) (i64.const 1039))"""
        },
        text="alice.test.nearheir.test.near",
    )
    deploy = tx.create_deploy_contract_action(eraser)
    near.send(alice, alice.account_id, [call("set", {"a": 1}), deploy], "FINAL")
    balance = near.balance(alice.account_id)
    outcome = near.send(root, alice.account_id, [call("erase")], "FINAL")
    assert outcome.failures == []
    runs = [each for each in outcome.receipts if each["executor_id"] == alice.account_id]
    reward = _reward(near, outcome.raw["receipts_outcome"][0]["block_hash"], alice.account_id)
    assert [len(run["receipt_ids"]) for run in runs] == [2, 1]
    assert near.balance(heir.account_id) == NEAR + balance + reward
    for query, more in (("view_account", {}), ("view_state", {"prefix_base64": ""})):
        with pytest.raises(JsonRpcError, match="does not exist"):
            near.query(query, alice.account_id, **more)


def _reward(near: NearClient, block_hash: str, account_id: str) -> int:
    changes = near.rpc.call(
        "EXPERIMENTAL_changes",
        changes_type="account_changes",
        account_ids=[account_id],
        block_id=block_hash,
    )["changes"]
    ran, rewarded = [int(change["change"]["amount"]) for change in changes]
    return rewarded - ran


def test_storage_is_counted_to_the_byte(near: NearClient, new_account: NewAccount) -> None:
    keeper = new_account("keeper", wasm=KEEPER)
    empty = 100 + (33 + 9 + 40) + len(KEEPER)
    assert _usage(near, keeper) == empty
    near.send(keeper, keeper.account_id, [call("set", b"12345")])
    assert _usage(near, keeper) == empty + 3 + 5 + 40
    near.send(keeper, keeper.account_id, [call("set", b"1")])
    assert _usage(near, keeper) == empty + 3 + 1 + 40
    near.send(keeper, keeper.account_id, [call("set_and_panic", b"1234567")])
    assert _usage(near, keeper) == empty + 3 + 1 + 40
    near.send(keeper, keeper.account_id, [call("remove")])
    assert _usage(near, keeper) == empty


def test_keys_are_counted_to_the_byte(near: NearClient, new_account: NewAccount) -> None:
    alice, key = new_account("alice"), Key.generate()
    for allowance, methods, size in (
        (None, [], 33 + 8 + 1 + 1 + (4 + 9) + 4 + 40),
        (5, ["ab", "c"], 33 + 8 + 1 + 17 + (4 + 9) + 4 + (4 + 2) + (4 + 1) + 40),
    ):
        add = tx.create_function_call_access_key_action(
            key.public_bytes, allowance, "test.near", methods
        )
        near.send(alice, alice.account_id, [add])
        assert _usage(near, alice) == 182 + size
        delete = tx.create_delete_access_key_action(key.public_bytes)
        near.send(alice, alice.account_id, [delete])
        assert _usage(near, alice) == 182


def test_a_new_contract_replaces_the_bytes_of_the_old(
    near: NearClient, new_account: NewAccount
) -> None:
    keeper, other = new_account("keeper", wasm=KEEPER), contract({"nothing": ""})
    near.send(keeper, keeper.account_id, [tx.create_deploy_contract_action(other)])
    assert _usage(near, keeper) == 182 + len(other)


def test_storage_needs_a_balance_to_the_yocto(near: NearClient, root: Signer) -> None:
    needed = (182 + len(KEEPER)) * BYTE
    for name, amount, lacking in (("poor", needed - 1, "1"), ("rich", needed, None)):
        actions = [
            tx.create_create_account_action(),
            tx.create_transfer_action(amount),
            tx.create_full_access_key_action(Key.generate().public_bytes),
            tx.create_deploy_contract_action(KEEPER),
        ]
        outcome = near.send(root, f"{name}.test.near", actions)
        if lacking is None:
            assert outcome.failure is None
        else:
            kind = {"account_id": f"{name}.test.near", "amount": lacking}
            assert outcome.failure["ActionError"] == {
                "index": None,
                "kind": {"LackBalanceForState": kind},
            }


def test_a_small_account_needs_no_balance(near: NearClient, root: Signer) -> None:
    assert _create(near, root, "empty.test.near", amount=0) is None
    assert near.balance("empty.test.near") == 0


def test_staking_is_refused(near: NearClient, new_account: NewAccount) -> None:
    alice = new_account("alice")
    stake = tx.create_staking_action(100 * NEAR, alice.key.public_bytes)
    outcome = near.send(alice, alice.account_id, [stake], "FINAL")
    assert _kind(outcome.failure)["TriesToStake"]["stake"] == str(100 * NEAR)


def _usage(near: NearClient, signer: Signer) -> int:
    return int(near.view_account(signer.account_id)["storage_usage"])


def test_a_transfer_makes_an_eth_implicit_account(near: NearClient, root: Signer) -> None:
    name = "0x" + "ab" * 20
    made = near.send(root, name, [tx.create_transfer_action(NEAR)])
    assert made.failures == []
    # it has a contract that all such accounts share, and no key
    assert made.gas_burnt == 2 * (108_059_500_000 + 115_123_062_500 + 3_850_000_000_000)
    account = near.view_account(name)
    assert (account["amount"], account["storage_usage"]) == (str(NEAR), 132)
    assert account["global_contract_hash"] == "2zodJZK2e4nnv5AqwCRnenNSmkikXhEd7PPY6BmfTmW4"
    assert near.query("view_access_key_list", name)["keys"] == []
    again = near.send(root, name, [tx.create_transfer_action(NEAR)])
    assert (again.failures, near.balance(name)) == ([], 2 * NEAR)


def test_the_wallet_of_an_eth_implicit_account_is_not_there(near: NearClient, root: Signer) -> None:
    name = "0x" + "cd" * 20
    near.send(root, name, [tx.create_transfer_action(NEAR)])
    identifier = {"hash": "2zodJZK2e4nnv5AqwCRnenNSmkikXhEd7PPY6BmfTmW4"}
    called = near.send(root, name, [call("rlp_execute", deposit=5)], "FINAL")
    assert _kind(called.failure) == {"GlobalContractDoesNotExist": {"identifier": identifier}}
    assert near.balance(name) == NEAR
    with pytest.raises(JsonRpcError) as missing:
        near.query("view_code", name)
    assert missing.value.error["cause"]["name"] == "NO_GLOBAL_CONTRACT_CODE"
    with pytest.raises(ViewError, match="CodeDoesNotExist"):
        near.view(name, "get_nonce")
