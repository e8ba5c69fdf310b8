"""The contract's own storage."""

from devnet.near import fees
from devnet.near.errors import HostError
from devnet.near.host.imports import imported
from devnet.near.host.logic import Logic
from devnet.near.state import data_storage


@imported
def storage_write(
    logic: Logic, key_length: int, key_at: int, value_length: int, value_at: int, register: int
) -> int:
    """Write a record; the value that it replaces goes to the register, 1 tells that it did."""
    logic.pay(fees.HOST)
    logic.forbid_in_view("storage_write")
    logic.pay(fees.STORAGE_WRITE)
    key = _key(logic, key_length, key_at)
    value = logic.bytes_at(value_length, value_at)
    if len(value) > fees.MAX_STORAGE_VALUE:
        size, limit = len(value), fees.MAX_STORAGE_VALUE
        text = f"The length of a storage value {size} exceeds the limit {limit}"
        raise HostError("ValueLengthExceeded", text, length=size, limit=limit)
    logic.pay(fees.STORAGE_WRITE_KEY, len(key))
    logic.pay(fees.STORAGE_WRITE_VALUE, len(value))
    owner = logic.context.current_account_id
    replaced = logic.working.data(owner, key)
    logic.working.put_data(owner, key, value)
    logic.storage_usage += data_storage(key, value)
    if replaced is None:
        return 0
    logic.storage_usage -= data_storage(key, replaced)
    logic.pay(fees.STORAGE_WRITE_EVICTED, len(replaced))
    logic.set_register(register, replaced)
    return 1


@imported
def storage_read(logic: Logic, key_length: int, key_at: int, register: int) -> int:
    """Read a record into the register; 0 when there is none."""
    logic.pay(fees.HOST)
    key = _key(logic, key_length, key_at)
    logic.pay(fees.STORAGE_READ, len(key))
    value = logic.working.data(logic.context.current_account_id, key)
    if value is None:
        return 0
    logic.pay(fees.STORAGE_READ_VALUE, len(value))
    logic.set_register(register, value)
    return 1


@imported
def storage_remove(logic: Logic, key_length: int, key_at: int, register: int) -> int:
    """Remove a record, its value into the register; 0 when there is none."""
    logic.pay(fees.HOST)
    logic.forbid_in_view("storage_remove")
    key = _key(logic, key_length, key_at)
    logic.pay(fees.STORAGE_REMOVE, len(key))
    owner = logic.context.current_account_id
    value = logic.working.data(owner, key)
    if value is None:
        return 0
    logic.working.put_data(owner, key, None)
    logic.storage_usage -= data_storage(key, value)
    logic.pay(fees.STORAGE_REMOVE_VALUE, len(value))
    logic.set_register(register, value)
    return 1


@imported
def storage_has_key(logic: Logic, key_length: int, key_at: int) -> int:
    """Whether there is a record."""
    logic.pay(fees.HOST)
    key = _key(logic, key_length, key_at)
    logic.pay(fees.STORAGE_HAS_KEY, len(key))
    return int(logic.working.data(logic.context.current_account_id, key) is not None)


def _key(logic: Logic, length: int, pointer: int) -> bytes:
    key = logic.bytes_at(length, pointer)
    if len(key) > fees.MAX_STORAGE_KEY:
        size, limit = len(key), fees.MAX_STORAGE_KEY
        text = f"The length of a storage key {size} exceeds the limit {limit}"
        raise HostError("KeyLengthExceeded", text, length=size, limit=limit)
    return key


def _deprecated(name: str) -> HostError:
    text = f"Attempted to call deprecated host function {name}"
    return HostError("Deprecated", text, method_name=name)


@imported
def storage_iter_prefix(logic: Logic, length: int, pointer: int) -> int:
    """Deprecated by nearcore."""
    raise _deprecated("storage_iter_prefix")


@imported
def storage_iter_range(logic: Logic, start: int, start_at: int, end: int, end_at: int) -> int:
    """Deprecated by nearcore."""
    raise _deprecated("storage_iter_range")


@imported
def storage_iter_next(logic: Logic, iterator: int, key: int, value: int) -> int:
    """Deprecated by nearcore."""
    raise _deprecated("storage_iter_next")
