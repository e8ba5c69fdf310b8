"""Logs, return values and panics."""

from devnet.near import fees
from devnet.near.errors import HostError, guest_panic
from devnet.near.host.imports import imported, imported_narrow
from devnet.near.host.logic import U64_MAX, Logic


@imported
def value_return(logic: Logic, length: int, pointer: int) -> None:
    """Set the value that the call returns."""
    logic.pay(fees.HOST)
    value = logic.bytes_at(length, pointer)
    if len(value) > fees.MAX_RETURNED_DATA:
        size, limit = len(value), fees.MAX_RETURNED_DATA
        text = f"The length of a returned value {size} exceeds the limit {limit}"
        raise HostError("ReturnedValueLengthExceeded", text, length=size, limit=limit)
    receivers = logic.context.data_receivers
    logic.burn_fee(fees.DATA_RECEIPT_BYTE.times(len(value) * receivers))
    logic.returned = value


@imported
def panic(logic: Logic) -> None:
    """Fail without a message."""
    logic.pay(fees.HOST)
    raise guest_panic("explicit guest panic")


@imported
def panic_utf8(logic: Logic, length: int, pointer: int) -> None:
    """Fail with a message."""
    logic.pay(fees.HOST)
    raise guest_panic(_text(logic, length, pointer))


@imported
def log_utf8(logic: Logic, length: int, pointer: int) -> None:
    """Log a message."""
    logic.pay(fees.HOST)
    _log(logic, _text(logic, length, pointer))


@imported
def log_utf16(logic: Logic, length: int, pointer: int) -> None:
    """Log a message in UTF-16, little-endian; `length` in bytes."""
    logic.pay(fees.HOST)
    _log(logic, _utf16(logic, length, pointer))


@imported_narrow
def abort(logic: Logic, message: int, file: int, line: int, column: int) -> None:
    """AssemblyScript's panic: pointers to UTF-16 strings whose length stands 4 bytes before."""
    logic.pay(fees.HOST)
    if message < 4 or file < 4:
        raise HostError("BadUTF16", "String encoding is bad UTF-16 sequence.")
    texts = []
    for pointer in (message, file):
        length = int.from_bytes(logic.read_memory(pointer - 4, 4), "little")
        texts.append(_utf16(logic, length, pointer))
    raise guest_panic(f'{texts[0]}, filename: "{texts[1]}" line: {line} col: {column}')


def _log(logic: Logic, message: str) -> None:
    if len(logic.logs) >= fees.MAX_LOGS:
        text = f"The number of logs will exceed the limit {fees.MAX_LOGS}"
        raise HostError("NumberOfLogsExceeded", text, limit=fees.MAX_LOGS)
    size = len(message.encode())
    logic.pay(fees.LOG, size)
    logic.log_bytes += size
    _require_log_room(logic.log_bytes)
    logic.logs.append(message)


def _require_log_room(total: int) -> None:
    if total > fees.MAX_LOG_BYTES:
        text = f"The length of a log message {total} exceeds the limit {fees.MAX_LOG_BYTES}"
        raise HostError("TotalLogLengthExceeded", text, length=total, limit=fees.MAX_LOG_BYTES)


def _text(logic: Logic, length: int, pointer: int) -> str:
    if length != U64_MAX:
        _require_log_room(logic.log_bytes + length)
        return logic.text_at(length, pointer)
    data = bytearray()
    while (byte := logic.read_memory(pointer + len(data), 1)) != b"\0":
        data += byte
        _require_log_room(logic.log_bytes + len(data))
    logic.pay(fees.UTF8, len(data))
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise HostError("BadUTF8", "String encoding is bad UTF-8 sequence.") from None


def _utf16(logic: Logic, length: int, pointer: int) -> str:
    if length == U64_MAX:
        data = bytearray()
        while (pair := logic.read_memory(pointer + len(data), 2)) != b"\0\0":
            data += pair
            _require_log_room(logic.log_bytes + len(data))
    else:
        _require_log_room(logic.log_bytes + length)
        data = bytearray(logic.read_memory(pointer, length))
    logic.pay(fees.UTF16, len(data))
    try:
        return data.decode("utf-16-le")
    except UnicodeDecodeError:
        raise HostError("BadUTF16", "String encoding is bad UTF-16 sequence.") from None
