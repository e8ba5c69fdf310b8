"""One contract call as the host functions see it: gas, memory, registers, balance, promises."""

import ctypes
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from devnet.near import account_id, fees
from devnet.near.actions import Action, FunctionCall, fee_of
from devnet.near.errors import HostError, gas_exceeded
from devnet.near.fees import Fee, HostFee
from devnet.near.state import Working

U64_MAX = 2**64 - 1


class CallContext(NamedTuple):
    """What a call is told; amounts in yocto, time in nanoseconds. `is_view` forbids effects."""

    current_account_id: str
    signer_account_id: str
    signer_public_key: str
    predecessor_account_id: str
    method_name: str
    input: bytes
    promise_results: tuple[bytes | None, ...]
    attached_deposit: int
    prepaid_gas: int
    block_height: int
    block_timestamp: int
    epoch_height: int
    random_seed: bytes
    data_receivers: int
    is_view: bool


@dataclass
class PromisedReceipt:
    """A receipt that the call wants sent; `dependencies` are indices of earlier ones."""

    receiver_id: str
    dependencies: list[int]
    actions: list[Action] = field(default_factory=list)
    weights: list[tuple[int, int]] = field(default_factory=list)  # index of the action, weight


class Logic:
    """The state of a running call; every host function gets it first.

    Gas of the wasm itself is counted by the engine: `wasm_gas` tells it. A call is stopped at the
    first host function after which its host gas alone exceeds the limit, or by the engine when
    its wasm alone does; the sum is checked at the end. Either way it ends in the same failure.
    """

    def __init__(self, context: CallContext, working: Working, balance: int, usage: int) -> None:
        self.context, self.working = context, working
        self.balance, self.storage_usage = balance, usage
        self.burnt = 0
        self.promised_gas = 0
        self.logs: list[str] = []
        self.log_bytes = 0
        self.registers: dict[int, bytes] = {}
        self.registers_bytes = 0
        self.promises: list[int | tuple[int, ...]] = []  # a receipt's index; several when joined
        self.receipts: list[PromisedReceipt] = []
        self.returned: bytes | int | None = None  # a value, or the index of a receipt
        self.wasm_gas: Callable[[], int] = lambda: 0
        self.locate_memory: Callable[[], tuple[int, int]] = lambda: (0, 0)
        self._base = self._size = 0

    # gas

    def pay(self, fee: HostFee, count: int = 0) -> None:
        """Burn the gas of a host operation on `count` bytes."""
        self.burn(fee.base + fee.byte * count)

    def burn(self, gas: int) -> None:
        """Burn gas; raises the out-of-gas error when that is more than was attached."""
        self.burnt += gas
        if self.burnt + self.promised_gas > self.context.prepaid_gas:
            raise gas_exceeded()

    def promise_gas(self, gas: int) -> None:
        """Set gas aside for receipts to come."""
        self.promised_gas += gas
        if self.burnt + self.promised_gas > self.context.prepaid_gas:
            raise gas_exceeded()

    def pay_fee(self, fee: Fee) -> None:
        """Burn what sending costs and set aside what running will cost."""
        self.burn(fee.send)
        self.promise_gas(fee.execution)

    def burn_fee(self, fee: Fee) -> None:
        """Burn both parts: data receipts run for free, so their sender pays at once."""
        self.burn(fee.send + fee.execution)

    def used_gas(self) -> int:
        """All gas used so far: burnt in host and wasm, and set aside."""
        return self.burnt + self.wasm_gas() + self.promised_gas

    def forbid_in_view(self, method_name: str) -> None:
        """Raise when this is a view call."""
        if self.context.is_view:
            text = f"{method_name} is not allowed in view calls"
            raise HostError("ProhibitedInView", text, method_name=method_name)

    # memory

    def _bounds(self, pointer: int, length: int) -> int:
        end = pointer + length
        if end > self._size:  # grown since we looked, or not ours
            self._base, self._size = self.locate_memory()
            if end > self._size:
                raise HostError("MemoryAccessViolation", "Accessed memory outside the bounds.")
        return self._base + pointer

    def read_memory(self, pointer: int, length: int) -> bytes:
        """Bytes of the contract's memory."""
        self.pay(fees.READ_MEMORY, length)
        return ctypes.string_at(self._bounds(pointer, length), length)

    def write_memory(self, pointer: int, data: bytes) -> None:
        """Write into the contract's memory."""
        self.pay(fees.WRITE_MEMORY, len(data))
        ctypes.memmove(self._bounds(pointer, len(data)), data, len(data))

    def write_u128(self, pointer: int, value: int) -> None:
        """Write an amount into memory, as contracts expect it: 16 bytes, little-endian."""
        self.write_memory(pointer, value.to_bytes(16, "little"))

    def read_u128(self, pointer: int) -> int:
        """Read an amount from memory."""
        return int.from_bytes(self.read_memory(pointer, 16), "little")

    # registers

    def set_register(self, register: int, data: bytes) -> None:
        """Put data into a register; raises when nearcore's limits are exceeded."""
        self.pay(fees.WRITE_REGISTER, len(data))
        total = self.registers_bytes + len(data) - len(self.registers.get(register, b""))
        is_new = register not in self.registers
        if (
            len(data) > fees.MAX_REGISTER
            or total > fees.MAX_REGISTERS_BYTES
            or (is_new and len(self.registers) >= fees.MAX_REGISTERS)
        ):
            raise HostError("MemoryAccessViolation", "Accessed memory outside the bounds.")
        self.registers_bytes = total
        self.registers[register] = data

    def register(self, register: int) -> bytes:
        """The content of a register."""
        if register not in self.registers:
            text = f"Accessed invalid register id: {register}"
            raise HostError("InvalidRegisterId", text, register_id=register)
        data = self.registers[register]
        self.pay(fees.READ_REGISTER, len(data))
        return data

    def bytes_at(self, length: int, pointer: int) -> bytes:
        """An argument: `length` bytes at `pointer`, or with length 2^64-1 register `pointer`."""
        if length == U64_MAX:
            return self.register(pointer)
        return self.read_memory(pointer, length)

    def text_at(self, length: int, pointer: int) -> str:
        """A UTF-8 argument of known length."""
        data = self.bytes_at(length, pointer)
        self.pay(fees.UTF8, len(data))
        try:
            return data.decode()
        except UnicodeDecodeError:
            raise HostError("BadUTF8", "String encoding is bad UTF-8 sequence.") from None

    def account_at(self, length: int, pointer: int) -> str:
        """An account id argument."""
        try:
            name = self.text_at(length, pointer)
        except HostError as error:
            if error.debug != "HostError(BadUTF8)":
                raise
            name = ""
        if not account_id.is_valid(name):
            raise HostError("InvalidAccountId", "VM Logic returned an invalid account id")
        return name

    # balance and promises

    def take_balance(self, amount: int) -> None:
        """Take yocto from the contract's account for a promise."""
        if amount > self.balance:
            raise HostError("BalanceExceeded", "Exceeded the account balance.")
        self.balance -= amount

    def new_receipt(self, receiver_id: str, dependencies: list[int]) -> int:
        """Start a receipt; returns its promise index."""
        count = len(dependencies)
        if count > fees.MAX_DEPENDENCIES:
            limit = fees.MAX_DEPENDENCIES
            raise HostError(
                "NumberInputDataDependenciesExceeded",
                f"The number of input data dependencies {count} exceeds the limit {limit}",
                number_of_input_data_dependencies=count,
                limit=limit,
            )
        self.pay_fee(fees.RECEIPT)
        self.burn_fee(fees.DATA_RECEIPT.times(count))
        self.receipts.append(PromisedReceipt(receiver_id, dependencies))
        return self.new_promise(len(self.receipts) - 1)

    def new_promise(self, promise: int | tuple[int, ...]) -> int:
        """Register a promise and return its index."""
        self.promises.append(promise)
        count, limit = len(self.promises), fees.MAX_PROMISES
        if count > limit:
            raise HostError(
                "NumberPromisesExceeded",
                f"The number of promises within a FunctionCall {count} exceeds the limit {limit}",
                number_of_promises=count,
                limit=limit,
            )
        return count - 1

    def receipts_of(self, promise: int) -> list[int]:
        """The receipts behind a promise."""
        if promise >= len(self.promises):
            text = f"{promise} does not correspond to existing promises"
            raise HostError("InvalidPromiseIndex", text, promise_idx=promise)
        found = self.promises[promise]
        return [found] if isinstance(found, int) else list(found)

    def single_receipt(self, promise: int) -> PromisedReceipt:
        """The receipt to which an action is to be added."""
        found = self.receipts_of(promise)
        if not isinstance(self.promises[promise], int):
            text = "Actions can only be appended to non-joint promise."
            raise HostError("CannotAppendActionToJointPromise", text)
        return self.receipts[found[0]]

    def add_action(self, promise: int, action: Action) -> PromisedReceipt:
        """Append an action to a promise, paying for it."""
        receipt = self.single_receipt(promise)
        self.pay_fee(fee_of(action, receipt.receiver_id))
        receipt.actions.append(action)
        return receipt

    def share_unused_gas(self) -> None:
        """Give the gas that is left to the calls that asked for a share of it."""
        weighted = [(r, index, weight) for r in self.receipts for index, weight in r.weights]
        total = sum(weight for _, _, weight in weighted)
        left = self.context.prepaid_gas - self.used_gas()
        if not total or left <= 0:
            return
        shares = [left * weight // total for _, _, weight in weighted]
        shares[-1] += left - sum(shares)
        for (receipt, index, _), share in zip(weighted, shares, strict=True):
            call = receipt.actions[index]
            if isinstance(call, FunctionCall):
                receipt.actions[index] = call._replace(gas=call.gas + share)
        self.promised_gas += left
