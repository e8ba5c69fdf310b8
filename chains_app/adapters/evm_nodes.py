"""What EVM nodes say: blocks, who they are, and which refusals are the chain's own."""

from typing import Any, Final

from chains_app.adapters.interface import BlockUnknownError, Refusal
from chains_app.adapters.node import Node, RpcError
from chains_app.adapters.rpc import Dialect
from chains_app.adapters.shapes import fits_evm
from chains_app.config import ChainSpec
from chains_app.locks import Block
from orchestrator.kernel.clock import Seconds

# What only running code, or the pool, refuses: any node would. All else, another may serve.
_JUDGED: Final = frozenset({"eth_call", "eth_sendRawTransaction"})
_NOT_SERVED: Final = frozenset({-32601, -32004})  # no such method; not supported
# What geth, reth and anvil say of a block that they lack, or whose state they have dropped.
_LACKED: Final = ("header not found", "unknown block", "block not found", "missing trie node",
                  "historical state", "out of range", "outofrange", "pruned")  # fmt: skip

# What geth, reth and anvil say when they refuse a transaction.
_REFUSALS: Final = (
    ("nonce too low", Refusal.NONCE_USED),
    ("underpriced", Refusal.UNDERPRICED),
    ("less than block base fee", Refusal.UNDERPRICED),
    ("insufficient funds", Refusal.NO_FUNDS),
)
_KNOWN: Final = ("already known", "already imported", "known transaction")


def dialect(spec: ChainSpec) -> Dialect:
    """Of a chain whose nodes tell its chain id, and its genesis where that is configured."""
    return Dialect(fits_evm, _is_the_chains, lambda node: _foreign(spec, node), _head,
                   spec.stale_after)  # fmt: skip


def chain_id(spec: ChainSpec) -> int:
    """As CAIP-2 names it."""
    return int(spec.caip2.removeprefix("eip155:"))


def block(found: dict[str, Any] | None, otherwise: str) -> Block:
    """A header; raises BlockUnknownError, with `otherwise`, for none."""
    if found is None:
        raise BlockUnknownError(otherwise)
    height, time = int(found["number"], 16), Seconds(int(found["timestamp"], 16))
    return Block(height, found["hash"], found["parentHash"], time)


def _is_the_chains(error: RpcError) -> bool:
    lacked = any(text in error.said for text in _LACKED)
    return error.method in _JUDGED and error.number not in _NOT_SERVED and not lacked


def _foreign(spec: ChainSpec, node: Node) -> str | None:
    given = int(node.read("eth_chainId", []), 16)
    if given != chain_id(spec):
        return f"is on chain {given}, not {chain_id(spec)}"
    if spec.genesis_hash is None:
        return None
    genesis = node.read("eth_getBlockByNumber", ["0x0", False])
    if genesis is not None and genesis["hash"] == spec.genesis_hash:
        return None
    return f"has another genesis than {spec.genesis_hash}"


def _head(node: Node) -> Block:
    return block(node.read("eth_getBlockByNumber", ["latest", False]), "")


def refusal_of(error: RpcError) -> Refusal | None:
    """Why a node does not take a transaction; None when it has it already."""
    if any(text in error.said for text in _KNOWN):
        return None
    found = (reason for text, reason in _REFUSALS if text in error.said)
    return next(found, Refusal.INVALID)
