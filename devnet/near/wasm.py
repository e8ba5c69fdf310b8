"""Reads contract wasm: refuses what is newer than wasm's first version, and sets the memory.

Contracts must be MVP modules, while wasmtime always accepts some newer features. So every section
and every instruction is looked at here for what the MVP has not (sign extension, saturating
conversion, bulk memory, reference types, several values, SIMD, threads, tail calls, exceptions);
whether an MVP module is valid in all other respects is left to wasmtime, which compiles it next.
Encodings: WebAssembly Core Specification 1.0, chapter 5.
"""

from collections.abc import Callable

from devnet.near import fees

MEMORY_EXPORT = "__contract_memory"

_CUSTOM, _TYPE, _IMPORT, _TABLE, _MEMORY, _GLOBAL, _EXPORT, _ELEMENT, _CODE, _DATA = (
    0, 1, 2, 4, 5, 6, 7, 9, 10, 11,
)  # fmt: skip
_LAST_SECTION = 11
_VALUE_TYPES = frozenset((0x7F, 0x7E, 0x7D, 0x7C))
_NO_RESULT = 0x40
_FUNCREF = 0x70
_END = 0x0B

# What follows an opcode: nothing, one or two integers, a block type, a vector of labels, a type
# and a zero, a zero, a float of 4 or 8 bytes; every other opcode is newer than the MVP.
_PLAIN, _INT, _PAIR, _BLOCK, _LABELS, _INDIRECT, _ZERO, _F32, _F64, _NEWER = range(10)


def _immediates() -> bytes:
    table = bytearray([_NEWER] * 256)
    for opcodes, kind in (
        ((0x00, 0x01, 0x05, 0x0B, 0x0F, 0x1A, 0x1B, *range(0x45, 0xC0)), _PLAIN),
        ((0x0C, 0x0D, 0x10, *range(0x20, 0x25), 0x41, 0x42), _INT),
        (range(0x28, 0x3F), _PAIR),
        ((0x02, 0x03, 0x04), _BLOCK),
        ((0x0E,), _LABELS),
        ((0x11,), _INDIRECT),
        ((0x3F, 0x40), _ZERO),
        ((0x43,), _F32),
        ((0x44,), _F64),
    ):
        for opcode in opcodes:
            table[opcode] = kind
    return bytes(table)


_IMMEDIATES = _immediates()


class InvalidWasmError(ValueError):
    """The bytes are not a wasm module of the first version; the message says why."""


def prepare(code: bytes) -> bytes:
    """The module as it is run: with nearcore's memory, exported under MEMORY_EXPORT.

    nearcore gives every contract the same memory (1,024 to 2,048 pages) whatever it declares. A
    module that has no memory gets none: the host functions then fail to reach it.
    Raises InvalidWasmError.
    """
    try:
        return _Module(code).prepared()
    except IndexError:
        raise InvalidWasmError("the module ends in the middle of a section") from None


class _Module:
    """One pass over a module; `at` is the position in it."""

    def __init__(self, code: bytes) -> None:
        if code[:8] != b"\0asm\1\0\0\0":
            raise InvalidWasmError("not a wasm module of version 1")
        self.code, self.at = code, 8
        self.memories = self.tables = 0

    def prepared(self) -> bytes:
        kept: dict[int, bytes] = {}
        while self.at < len(self.code):
            section = self._byte()
            size = self._unsigned()
            start, end = self.at, self.at + size
            if end > len(self.code):
                raise IndexError
            if section > _LAST_SECTION:
                raise InvalidWasmError(f"section {section} is newer than the MVP")
            if section in kept and section != _CUSTOM:
                raise InvalidWasmError(f"section {section} comes twice")
            kept[section] = self.code[start:end]
            self._check(section, end)
        return self._assemble(kept)

    def _assemble(self, kept: dict[int, bytes]) -> bytes:
        """The sections in their order, custom ones left out, with the memory in place."""
        kept.pop(_CUSTOM, None)
        if self.memories:
            if _IMPORT in kept:
                kept[_IMPORT] = self._imports_without_memory(kept[_IMPORT])
            limits = _leb(fees.INITIAL_MEMORY_PAGES) + _leb(fees.MAX_MEMORY_PAGES)
            kept[_MEMORY] = b"\1\1" + limits
            kept[_EXPORT] = _with_memory_export(kept.get(_EXPORT, b"\0"))
        sections = (
            bytes([section]) + _leb(len(kept[section])) + kept[section] for section in sorted(kept)
        )
        return self.code[:8] + b"".join(sections)

    # reading

    def _byte(self) -> int:
        self.at += 1
        return self.code[self.at - 1]

    def _unsigned(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
            if shift > 63:
                raise InvalidWasmError("integer is too long")

    def _skip(self, size: int) -> None:
        self.at += size

    def _each(self, read: Callable[[], None]) -> None:
        for _ in range(self._unsigned()):
            read()

    def _one_of(self, allowed: frozenset[int], what: str) -> None:
        value = self._byte()
        if value not in allowed:
            raise InvalidWasmError(f"{what} {value:#x} is newer than the MVP")

    # sections

    def _check(self, section: int, end: int) -> None:
        readers: dict[int, Callable[[], None]] = {
            _TYPE: self._function_type,
            _IMPORT: self._import,
            _TABLE: self._table,
            _MEMORY: self._memory,
            _GLOBAL: self._global,
            _ELEMENT: self._element,
            _CODE: self._body,
            _DATA: self._data,
        }
        if section == _CUSTOM:
            self._custom_name(end)
        elif section in readers:
            self._each(readers[section])
            if self.at != end:
                raise InvalidWasmError(f"section {section} has another length than it says")
        self.at = end

    def _custom_name(self, end: int) -> None:
        size = self._unsigned()
        name = self.code[self.at : self.at + size]
        if self.at + size > end:
            raise IndexError
        try:
            name.decode()
        except UnicodeDecodeError:
            raise InvalidWasmError("a custom section's name is not UTF-8") from None

    def _function_type(self) -> None:
        self._one_of(frozenset((0x60,)), "type form")
        self._each(self._value_type)
        results = self._unsigned()
        if results > 1:
            raise InvalidWasmError("a function with several results is newer than the MVP")
        for _ in range(results):
            self._value_type()

    def _value_type(self) -> None:
        self._one_of(_VALUE_TYPES, "value type")

    def _import(self) -> None:
        self._skip(self._unsigned())
        self._skip(self._unsigned())
        kind = self._byte()
        if kind == 0:
            self._unsigned()
        elif kind == 1:
            self._table()
        elif kind == 2:
            self._memory()
        elif kind == 3:
            self._value_type()
            self._byte()
        else:
            raise InvalidWasmError(f"import kind {kind} is newer than the MVP")

    def _table(self) -> None:
        self.tables += 1
        if self.tables > 1:
            raise InvalidWasmError("several tables are newer than the MVP")
        self._one_of(frozenset((_FUNCREF,)), "table type")
        self._limits()

    def _memory(self) -> None:
        self.memories += 1
        if self.memories > 1:
            raise InvalidWasmError("several memories are newer than the MVP")
        self._limits()

    def _limits(self) -> None:
        flag = self._byte()
        if flag > 1:
            raise InvalidWasmError(f"limits flag {flag} is newer than the MVP")
        for _ in range(1 + flag):
            self._unsigned()

    def _global(self) -> None:
        self._value_type()
        self._byte()
        self._constant()

    def _constant(self) -> None:
        opcode = self._byte()
        if opcode in (0x23, 0x41, 0x42):
            self._unsigned()
        elif opcode in (0x43, 0x44):
            self._skip(4 if opcode == 0x43 else 8)
        else:
            raise InvalidWasmError(f"opcode {opcode:#x} in a constant is newer than the MVP")
        self._one_of(frozenset((_END,)), "opcode in a constant")

    def _element(self) -> None:
        self._one_of(frozenset((0,)), "element segment flag")
        self._constant()
        self._each(self._skip_integer)

    def _skip_integer(self) -> None:
        self._unsigned()

    def _data(self) -> None:
        self._one_of(frozenset((0,)), "data segment flag")
        self._constant()
        self._skip(self._unsigned())

    def _body(self) -> None:
        end = self._unsigned() + self.at
        for _ in range(self._unsigned()):
            self._unsigned()
            self._value_type()
        self.at = _check_instructions(self.code, self.at, end)

    def _imports_without_memory(self, section: bytes) -> bytes:
        """The import section less a memory: it is defined here instead."""
        reader = _Module(b"\0asm\1\0\0\0" + section)
        entries = []
        for _ in range(reader._unsigned()):
            start, had = reader.at, reader.memories
            reader._import()
            if reader.memories == had:
                entries.append(reader.code[start : reader.at])
        return _leb(len(entries)) + b"".join(entries)


def _check_instructions(code: bytes, at: int, end: int) -> int:  # noqa: C901 - one hot loop
    """Walk over the instructions of a function's body; returns its end."""
    kinds, block_types = _IMMEDIATES, {*_VALUE_TYPES, _NO_RESULT}
    while at < end:
        opcode = code[at]
        at += 1
        kind = kinds[opcode]
        if kind == _PLAIN:
            continue
        if kind <= _PAIR:  # one integer, or two
            for _ in range(kind):
                while code[at] >= 0x80:
                    at += 1
                at += 1
        elif kind == _BLOCK:
            if code[at] not in block_types:
                raise InvalidWasmError("a block with several values is newer than the MVP")
            at += 1
        elif kind == _INDIRECT:
            while code[at] >= 0x80:
                at += 1
            at = _zero(code, at + 1)
        elif kind == _ZERO:
            at = _zero(code, at)
        elif kind == _LABELS:
            at = _skip_labels(code, at)
        elif kind <= _F64:
            at += 4 if kind == _F32 else 8
        else:
            raise InvalidWasmError(f"opcode {opcode:#x} is newer than the MVP")
    if at != end:
        raise IndexError
    return at


def _zero(code: bytes, at: int) -> int:
    if code[at] != 0:
        raise InvalidWasmError("a table or memory index is newer than the MVP")
    return at + 1


def _skip_labels(code: bytes, at: int) -> int:
    count = shift = 0
    while True:
        byte = code[at]
        at += 1
        count |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    for _ in range(count + 1):  # the default label comes last
        while code[at] >= 0x80:
            at += 1
        at += 1
    return at


def _leb(value: int) -> bytes:
    """An unsigned integer in LEB128."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _with_memory_export(section: bytes) -> bytes:
    reader = _Module(b"\0asm\1\0\0\0" + section)
    count = reader._unsigned()
    name = MEMORY_EXPORT.encode()
    entry = _leb(len(name)) + name + b"\2\0"
    return _leb(count + 1) + reader.code[reader.at :] + entry
