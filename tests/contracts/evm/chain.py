"""A small driver of contracts on anvil: deploy, call, send as any account, read what came of it.

Accounts are impersonated, so a test sends as whom it likes; each transaction has a block to itself.
Addresses are lower-case hex everywhere, as the node and the ABI decoder give them.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from eth_abi.abi import decode, encode
from eth_typing import ABI, ABIComponent
from eth_utils.abi import (
    collapse_if_tuple,
    event_abi_to_log_topic,
    function_abi_to_4byte_selector,
    get_abi_input_types,
    get_abi_output_types,
)

from contracts.evm.build import ARTIFACTS
from devnet.anvil import Anvil
from devnet.jsonrpc import JsonRpc, JsonRpcError

PLENTY = 3_000_000  # gas
START = 2_000_000_000  # seconds: when the chain of a test begins
NATIVE = "0x" + "00" * 20
NAMELESS = "a refusal without a name"


class Refused(Exception):  # noqa: N818 - a refusal is what many tests want
    """A transaction or call reverted: `name` of the custom error (NAMELESS if none), its values."""

    def __init__(self, name: str, args: tuple[Any, ...]) -> None:
        super().__init__(name, *args)
        self.name, self.values = name, args


@dataclass(frozen=True)
class Event:
    """A decoded log."""

    emitter: str
    name: str
    args: tuple[Any, ...]


@dataclass(frozen=True)
class Receipt:
    """What a successful transaction left: gas it used, events of factory and escrows, in order."""

    gas_used: int
    events: list[Event]


@cache
def artifact(name: str) -> dict[str, Any]:
    """The committed build of a contract."""
    text = (Path(ARTIFACTS) / f"{name}.json").read_text()
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def _named(abi: ABI, kind: str, name: str) -> Any:
    return next(item for item in abi if item["type"] == kind and item.get("name") == name)


@dataclass
class Contract:
    """A contract at an address, seen through an ABI."""

    chain: "Chain"
    address: str
    abi: ABI

    def data(self, function: str, *args: Any) -> str:
        """Calldata of `function` with `args`, 0x-hex."""
        item = _named(self.abi, "function", function)
        encoded = encode(get_abi_input_types(item), args)
        return "0x" + (function_abi_to_4byte_selector(item) + encoded).hex()

    def send(self, function: str, *args: Any, sender: str, **options: Any) -> Receipt:
        """Send a transaction, see `Chain.send`."""
        return self.chain.send(self.address, self.data(function, *args), sender=sender, **options)

    def view(self, function: str, *args: Any) -> Any:
        """What the function answers at the head: one value, or a tuple of several."""
        return self.chain.answers([self.question(function, *args)])[0]

    def question(self, function: str, *args: Any) -> "Question":
        """What `view` asks."""
        types = get_abi_output_types(_named(self.abi, "function", function))

        def read(result: str) -> Any:
            values = decode(types, bytes.fromhex(result[2:]))
            return values[0] if len(values) == 1 else values

        call = {"from": NATIVE, "to": self.address, "gas": hex(PLENTY)}
        return Question("eth_call", call | {"data": self.data(function, *args)}, read)


@dataclass(frozen=True)
class Question:
    """One about the head: the node's method, its first parameter, and how to read the result."""

    method: str
    asked: str | dict[str, str]
    read: Callable[[str], Any]


@dataclass
class Chain:
    """An anvil whose errors and events are decoded with the ABIs in artifacts/."""

    anvil: Anvil
    _errors: dict[bytes, tuple[str, list[str]]] = field(default_factory=dict)
    _events: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rpc: JsonRpc = self.anvil.rpc
        self.rpc.call("anvil_autoImpersonateAccount", True)
        self.rpc.call("evm_setAutomine", False)  # `evm_mine` answers once the block is there
        self.rpc.call("anvil_setBlockTimestampInterval", 0)  # time moves when a test says so
        for path in sorted(ARTIFACTS.glob("*.json")):
            self._learn_errors(artifact(path.stem)["abi"])
        for name in ("EscrowFactory", "Escrow"):
            self._learn_events(artifact(name)["abi"])

    def _learn_errors(self, abi: list[Any]) -> None:
        for item in abi:
            if item["type"] == "error":
                types = [collapse_if_tuple(part) for part in item["inputs"]]
                self._errors[function_abi_to_4byte_selector(item)] = (item["name"], types)

    def _learn_events(self, abi: list[Any]) -> None:
        for item in abi:
            if item["type"] == "event":
                self._events["0x" + event_abi_to_log_topic(item).hex()] = item

    # Time and money

    def at(self, timestamp: int) -> "Chain":
        """Give the next block this time, in seconds; it must not be before the head's."""
        self.rpc.call("evm_setNextBlockTimestamp", timestamp)
        return self

    def now(self) -> int:
        """The head's time in seconds."""
        return int(self.rpc.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    def answers(self, questions: Sequence[Question]) -> list[Any]:
        """All in one exchange; raises Refused when one of them reverts."""
        calls = [(question.method, (question.asked, "latest")) for question in questions]
        try:
            results = self.rpc.call_all(calls)
        except JsonRpcError as error:
            raise self.refusal(error.error.get("data", "0x")) from None
        return [each.read(result) for each, result in zip(questions, results, strict=True)]

    def balance(self, address: str) -> int:
        """Wei at the head."""
        return int(self.answers([self.balance_question(address)])[0])

    def balance_question(self, address: str) -> Question:
        """What `balance` asks."""
        return Question("eth_getBalance", address, lambda result: int(result, 16))

    def code(self, address: str) -> str:
        """Deployed code at the head, 0x-hex."""
        return str(self.rpc.call("eth_getCode", address, "latest"))

    # Contracts

    def deploy(self, name: str, *args: Any, sender: str) -> Contract:
        """Deploy a contract by the name of its artifact."""
        built = artifact(name)
        constructor = [item for item in built["abi"] if item["type"] == "constructor"]
        types = get_abi_input_types(constructor[0]) if constructor else []
        data = built["bytecode"] + encode(types, args).hex()
        receipt = self._mine({"from": sender, "data": data, "gas": hex(2 * PLENTY)})
        return self.contract(name, receipt["contractAddress"])

    def contract(self, name: str, address: str) -> Contract:
        """The contract of that artifact at `address`."""
        return Contract(self, address, artifact(name)["abi"])

    def call(self, to: str, data: str, sender: str = NATIVE, gas: int = PLENTY) -> bytes:
        """Answer of a call at the head; raises Refused."""
        transaction = {"from": sender, "to": to, "data": data, "gas": hex(gas)}
        try:
            return bytes.fromhex(self.rpc.call("eth_call", transaction, "latest")[2:])
        except JsonRpcError as error:
            raise self.refusal(error.error.get("data", "0x")) from None

    def send(
        self, to: str, data: str = "0x", *, sender: str, value: int = 0, gas: int = PLENTY
    ) -> Receipt:
        """Mine one transaction (value in wei); raises Refused when it reverts."""
        receipt = self._mine(
            {"from": sender, "to": to, "data": data, "value": hex(value), "gas": hex(gas)}
        )
        events = [self._event(log) for log in receipt["logs"] if log["topics"][0] in self._events]
        return Receipt(int(receipt["gasUsed"], 16), events)

    def _mine(self, transaction: dict[str, str]) -> dict[str, Any]:
        digest = self.rpc.call("eth_sendTransaction", transaction)
        self.rpc.call("evm_mine")
        receipt: dict[str, Any] = self.rpc.call("eth_getTransactionReceipt", digest)
        if receipt["status"] != "0x1":
            trace = self.rpc.call("debug_traceTransaction", digest, {"tracer": "callTracer"})
            raise self.refusal(trace.get("output", "0x"))
        return receipt

    def refusal(self, data: str) -> Refused:
        """Decode revert data, 0x-hex."""
        raw = bytes.fromhex(data[2:])
        if raw[:4] not in self._errors:
            return Refused(NAMELESS, (raw,) if raw else ())
        name, types = self._errors[raw[:4]]
        return Refused(name, decode(types, raw[4:]))

    def _event(self, log: dict[str, Any]) -> Event:
        item = self._events[log["topics"][0]]
        indexed = [part for part in item["inputs"] if part["indexed"]]
        others = [part for part in item["inputs"] if not part["indexed"]]
        values = dict(
            zip(
                [part["name"] for part in indexed + others],
                _decoded(indexed, bytes.fromhex("".join(topic[2:] for topic in log["topics"][1:])))
                + _decoded(others, bytes.fromhex(log["data"][2:])),
                strict=True,
            )
        )
        args = tuple(values[part["name"]] for part in item["inputs"])
        return Event(log["address"], item["name"], args)


def _decoded(parts: list[ABIComponent], data: bytes) -> tuple[Any, ...]:
    return decode([collapse_if_tuple(part) for part in parts], data)
