"""The escrows' events. Asked by block hash, so that a reorganisation can't mix two branches.

A node that leaves events out is found out by a block's bloom, which has them; one that refuses a
block with too many (anybody may emit our topics), or comes to no end of them, is asked for those of
our own addresses alone.
"""

from collections.abc import Collection, Iterator, Sequence
from functools import partial
from itertools import chain, islice
from typing import Any, Final

from eth_abi.exceptions import DecodingError
from eth_utils.address import to_canonical_address, to_checksum_address
from eth_utils.crypto import keccak

from chains_app.adapters import evm_contract
from chains_app.adapters.interface import BlockUnknownError, Fact, TooManyFactsError
from chains_app.adapters.node import Call, EndlessAnswerError, Node, RpcError
from chains_app.adapters.rpc import JsonRpc
from chains_app.config import ChainSpec
from chains_app.locks import LockTerms
from orchestrator.kernel.hashlock import LENGTH, Secret, fits

ADDRESSES: Final = 500  # of one question
BATCH_CALLS: Final = 20  # of one exchange; providers refuse longer batches
WINDOW_BLOCKS: Final = 1_000  # of one question; providers allow no endless ranges
_BLOOM_BITS: Final = 2_048
_ENDED: Final = tuple(one for one in evm_contract.TOPICS if one not in evm_contract.CREATED)

Log = dict[str, Any]


class EscrowLogs:
    """Of one factory and its escrows."""

    def __init__(self, spec: ChainSpec, factory: str, rpc: JsonRpc) -> None:
        self._spec, self._factory, self._rpc = spec, factory, rpc

    def facts(self, headers: Sequence[Log], locks: Collection[str] | None) -> tuple[Fact, ...]:
        """Of these blocks; with `locks` only theirs and the factory's.

        Raises BlockUnknownError, TooManyFactsError.
        """
        found: list[list[Fact | None]] = [[] for _ in headers]

        def ask(node: Node) -> bool | None:
            """None where another node may know more."""
            for number, logs in enumerate(self._of_node(node, headers, locks)):
                told = self._told(node, headers[number], logs)
                found[number] = max(found[number], told, key=len)
            doubtful = zip(headers, found, strict=True)
            return None if any(not told and self._may_hold(h) for h, told in doubtful) else True

        try:
            self._rpc.first_known(ask)
        except EndlessAnswerError:
            if locks is not None:
                raise
            raise self._too_many() from None
        except RpcError as error:
            if error.is_too_much:
                raise self._too_many() from None
            raise BlockUnknownError(f"{self._spec.name} lost blocks while they were read") from None
        return tuple(fact for fact in chain.from_iterable(found) if fact is not None)

    def _too_many(self) -> TooManyFactsError:
        return TooManyFactsError(f"{self._spec.name}: too many logs in a block")

    def secret(self, terms: LockTerms, escrow: str, first: int, last: int) -> bytes | None:
        """That opens the lock, as an event of these heights shows it, the newest looked at first.

        Every node that answers is asked before it is None.
        """
        for end in range(last, first - 1, -WINDOW_BLOCKS):
            start = max(first, end - WINDOW_BLOCKS + 1)
            wanted = {"address": escrow, "topics": [evm_contract.WITHDRAWN]}
            wanted |= {"fromBlock": hex(start), "toBlock": hex(end)}
            found = self._rpc.first_known(partial(self._secret, terms, wanted))
            if found is not None:
                return found
        return None

    def _secret(self, terms: LockTerms, wanted: dict[str, Any], node: Node) -> bytes | None:
        for log in node.read("eth_getLogs", [wanted]):
            shown = _shown(log)
            if shown and fits(Secret(shown), terms.hashlock, self._spec.hash_function):
                return shown
        return None

    def _of_node(
        self, node: Node, headers: Sequence[Log], locks: Collection[str] | None
    ) -> Iterator[list[Log]]:
        """Each block's."""
        filters = list(self._filters(locks))
        calls: list[Call] = [
            ("eth_getLogs", [{"blockHash": header["hash"], **each}])
            for header in headers
            for each in filters
        ]
        batches = (calls[at : at + BATCH_CALLS] for at in range(0, len(calls), BATCH_CALLS))
        answers = chain.from_iterable(map(node.read_all, batches))
        for _ in headers:
            yield list(chain.from_iterable(islice(answers, len(filters))))

    def _filters(self, locks: Collection[str] | None) -> Iterator[dict[str, Any]]:
        topics = [list(evm_contract.TOPICS)]
        if locks is None:
            yield {"topics": topics}
            return
        addresses = [self._factory, *locks]
        for start in range(0, len(addresses), ADDRESSES):
            yield {"topics": topics, "address": addresses[start : start + ADDRESSES]}

    def _may_hold(self, header: Log) -> bool:
        """Whether the block's bloom has an ending's topic, or the factory with a creation's."""
        bloom = header.get("logsBloom")
        if bloom is None:
            return False
        bits = int(bloom, 16)
        created = _has(bits, to_canonical_address(self._factory)) and any(
            _has(bits, bytes.fromhex(topic[2:])) for topic in evm_contract.CREATED
        )
        return created or any(_has(bits, bytes.fromhex(topic[2:])) for topic in _ENDED)

    def _told(self, node: Node, header: Log, logs: Sequence[Log]) -> list[Fact | None]:
        """A node's logs of a block; one with another height, or data that no factory of ours
        emits, is no answer.
        """
        height = int(header["number"], 16)
        if any(int(log["blockNumber"], 16) != height for log in logs):
            raise node.unavailable("eth_getLogs")
        try:
            return [self._fact(log) for log in logs]
        except DecodingError:
            raise node.unavailable("eth_getLogs") from None

    def _fact(self, log: Log) -> Fact | None:
        kind, emitter = log["topics"][0], to_checksum_address(log["address"])
        lock, secret, terms = emitter, _shown(log), None
        if kind in evm_contract.CREATED:
            if emitter != self._factory or len(log["topics"]) != 3:
                return None
            lock = to_checksum_address(log["topics"][1][-40:])
            terms = evm_contract.created(log["data"], self._spec.name, self._spec.contract)
        where = (lock, int(log["blockNumber"], 16), log["blockHash"], log["transactionHash"])
        return Fact(*where, secret, may_be_new=terms is not None, terms=terms)


def _shown(log: Log) -> bytes | None:
    """The secret that a withdrawal's event shows: `Withdrawn(bytes32,bool)`."""
    data = bytes.fromhex(log["data"][2:])
    is_withdrawal = log["topics"][0] == evm_contract.WITHDRAWN and len(data) == 64
    return data[:LENGTH] if is_withdrawal else None


def _has(bloom: int, value: bytes) -> bool:
    """Whether a block's bloom may hold a topic or address (Yellow Paper, section 4.3.1)."""
    digest = keccak(value)
    pairs = (int.from_bytes(digest[at : at + 2]) for at in (0, 2, 4))
    return all(bloom >> (pair % _BLOOM_BITS) & 1 for pair in pairs)
