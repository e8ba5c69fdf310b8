"""Runs contract wasm in wasmtime: compiles once, meters, and turns traps into nearcore's errors."""

import logging
from typing import NamedTuple, cast

from wasmtime import (
    Config,
    Engine,
    Func,
    FuncType,
    InstancePre,
    Linker,
    Module,
    Store,
    Trap,
    TrapCode,
    WasmtimeError,
)

from devnet.near import fees, wasm
from devnet.near.errors import (
    ContractError,
    HostError,
    PrepareError,
    WasmTrapError,
    gas_exceeded,
    link_error,
    method_not_resolved,
)
from devnet.near.host import IMPORTS, Logic
from devnet.near.linking import HostLinker

log = logging.getLogger(__name__)

_WASM_PAGE = 65_536
_CONTRACTS_KEPT = 500

_TRAPS = {
    TrapCode.UNREACHABLE: ("Unreachable", "An `unreachable` opcode was executed."),
    TrapCode.STACK_OVERFLOW: ("StackOverflow", "Stack overflow."),
    TrapCode.MEMORY_OUT_OF_BOUNDS: ("MemoryOutOfBounds", "Memory out of bounds trap."),
    TrapCode.TABLE_OUT_OF_BOUNDS: ("CallIndirectOOB", "Call indirect out of bounds trap."),
    TrapCode.INDIRECT_CALL_TO_NULL: ("IndirectCallToNull", "Indirect call to null."),
    TrapCode.BAD_SIGNATURE: (
        "IncorrectCallIndirectSignature",
        "Call indirect incorrect signature trap.",
    ),
    TrapCode.INTEGER_OVERFLOW: (
        "IllegalArithmetic",
        "An arithmetic exception, e.g. divided by zero.",
    ),
    TrapCode.INTEGER_DIVISION_BY_ZERO: (
        "IllegalArithmetic",
        "An arithmetic exception, e.g. divided by zero.",
    ),
}
_OTHER_TRAP = ("GenericTrap", "Generic trap.")


class Contract(NamedTuple):
    """A compiled contract; `methods` tells of each exported function whether it can be called."""

    linked: InstancePre
    methods: dict[str, bool]
    loading_gas: int


class Vm:
    """One engine for all contracts; calls run one at a time and never nest."""

    def __init__(self) -> None:
        self._engine = Engine(_config())
        self._linker = Linker(self._engine)
        self._contracts: dict[str, Contract | ContractError] = {}
        self._host = HostLinker(self._linker)
        for name, entry in IMPORTS.items():
            self._host.define(name, entry)

    def prepare(self, code_hash: str, code: bytes) -> Contract:
        """The compiled contract, from the cache or made now.

        Raises ContractError when the wasm can't be a contract; that verdict is cached too.
        """
        found = self._contracts.get(code_hash)
        if found is None:
            try:
                found = self._compile(code)
            except ContractError as error:
                found = error
            self._keep(code_hash, found)
        if isinstance(found, ContractError):
            raise found
        return found

    def _keep(self, code_hash: str, found: Contract | ContractError) -> None:
        self._contracts[code_hash] = found
        if len(self._contracts) > _CONTRACTS_KEPT:
            self._contracts.pop(next(iter(self._contracts)))

    def require_mvp(self, code_hash: str, code: bytes) -> None:
        """Raise PrepareError when the bytes are not a valid wasm module of the first version.

        A contract with imports that NEAR has not may be deployed, as on NEAR; its calls fail.
        """
        try:
            self.prepare(code_hash, code)
        except PrepareError as error:
            log.warning("contract %s refused: %s", code_hash, error.reason)
            raise
        except ContractError:
            return

    def call(self, contract: Contract, method: str, logic: Logic) -> None:
        """Run a method to its end; raises ContractError, and `logic.burnt` counts all gas."""
        if not method:
            raise method_not_resolved("MethodEmptyName")
        if method not in contract.methods:
            raise method_not_resolved("MethodNotFound")
        if not contract.methods[method]:
            raise method_not_resolved("MethodInvalidSignature")
        try:
            logic.burn(contract.loading_gas)
            self._execute(contract, method, logic)
        except HostError as error:
            if error.debug == "HostError(GasExceeded)":
                logic.burnt = min(logic.burnt, logic.context.prepaid_gas)
            raise

    def _execute(self, contract: Contract, method: str, logic: Logic) -> None:
        store = Store(self._engine)
        fuel = (logic.context.prepaid_gas - logic.burnt) // fees.WASM_OP + 1
        store.set_fuel(fuel)
        store.set_limits(
            memory_size=fees.MAX_MEMORY_PAGES * _WASM_PAGE, table_elements=fees.MAX_TABLE_ELEMENTS
        )
        logic.wasm_gas = lambda: (fuel - store.get_fuel()) * fees.WASM_OP
        self._host.subject = logic
        try:
            self._run(contract, method, logic, store)
        finally:
            logic.burnt += logic.wasm_gas()
            logic.wasm_gas = lambda: 0
            store.close()
        if logic.burnt + logic.promised_gas > logic.context.prepaid_gas:
            raise gas_exceeded()

    def _run(self, contract: Contract, method: str, logic: Logic, store: Store) -> None:
        try:
            logic.locate_memory = self._host.locate_memory
            exports = contract.linked.instantiate(store).exports(store)  # runs `start`, if any
            cast(Func, exports[method])(store)
        except (Trap, WasmtimeError) as error:
            raise self._failure(error) from None

    def _failure(self, error: Trap | WasmtimeError) -> BaseException:
        """What a run ended with: the error of a host function, or the trap of the wasm."""
        raised = self._host.take_raised()
        if raised is None:
            return _trap_error(error)
        if isinstance(raised, ContractError) or not isinstance(raised, Exception):
            return raised
        log.error("a host function failed", exc_info=raised)
        return HostError("InternalError", f"Host function failed: {raised!r}")

    def _compile(self, code: bytes) -> Contract:
        try:
            prepared = wasm.prepare(code)
            module = Module(self._engine, prepared)
        except (wasm.InvalidWasmError, WasmtimeError) as error:
            raise PrepareError(str(error).strip().splitlines()[-1].strip()) from None
        for needed in module.imports:
            entry = IMPORTS.get(needed.name or "") if needed.module == "env" else None
            if entry is None:
                raise link_error(f"unknown import: `{needed.module}::{needed.name}`")
        try:
            linked = self._linker.instantiate_pre(module)
        except WasmtimeError as error:
            raise link_error(str(error).splitlines()[0]) from None
        loading = fees.LOADING + fees.LOADING_BYTE * len(code)
        return Contract(linked, _methods(module), loading)


def _config() -> Config:
    config = Config()
    config.consume_fuel = True
    config.cranelift_opt_level = "speed"
    return config


def _methods(module: Module) -> dict[str, bool]:
    return {
        export.name or "": not export.type.params and not export.type.results
        for export in module.exports
        if isinstance(export.type, FuncType)
    }


def _trap_error(error: Trap | WasmtimeError) -> ContractError:
    code = error.trap_code if isinstance(error, Trap) else None
    if code is TrapCode.OUT_OF_FUEL:
        return gas_exceeded()
    return WasmTrapError(*(_TRAPS.get(code, _OTHER_TRAP) if code else _OTHER_TRAP))
