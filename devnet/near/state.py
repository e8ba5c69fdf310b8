"""The chain's state: one map of records, a working copy for each receipt, and its past.

Records are named like nearcore's trie keys and their values are immutable, so that old values can
be kept and whole maps copied. Each block keeps the values that it replaced, which is how a past
block is read: from its height upward, the first block that replaced a record tells its value.
"""

from collections import deque
from collections.abc import Iterator
from enum import IntEnum
from typing import Any, NamedTuple, cast

from devnet.near import fees
from devnet.near.actions import AccessKey
from devnet.near.crypto import key_bytes


class Column(IntEnum):
    """The kinds of record."""

    ACCOUNT = 0
    ACCESS_KEY = 1
    CODE = 2
    DATA = 3


class Record(NamedTuple):
    """The name of a record: `key` is a public key's text, or a contract's storage key."""

    column: Column
    account_id: str
    key: str | bytes = ""


class Account(NamedTuple):
    """An account: `amount` in yocto, `code_hash` in base58 (all ones without a contract).

    `global_contract` is the hash of a contract that the account shares with others, if it does.
    """

    amount: int
    code_hash: str
    storage_usage: int
    global_contract: str | None = None

    def missing_for_storage(self) -> int:
        """The yocto that the account lacks for its storage, 0 when it has enough."""
        if self.storage_usage <= fees.ZERO_BALANCE_BYTES:
            return 0
        return max(0, self.storage_usage * fees.STORAGE_YOCTO_PER_BYTE - self.amount)


Value = Account | AccessKey | bytes
Values = dict[Record, Value | None]


class Change(NamedTuple):
    """A record written in a block, why (nearcore's StateChangeCause), and its new value."""

    record: Record
    cause: dict[str, Any]
    value: Value | None


def key_storage(public_key: str, key: AccessKey) -> int:
    """The bytes of storage that an access key occupies."""
    return len(key_bytes(public_key)) + key.storage_bytes() + fees.STORAGE_BYTES_RECORD


def data_storage(key: bytes, value: bytes) -> int:
    """The bytes of storage that a contract's record occupies."""
    return len(key) + len(value) + fees.STORAGE_BYTES_RECORD


class Reader:
    """Typed reading, over the present, the past, or a working copy."""

    def get(self, record: Record) -> Value | None:
        """The value of a record, None when there is none."""
        raise NotImplementedError

    def names(self) -> Iterator[Record]:
        """Every record that may have a value here; some may have none any more."""
        raise NotImplementedError

    def account(self, account_id: str) -> Account | None:
        """An account."""
        return cast(Account | None, self.get(Record(Column.ACCOUNT, account_id)))

    def access_key(self, account_id: str, public_key: str) -> AccessKey | None:
        """An access key."""
        return cast(AccessKey | None, self.get(Record(Column.ACCESS_KEY, account_id, public_key)))

    def code(self, account_id: str) -> bytes | None:
        """The wasm of an account's contract."""
        return cast(bytes | None, self.get(Record(Column.CODE, account_id)))

    def data(self, account_id: str, key: bytes) -> bytes | None:
        """A record in a contract's storage."""
        return cast(bytes | None, self.get(Record(Column.DATA, account_id, key)))

    def records_of(self, account_id: str, column: Column) -> list[tuple[Record, Value]]:
        """All records of one kind of an account, sorted by key."""
        found = []
        for record in self.names():
            if record.account_id == account_id and record.column is column:
                value = self.get(record)
                if value is not None:
                    found.append((record, value))
        return sorted(found, key=lambda pair: _sort_key(pair[0]))


def _sort_key(record: Record) -> bytes:
    if isinstance(record.key, bytes):
        return record.key
    return key_bytes(record.key) if record.key else b""


class State(Reader):
    """The state after the head block, and what each block that is kept replaced."""

    def __init__(self) -> None:
        self.values: dict[Record, Value] = {}
        self._replaced: deque[tuple[int, Values]] = deque()
        self._open: Values = {}  # what the block under way has replaced so far

    def get(self, record: Record) -> Value | None:
        return self.values.get(record)

    def names(self) -> Iterator[Record]:
        return iter(self.values)

    def put(self, record: Record, value: Value | None) -> None:
        """Set or (None) remove a record, in the block under way."""
        if record not in self._open:
            self._open[record] = self.values.get(record)
        if value is None:
            self.values.pop(record, None)
        else:
            self.values[record] = value

    def close_block(self, height: int) -> None:
        """The block at `height` is complete: file what it replaced."""
        self._replaced.append((height, self._open))
        self._open = {}

    def forget(self, height: int) -> None:
        """The block at `height` is the oldest whose state is still asked for."""
        while self._replaced and self._replaced[0][0] <= height:
            self._replaced.popleft()

    @property
    def blocks_held(self) -> int:
        """How many blocks' replaced values are kept."""
        return len(self._replaced)

    def undo_block(self) -> None:
        """Put back what the newest block replaced."""
        _, replaced = self._replaced.pop()
        for record, value in replaced.items():
            if value is None:
                self.values.pop(record, None)
            else:
                self.values[record] = value

    def at(self, height: int) -> Reader:
        """The state after the block at `height`; the caller knows that it is still kept."""
        newer: list[Values] = []
        for at_height, values in reversed(self._replaced):
            if at_height <= height:
                break
            if values:
                newer.append(values)
        return PastState(self, newer[::-1]) if newer else self

    def copy(self) -> "State":
        """An independent copy, for a snapshot; values are shared, since they never change."""
        copied = State()
        copied.values = dict(self.values)
        copied._replaced = self._replaced.copy()
        return copied


class PastState(Reader):
    """The state after a past block; `newer` is what each later block replaced, oldest first."""

    def __init__(self, present: State, newer: list[Values]) -> None:
        self._present, self._newer = present, newer

    def get(self, record: Record) -> Value | None:
        for values in self._newer:
            if record in values:
                return values[record]
        return self._present.get(record)

    def names(self) -> Iterator[Record]:
        seen = set(self._present.values)
        seen.update(*self._newer)
        return iter(seen)


class Working(Reader):
    """A working copy: what a receipt writes, kept apart until it is known to succeed."""

    def __init__(self, base: Reader) -> None:
        self._base = base
        self._written: Values = {}

    def get(self, record: Record) -> Value | None:
        if record in self._written:
            return self._written[record]
        return self._base.get(record)

    def names(self) -> Iterator[Record]:
        return iter({*self._base.names(), *self._written})

    def put(self, record: Record, value: Value | None) -> None:
        """Set or (None) remove a record here."""
        self._written[record] = value

    def put_account(self, account_id: str, account: Account | None) -> None:
        """Set an account."""
        self.put(Record(Column.ACCOUNT, account_id), account)

    def put_access_key(self, account_id: str, public_key: str, key: AccessKey | None) -> None:
        """Set an access key."""
        self.put(Record(Column.ACCESS_KEY, account_id, public_key), key)

    def put_data(self, account_id: str, key: bytes, value: bytes | None) -> None:
        """Set a record in a contract's storage."""
        self.put(Record(Column.DATA, account_id, key), value)

    def discard(self) -> None:
        """Forget all that was written."""
        self._written = {}

    def commit(self, state: State, cause: dict[str, Any]) -> list[Change]:
        """Move what was written into the state; returns the changes."""
        changes = []
        for record, value in self._written.items():
            if value is not None or state.get(record) is not None:
                state.put(record, value)
                changes.append(Change(record, cause, value))
        self._written = {}
        return changes
