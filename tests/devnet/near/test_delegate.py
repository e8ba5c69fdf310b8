"""Delegate actions (NEP-366): one signs, another pays and sends."""

import base64
from typing import Any

import pytest
from py_near import transactions as tx

from devnet.jsonrpc import JsonRpcError
from devnet.near.client import NEAR, TGAS, Key, NearClient, Outcome, Signer, call
from devnet.near.crypto import base58_decode
from tests.devnet.near.conftest import NewAccount
from tests.devnet.near.contracts import KEEPER, contract, value_of
from tests.devnet.near.delegates import delegated, nonce_of

GAS_PRICE = 100_000_000
RECEIPT = 108_059_500_000
DELEGATE = 200_000_000_000
TRANSFER = 115_123_062_500

WHO = contract({"who": value_of("(call $predecessor_account_id (i64.const 0))")})


@pytest.fixture
def alice(new_account: NewAccount) -> Signer:
    return new_account("alice")


@pytest.fixture
def relayer(new_account: NewAccount) -> Signer:
    return new_account("relayer")


@pytest.fixture
def keeper(new_account: NewAccount) -> Signer:
    return new_account("keeper", wasm=KEEPER)


def _kind(outcome: Outcome) -> Any:
    return outcome.failure["ActionError"]["kind"]


def test_the_contract_sees_the_sender_and_the_relayer_pays(
    near: NearClient, alice: Signer, relayer: Signer, new_account: NewAccount
) -> None:
    new_account("who", wasm=WHO)
    alice_before, relayer_before = (
        near.balance("alice.test.near"),
        near.balance("relayer.test.near"),
    )
    nonce = nonce_of(near, alice)
    sent = near.send(
        relayer,
        "alice.test.near",
        [delegated(near, alice, "who.test.near", [call("who", deposit=7, gas=30 * TGAS)])],
        "FINAL",
    )
    assert sent.failures == []
    inner = next(each for each in sent.receipts if each["executor_id"] == "who.test.near")
    assert base64.b64decode(inner["status"]["SuccessValue"]) == b"alice.test.near"
    assert nonce_of(near, alice) == nonce + 1
    assert near.balance("alice.test.near") == alice_before
    # tokens_burnt counts the part of the gas that the contract earns, too
    assert near.balance("relayer.test.near") == relayer_before - 7 - sent.tokens_burnt


def test_it_burns_what_nearcores_parameters_say(
    near: NearClient, alice: Signer, relayer: Signer
) -> None:
    transfer = [tx.create_transfer_action(1)]
    sent = near.send(
        relayer, "alice.test.near", [delegated(near, alice, "test.near", transfer)], "FINAL"
    )
    burnt = [each["gas_burnt"] for each in sent.receipts if each["gas_burnt"] != 0]
    assert sent.raw["transaction_outcome"]["outcome"]["gas_burnt"] == RECEIPT + DELEGATE + TRANSFER
    assert burnt[:2] == [RECEIPT + DELEGATE + TRANSFER, RECEIPT + TRANSFER]
    assert sent.tokens_burnt == sent.gas_burnt * GAS_PRICE


def test_a_failed_call_returns_the_deposit_to_the_sender_and_the_gas_to_the_relayer(
    near: NearClient, alice: Signer, relayer: Signer, keeper: Signer
) -> None:
    alice_before, relayer_before = (
        near.balance("alice.test.near"),
        near.balance("relayer.test.near"),
    )
    actions = [call("set_and_panic", deposit=9)]
    sent = near.send(
        relayer, "alice.test.near", [delegated(near, alice, keeper.account_id, actions)], "FINAL"
    )
    assert len(sent.failures) == 1
    assert near.balance("alice.test.near") == alice_before + 9
    assert near.balance("relayer.test.near") == relayer_before - 9 - sent.tokens_burnt


def test_a_signature_by_another_key(near: NearClient, alice: Signer, relayer: Signer) -> None:
    action = delegated(
        near, alice, "test.near", [tx.create_transfer_action(1)], signed_by=Key.generate()
    )
    sent = near.send(relayer, alice.account_id, [action], "FINAL")
    assert _kind(sent) == "DelegateActionInvalidSignature"


def test_max_block_height_is_the_last_height_at_which_it_runs(
    near: NearClient, alice: Signer, relayer: Signer
) -> None:
    def outcome(margin: int) -> Outcome:
        head = near.rpc.call("status")["sync_info"]["latest_block_height"]
        action = delegated(
            near, alice, "test.near", [tx.create_transfer_action(1)], until=head + margin
        )
        return near.send(relayer, alice.account_id, [action], "FINAL")

    assert outcome(2).failures == []  # it runs in the block after that of the transaction
    assert _kind(outcome(1)) == "DelegateActionExpired"


def test_the_receiver_of_the_transaction_must_be_the_sender(
    near: NearClient, alice: Signer, relayer: Signer
) -> None:
    action = delegated(near, alice, "test.near", [tx.create_transfer_action(1)])
    sent = near.send(relayer, "test.near", [action], "FINAL")
    assert _kind(sent) == {
        "DelegateActionSenderDoesNotMatchTxReceiver": {
            "sender_id": "alice.test.near",
            "receiver_id": "test.near",
        }
    }


def test_an_unknown_key(near: NearClient, alice: Signer, relayer: Signer) -> None:
    stranger = Signer(alice.account_id, Key.generate())
    action = delegated(near, stranger, "test.near", [tx.create_transfer_action(1)], nonce=1)
    sent = near.send(relayer, alice.account_id, [action], "FINAL")
    missing = {"account_id": "alice.test.near", "public_key": stranger.key.public_key}
    assert _kind(sent) == {"DelegateActionAccessKeyError": {"AccessKeyNotFound": missing}}


def test_nonces_grow_and_stay_below_the_height(
    near: NearClient, alice: Signer, relayer: Signer
) -> None:
    last = nonce_of(near, alice)

    def kind(nonce: int) -> Any:
        transfer = [tx.create_transfer_action(1)]
        action = delegated(near, alice, "test.near", transfer, nonce=nonce)
        return _kind(near.send(relayer, alice.account_id, [action], "FINAL"))

    same = {"delegate_nonce": last, "ak_nonce": last}
    assert kind(last) == {"DelegateActionInvalidNonce": same}
    refused = kind(10**15)["DelegateActionNonceTooLarge"]
    assert refused["delegate_nonce"] == 10**15
    assert refused["upper_bound"] % 1_000_000 == 0
    assert nonce_of(near, alice) == last


def test_the_same_action_runs_once(near: NearClient, alice: Signer, relayer: Signer) -> None:
    action = delegated(near, alice, "test.near", [tx.create_transfer_action(1)])
    assert near.send(relayer, alice.account_id, [action], "FINAL").failures == []
    again = near.send(relayer, alice.account_id, [action], "FINAL")
    assert "DelegateActionInvalidNonce" in _kind(again)


def test_a_call_key_delegates_its_calls_only(
    near: NearClient, alice: Signer, relayer: Signer, keeper: Signer
) -> None:
    key = Key.generate()
    add = tx.create_function_call_access_key_action(
        key.public_bytes, NEAR, keeper.account_id, ["set"]
    )
    near.send(alice, alice.account_id, [add], "FINAL")
    limited = Signer(alice.account_id, key)

    def outcome(receiver_id: str, actions: list[Any]) -> Outcome:
        action = delegated(near, limited, receiver_id, actions)
        return near.send(relayer, alice.account_id, [action], "FINAL")

    def refusal(receiver_id: str, actions: list[Any]) -> Any:
        return _kind(outcome(receiver_id, actions))["DelegateActionAccessKeyError"]

    assert outcome(keeper.account_id, [call("set", b"1")]).failures == []
    assert refusal(keeper.account_id, [call("set"), call("set")]) == "RequiresFullAccess"
    assert refusal(keeper.account_id, [tx.create_transfer_action(1)]) == "RequiresFullAccess"
    assert refusal(keeper.account_id, [call("set", deposit=1)]) == "DepositWithFunctionCall"
    assert refusal(keeper.account_id, [call("get")]) == {
        "MethodNameMismatch": {"method_name": "get"}
    }
    assert refusal("relayer.test.near", [call("set")]) == {
        "ReceiverMismatch": {"tx_receiver": "relayer.test.near", "ak_receiver": keeper.account_id}
    }


def test_it_cannot_contain_another(near: NearClient, alice: Signer, relayer: Signer) -> None:
    action = delegated(near, alice, "test.near", [tx.create_create_account_action()])
    signed = base64.b64decode(near.sign(relayer, alice.account_id, [action]))
    names = b"".join(
        len(name).to_bytes(4, "little") + name for name in (b"alice.test.near", b"test.near")
    )
    first_action = signed.index(names) + len(names) + 4
    assert signed[first_action] == 0
    nested = signed[:first_action] + b"\x08" + signed[first_action + 1 :]
    with pytest.raises(JsonRpcError, match="DelegateAction mustn't contain a nested one"):
        near.rpc.call("send_tx", base64.b64encode(nested).decode())


def test_there_is_one_in_a_transaction_at_most(
    near: NearClient, alice: Signer, relayer: Signer
) -> None:
    action = delegated(near, alice, "test.near", [tx.create_transfer_action(1)])
    with pytest.raises(JsonRpcError) as refused:
        near.send(relayer, alice.account_id, [action, action])
    invalid = refused.value.error["data"]["TxExecutionError"]["InvalidTxError"]
    assert invalid == {"ActionsValidation": "DelegateActionMustBeOnlyOne"}


def test_what_it_contains_is_validated(near: NearClient, alice: Signer, relayer: Signer) -> None:
    action = delegated(near, alice, "test.near", [call("set", gas=0)])
    with pytest.raises(JsonRpcError) as refused:
        near.send(relayer, alice.account_id, [action])
    invalid = refused.value.error["data"]["TxExecutionError"]["InvalidTxError"]
    assert invalid == {"ActionsValidation": "FunctionCallZeroAttachedGas"}


def test_the_signature_is_shown_as_it_was_sent(
    near: NearClient, alice: Signer, relayer: Signer
) -> None:
    action = delegated(near, alice, "test.near", [tx.create_transfer_action(5)], until=77)
    sent = near.send(relayer, alice.account_id, [action], "FINAL")
    shown = sent.raw["transaction"]["actions"][0]["Delegate"]
    assert shown["delegate_action"] == {
        "sender_id": "alice.test.near",
        "receiver_id": "test.near",
        "actions": [{"Transfer": {"deposit": "5"}}],
        "nonce": nonce_of(near, alice),
        "max_block_height": 77,
        "public_key": alice.key.public_key,
    }
    assert base58_decode(shown["signature"].removeprefix("ed25519:")) == bytes(action.signature)
