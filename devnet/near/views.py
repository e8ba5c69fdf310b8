"""The JSON of state, transactions and receipts, in nearcore's shapes."""

from base64 import b64encode
from hashlib import sha256
from typing import Any

from devnet.near import actions
from devnet.near.actions import AccessKey, Action
from devnet.near.receipts import ActionReceipt, DataReceipt, Outcome, Receipt
from devnet.near.state import Account
from devnet.near.status import Progress
from devnet.near.transaction import SignedTransaction


def base64(data: bytes) -> str:
    """Bytes as base64 text."""
    return b64encode(data).decode()


# state


def account(value: Account) -> dict[str, Any]:
    """An account; as in nearcore, `global_contract_hash` is there only when it uses one."""
    answer = {
        "amount": str(value.amount),
        "locked": "0",
        "code_hash": value.code_hash,
        "storage_usage": value.storage_usage,
        "storage_paid_at": 0,
    }
    if value.global_contract is not None:
        answer["global_contract_hash"] = value.global_contract
    return answer


def access_key(key: AccessKey) -> dict[str, Any]:
    """An access key."""
    if key.permission is None:
        return {"nonce": key.nonce, "permission": "FullAccess"}
    allowance = key.permission.allowance
    call = {
        "allowance": None if allowance is None else str(allowance),
        "receiver_id": key.permission.receiver_id,
        "method_names": list(key.permission.method_names),
    }
    return {"nonce": key.nonce, "permission": {"FunctionCall": call}}


# transactions


def action(value: Action) -> Any:
    """An action; code is shown as the base64 of its hash, as nearcore does."""
    match value:
        case actions.CreateAccount():
            return "CreateAccount"
        case actions.DeployContract(code):
            return {"DeployContract": {"code": base64(sha256(code).digest())}}
        case actions.Delegate():
            return _delegate(value)
        case _:
            return _shown_alike(value)


def _delegate(value: actions.Delegate) -> Any:
    body = {
        "sender_id": value.sender_id,
        "receiver_id": value.receiver_id,
        "actions": [_delegated(each) for each in value.actions],
        "nonce": value.nonce,
        "max_block_height": value.max_block_height,
        "public_key": value.public_key,
    }
    return {"Delegate": {"delegate_action": body, "signature": value.signature}}


def _delegated(value: actions.PlainAction) -> Any:
    """An action within a delegate: nearcore shows it by its own form there, not as a view."""
    match value:
        case actions.CreateAccount():
            return {"CreateAccount": {}}
        case actions.DeployContract(code):
            return {"DeployContract": {"code": base64(code)}}
        case _:
            return _shown_alike(value)


def _shown_alike(
    value: actions.FunctionCall
    | actions.Transfer
    | actions.Stake
    | actions.AddKey
    | actions.DeleteKey
    | actions.DeleteAccount,
) -> Any:
    match value:
        case actions.FunctionCall(method_name, args, gas, deposit):
            call = {"method_name": method_name, "args": base64(args)}
            return {"FunctionCall": {**call, "gas": gas, "deposit": str(deposit)}}
        case actions.Transfer(deposit):
            return {"Transfer": {"deposit": str(deposit)}}
        case actions.Stake(stake, public_key):
            return {"Stake": {"stake": str(stake), "public_key": public_key}}
        case actions.AddKey(public_key, key):
            return {"AddKey": {"public_key": public_key, "access_key": access_key(key)}}
        case actions.DeleteKey(public_key):
            return {"DeleteKey": {"public_key": public_key}}
        case actions.DeleteAccount(beneficiary_id):
            return {"DeleteAccount": {"beneficiary_id": beneficiary_id}}


def transaction(value: SignedTransaction) -> dict[str, Any]:
    """A signed transaction."""
    return {
        "signer_id": value.signer_id,
        "public_key": value.public_key,
        "nonce": value.nonce,
        "receiver_id": value.receiver_id,
        "actions": [action(each) for each in value.actions],
        "priority_fee": 0,
        "signature": value.signature,
        "hash": value.hash,
    }


def receipt(value: Receipt) -> dict[str, Any]:
    """A receipt of actions or of data."""
    body = {"Data": _data(value)} if isinstance(value, DataReceipt) else {"Action": _action(value)}
    return {
        "predecessor_id": value.predecessor_id,
        "receiver_id": value.receiver_id,
        "receipt_id": value.id,
        "receipt": body,
        "priority": 0,
    }


def _data(value: DataReceipt) -> dict[str, Any]:
    data = None if value.data is None else base64(value.data)
    return {"data_id": value.data_id, "data": data, "is_promise_resume": False}


def _action(value: ActionReceipt) -> dict[str, Any]:
    outputs = [
        {"data_id": data_id, "receiver_id": receiver}
        for data_id, receiver in value.output_receivers
    ]
    return {
        "signer_id": value.signer_id,
        "signer_public_key": value.signer_public_key,
        "gas_price": str(value.gas_price),
        "output_data_receivers": outputs,
        "input_data_ids": list(value.input_data_ids),
        "actions": [action(each) for each in value.actions],
        "is_promise_yield": False,
    }


def outcome(value: Outcome) -> dict[str, Any]:
    """The outcome of a transaction or a receipt."""
    return {
        "proof": [],
        "block_hash": value.block_hash,
        "id": value.id,
        "outcome": {
            "logs": list(value.logs),
            "receipt_ids": list(value.receipt_ids),
            "gas_burnt": value.gas_burnt,
            "tokens_burnt": str(value.tokens_burnt),
            "executor_id": value.executor_id,
            "status": value.status,
            "metadata": {"version": 3, "gas_profile": []},
        },
    }


def final_outcome(found: Progress, *, with_receipts: bool = False) -> dict[str, Any]:
    """A transaction with all its outcomes so far."""
    answer = {
        "final_execution_status": found.level,
        "status": found.status,
        "transaction": transaction(found.included.transaction),
        "transaction_outcome": outcome(found.outcome),
        "receipts_outcome": [outcome(each) for each in found.receipt_outcomes],
    }
    if with_receipts:
        answer["receipts"] = [receipt(each) for each in found.receipts]
    return answer
