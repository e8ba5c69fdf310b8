"""`EXPERIMENTAL_changes`: what a block wrote, by account and kind, with the cause."""

from collections.abc import Callable, Iterable
from typing import Any

from devnet.near import views
from devnet.near.actions import AccessKey
from devnet.near.params import Params, invalid
from devnet.near.receipts import Block
from devnet.near.state import Account, Change, Column, Record

_KINDS = {
    Column.ACCOUNT: "account",
    Column.ACCESS_KEY: "access_key",
    Column.CODE: "contract_code",
    Column.DATA: "data",
}
_TYPES = (
    "account_changes",
    "single_access_key_changes",
    "all_access_key_changes",
    "contract_code_changes",
    "data_changes",
)


def changes(request: Params, block: Block) -> dict[str, Any]:
    """The changes in a block that the request asks for, ordered by record like nearcore's."""
    wanted = _filter(request)
    found = [change for change in block.changes if wanted(change.record)]
    ordered = sorted(found, key=lambda change: _order(change.record))
    return {"block_hash": block.hash, "changes": [_view(change) for change in ordered]}


def changes_in_block(block: Block) -> dict[str, Any]:
    """Which accounts a block touched, and what of them."""
    touched = {(change.record.column, change.record.account_id) for change in block.changes}
    return {
        "block_hash": block.hash,
        "changes": [
            {"type": f"{_KINDS[column]}_touched", "account_id": account_id}
            for column, account_id in sorted(touched)
        ],
    }


def _filter(request: Params) -> Callable[[Record], bool]:
    kind = request.text("changes_type")
    if kind == "single_access_key_changes":
        keys = request.keys("keys")
        return _is(Column.ACCESS_KEY, keys, lambda record: (record.account_id, record.key))
    if kind not in _TYPES:
        known = ", ".join(f"`{name}`" for name in _TYPES)
        raise invalid(f"unknown variant `{kind}`, expected one of {known}")
    accounts = request.accounts("account_ids")
    if kind == "data_changes":
        prefix = request.base64("key_prefix_base64")
        return lambda record: (
            record.column is Column.DATA
            and record.account_id in accounts
            and isinstance(record.key, bytes)
            and record.key.startswith(prefix)
        )
    column = {
        "account_changes": Column.ACCOUNT,
        "all_access_key_changes": Column.ACCESS_KEY,
        "contract_code_changes": Column.CODE,
    }[kind]
    return _is(column, accounts, lambda record: record.account_id)


def _is(
    column: Column, wanted: Iterable[Any], of: Callable[[Record], Any]
) -> Callable[[Record], bool]:
    members = set(wanted)
    return lambda record: record.column is column and of(record) in members


def _order(record: Record) -> tuple[str, bytes]:
    key = record.key if isinstance(record.key, bytes) else record.key.encode()
    return record.account_id, key


def _view(change: Change) -> dict[str, Any]:
    record, value = change.record, change.value
    verb = "deletion" if value is None else "update"
    body: dict[str, Any] = {"account_id": record.account_id}
    if isinstance(record.key, bytes):
        body["key_base64"] = views.base64(record.key)
    elif record.column is Column.ACCESS_KEY:
        body["public_key"] = record.key
    match value:
        case Account():
            body |= views.account(value)
        case AccessKey():
            body["access_key"] = views.access_key(value)
        case bytes():
            name = "code_base64" if record.column is Column.CODE else "value_base64"
            body[name] = views.base64(value)
    return {"cause": change.cause, "type": f"{_KINDS[record.column]}_{verb}", "change": body}
