"""Answers of another shape, beyond all bounds, or about something else: that node gave none."""

import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from chains_app.adapters.interface import ChainUnavailableError, Fact
from chains_app.locks import Call, LockTerms
from devnet.faults import ChainFaults
from devnet.faults.kinds import Lie
from tests.conformance.world import World, make, terms

Change = Callable[[Any], Any]
FAR = 2**40  # a height that no chain has
BEYOND = 2**62 + 1
HASH, HASH58 = "0x" + "ab" * 32, "1" * 32
NO_KEY, OTHERS_KEY = (b64encode(key).decode() for key in (b"l", b"s" * 33))  # of no lock
LONG = "9" * 5_000  # digits that int() refuses


@dataclass
class Scene:
    """A lock that was withdrawn, and what is asked about it."""

    world: World
    bound: LockTerms
    hash: str

    def __post_init__(self) -> None:
        self.head = self.world.adapter.head()
        self.tier = list(self.world.spec.finality)[-1]

    def asks(self) -> dict[str, Callable[[], Any]]:
        adapter, head, bound, lock = self.world.adapter, self.head, self.bound, self.world.lock
        made = Fact(adapter.lock_id(bound), head.height, head.hash, None)
        return {
            "block": lambda: adapter.block(head.height),
            "block by hash": lambda: adapter.block(head.hash),
            "facts": lambda: adapter.facts(head.height - 1, head.height),
            "secret": lambda: adapter.shown_secret(bound, head.height - 3, head.height),
            "status": lambda: adapter.transaction_status(self.hash, lock.account, self.tier),
            "keys": lambda: adapter.key_state(lock),
            "lock": lambda: adapter.read_lock(bound, head),
            "made": lambda: adapter.lock_made(made, head),
            "balance": lambda: adapter.balance(lock.account, None),
            "prepared": lambda: adapter.prepare(Call.LOCK, bound, lock).balance,
        }


def scene_of(world: World, *calls: Call) -> Scene:
    bound = terms(world)
    sent = make(world, Call.LOCK, bound)
    for call in calls:
        make(world, call, bound)
    return Scene(world, bound, sent.hash)


def put(*path: str | int, value: Any) -> Change:
    """That place of a result holds something else; nothing is changed where there is no such."""

    def change(result: Any) -> Any:
        place = result
        for step in path[:-1]:
            if not has(place, step):
                return result
            place = place[step]
        if has(place, path[-1]):
            place[path[-1]] = value
        return result

    return change


def has(place: Any, step: Any) -> bool:
    return step in place if isinstance(place, dict) else bool(place)


def without(field: str) -> Change:
    return lambda result: {name: value for name, value in result.items() if name != field}


def in_capitals(block: Any) -> Any:
    return block | {"hash": "0x" + block["hash"][2:].upper()}


def answered(answer: bytes) -> Change:
    """What every view of a contract answers."""
    return lambda found: {**found, "result": list(answer)} if "result" in found else found


def told(**fields: Any) -> Change:
    """What the record of every lock tells."""

    def change(found: Any) -> Any:
        if "result" not in found:
            return found
        record = json.loads(bytes(found["result"])) | fields
        return {**found, "result": list(json.dumps(record).encode())}

    return change


BY_NUMBER, BY_HASH = "eth_getBlockByNumber", "eth_getBlockByHash"
RECEIPT, TRANSACTION = "eth_getTransactionReceipt", "eth_getTransactionByHash"
DIRTY = "0x" + "ff" * 7 * 32
CHANGES, KEY = "EXPERIMENTAL_changes", ("changes", 0, "change", "key_base64")
# what is odd: the method, the change of its result, what is asked
EVM: dict[str, tuple[str, Change, str]] = {
    "another height": (BY_NUMBER, put("number", value=hex(FAR)), "block"),
    "another height of a page": (BY_NUMBER, put("number", value=hex(FAR)), "facts"),
    "another block": (BY_HASH, put("hash", value=HASH), "block by hash"),
    "a height beyond": (BY_HASH, put("number", value=hex(BEYOND)), "block by hash"),
    "a time beyond": (BY_HASH, put("timestamp", value=hex(BEYOND)), "block by hash"),
    "a hash in capitals": (BY_HASH, in_capitals, "block by hash"),
    "a bloom of no digits": (BY_NUMBER, put("logsBloom", value="0x" + "zz" * 256), "facts"),
    "a short bloom": (BY_NUMBER, put("logsBloom", value="0x00"), "facts"),
    "logs of another block": ("eth_getLogs", put(0, "blockHash", value=HASH), "facts"),
    "logs of another height": ("eth_getLogs", put(0, "blockNumber", value=hex(FAR)), "facts"),
    "logs beyond the heights": ("eth_getLogs", put(0, "blockNumber", value=hex(FAR)), "secret"),
    "logs before the heights": ("eth_getLogs", put(0, "blockNumber", value="0x0"), "secret"),
    "a creation without data": ("eth_getLogs", put(0, "data", value="0x"), "facts"),
    "a creation of dirty data": ("eth_getLogs", put(0, "data", value=DIRTY), "facts"),
    "another's receipt": (RECEIPT, put("transactionHash", value=HASH), "status"),
    "a receipt without logs": (RECEIPT, without("logs"), "status"),
    "a receipt of odd logs": (RECEIPT, put("logs", value=[{"topics": []}]), "status"),
    "a receipt of odd status": (RECEIPT, put("status", value="0x2"), "status"),
    "a receipt beyond": (RECEIPT, put("blockNumber", value=hex(BEYOND)), "status"),
    "another transaction": (TRANSACTION, put("hash", value=HASH), "status"),
    "a transaction without data": (TRANSACTION, without("input"), "status"),
    "a transaction of odd data": (TRANSACTION, put("input", value=5), "status"),
    "a transaction to nowhere": (TRANSACTION, put("to", value="nowhere"), "status"),
    "a head beyond": ("eth_blockNumber", lambda _: hex(BEYOND), "keys"),
    "a nonce beyond": ("eth_getTransactionCount", lambda _: hex(BEYOND), "keys"),
}
NEAR: dict[str, tuple[str, Change, str]] = {
    "another height": ("block", put("header", "height", value=FAR), "block"),
    "another block": ("block", put("header", "hash", value=HASH58), "block by hash"),
    "a height beyond": ("block", put("header", "height", value=BEYOND), "block by hash"),
    "a time beyond": ("block", put("header", "timestamp_nanosec", value="9" * 21), "block"),
    "changes of another block": (CHANGES, put("block_hash", value=HASH58), "facts"),
    "another's changes": (CHANGES, put(*KEY, value=OTHERS_KEY), "facts"),
    "changes of no lock": (CHANGES, put(*KEY, value=NO_KEY), "facts"),
    "another transaction": ("tx", put("transaction", "hash", value=HASH58), "status"),
    "a transaction left out": ("tx", without("transaction"), "status"),
    "actions of none": ("tx", put("transaction", "actions", value=None), "status"),
    "an odd action": ("tx", put("transaction", "actions", value=[{"FunctionCall": 1}]), "status"),
    "a success of no bytes": ("tx", put("status", value={"SuccessValue": None}), "status"),
    "a success of odd bytes": ("tx", put("status", value={"SuccessValue": "a"}), "status"),
    "neither success nor failure": ("tx", put("status", value={}), "status"),
    "an answer at another block": ("query", put("block_hash", value=HASH58), "lock"),
    "a nonce beyond": ("query", put("nonce", value=BEYOND), "keys"),
    "an amount beyond": ("query", put("amount", value=LONG), "balance"),
    "an account that is refused": ("query", lambda _: {"error": "no"}, "balance"),
    "storage beyond": ("query", put("storage_usage", value=BEYOND), "prepared"),
    "a lock of no JSON": ("query", answered(b"{"), "lock"),
    "a lock too deep": ("query", answered(b"[" * 20_000 + b"]" * 20_000), "lock"),
    "a lock that is a number": ("query", answered(b"5"), "lock"),
    "a lock of odd state": ("query", told(state=5), "lock"),
    "a lock of an odd secret": ("query", told(secret="ab"), "lock"),
    "terms beyond": ("query", told(lock_by="9" * 21), "made"),
    "terms of odd parties": ("query", told(depositor="\ud800"), "made"),
    "an amount of terms beyond": ("query", told(amount=LONG), "made"),
}
ODD = [pytest.param("evm", *odd, id=f"evm-{name}") for name, odd in EVM.items()] + [
    pytest.param("near", *odd, id=f"near-{name}") for name, odd in NEAR.items()
]


@pytest.mark.parametrize(("world", "method", "change", "ask"), ODD, indirect=["world"])
def test_an_odd_answer_is_none_and_the_next_node_is_asked(
    through: World, faults: ChainFaults, method: str, change: Change, ask: str
) -> None:
    scene = scene_of(through, *([Call.WITHDRAW] if ask == "secret" else []))
    asked = scene.asks()[ask]
    honest = asked()
    lies = [Lie(methods=frozenset({method}), change=lambda _, result: change(result))
            for _ in faults.proxies]  # fmt: skip
    with faults.proxies[0].injecting(lies[0]):
        assert asked() == honest
        assert lies[0].injected > 0
        with faults.proxies[1].injecting(lies[1]), pytest.raises(ChainUnavailableError):
            asked()


@pytest.mark.parametrize("world", ["near"], indirect=True)
@pytest.mark.parametrize("field", ["lock_by", "timelock"])
def test_a_lock_whose_time_no_contract_can_hold_has_no_id(world: World, field: str) -> None:
    most = (2**64 - 1) // 10**9
    assert len(world.adapter.lock_id(terms(world, **{field: most}))) == 64
    assert world.adapter.lock_id(terms(world, **{field: most + 1})) == ""
