"""Joins Python functions to wasm imports by wasmtime's unchecked calling convention.

`Linker.define_func` boxes every argument and result: 13 us a call, so that a contract which loops
over a host function would hold the node for 15 s before its gas is used up. Through the C API's
`wasmtime_linker_define_func_unchecked`, which wasmtime's package binds but does not wrap, the same
call takes 2 us. Arguments and result share an array of 16-byte slots.
"""

import ctypes
from collections.abc import Callable
from typing import Any

from wasmtime import FuncType, Linker, ValType
from wasmtime import _bindings as c_api
from wasmtime._ffi import WASMTIME_EXTERN_MEMORY

from devnet.near.host.imports import Import
from devnet.near.wasm import MEMORY_EXPORT

_WORDS_PER_SLOT = 2
_TYPES = {"i64": ValType.i64, "i32": ValType.i32}
_MASKS = {"i64": 2**64 - 1, "i32": 2**32 - 1}
_MEMORY = MEMORY_EXPORT.encode()
_TRAP_TEXT = b"host function failed\0"
_Words = Any  # a pointer to the slots, as 64-bit words
_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_size_t,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.POINTER(ctypes.c_uint64),
    ctypes.c_size_t,
)
_no_finalizer = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(0)


class HostLinker:
    """Defines imports in a linker, and keeps what an import raised until its caller takes it."""

    def __init__(self, linker: Linker) -> None:
        self._linker = linker
        self._kept: list[Any] = []  # ctypes does not hold on to callbacks
        self.subject: Any = None  # the first argument of every function
        self.raised: BaseException | None = None
        self._caller: Any = None

    def define(self, name: str, entry: Import) -> None:
        """Offer a function under `env`."""
        parameters = [_TYPES[entry.parameter_type]() for _ in range(entry.parameters)]
        results = [_TYPES[entry.result]()] if entry.result else []
        function_type = FuncType(parameters, results)
        callback = _CALLBACK(self._callback(entry))
        self._kept.append(callback)
        error = c_api.wasmtime_linker_define_func_unchecked(
            self._linker.ptr(),
            b"env",
            len("env"),
            name.encode(),
            len(name),
            function_type.ptr(),
            ctypes.cast(callback, c_api.wasmtime_func_unchecked_callback_t),
            None,
            _no_finalizer,
        )
        if error:  # type: ignore[truthy-bool]  # a null pointer is false
            raise RuntimeError(f"wasmtime refused the import {name}")

    def _callback(self, entry: Import) -> Callable[[Any, Any, _Words, int], int]:
        function, mask = entry.function, _MASKS[entry.parameter_type]
        places = range(0, entry.parameters * _WORDS_PER_SLOT, _WORDS_PER_SLOT)
        returns = bool(entry.result)

        def call(environment: Any, caller: Any, words: _Words, count: int) -> int:
            self._caller = caller
            try:
                result = function(self.subject, *[words[place] & mask for place in places])
            except BaseException as error:  # must not unwind through wasm: see take_raised
                self.raised = error
                trap = c_api.wasmtime_trap_new(_TRAP_TEXT, len(_TRAP_TEXT))
                return ctypes.cast(trap, ctypes.c_void_p).value or 0
            if returns:
                words[0] = result
            return 0

        return call

    def locate_memory(self) -> tuple[int, int]:
        """Where the memory of the contract that is calling lies, and how long it is.

        It never moves, but it may grow; (0, 0) when there is none. Asked of the caller, since a
        module's `start` function calls before anybody has the instance.
        """
        caller = ctypes.cast(self._caller, ctypes.POINTER(c_api.wasmtime_caller_t))
        found = c_api.wasmtime_extern_t()
        is_there = c_api.wasmtime_caller_export_get(
            caller, _MEMORY, len(_MEMORY), ctypes.byref(found)
        )
        if not is_there or int(found.kind) != WASMTIME_EXTERN_MEMORY.value:
            return 0, 0
        context, memory = c_api.wasmtime_caller_context(caller), ctypes.byref(found.of.memory)
        data = c_api.wasmtime_memory_data(context, memory)
        return ctypes.addressof(data.contents), c_api.wasmtime_memory_data_size(context, memory)

    def take_raised(self) -> BaseException | None:
        """What an import raised, once."""
        raised, self.raised = self.raised, None
        return raised
