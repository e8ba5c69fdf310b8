"""The JSON-RPC methods of the node."""

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from devnet.near import block_views, node_facts, protocol, transaction, views
from devnet.near.changes import changes, changes_in_block
from devnet.near.errors import InvalidTxError, RpcError, method_not_found
from devnet.near.faults import ChainFaults
from devnet.near.node import Node, UnknownSnapshotError, WaitTimeoutError
from devnet.near.params import Params, invalid
from devnet.near.queries import REQUEST_TYPES, Queries
from devnet.near.receipts import Block
from devnet.near.status import Level, Progress
from devnet.near.transaction import SignedTransaction

_BLOCK_MS = 86_400_000
_MINE_BLOCKS = 100_000
_MISSED_CHUNKS = 100
_MINE_SECONDS = 10 * 366 * 86_400

log = logging.getLogger(__name__)

Handler = Callable[[Any], Awaitable[Any]]


class Rpc:
    """Dispatches calls to the node; every method takes the raw `params` of the request.

    With `checks_broadcasts` the node tells more than nearcore does: why it drops a transaction that
    was sent without waiting, and that it has one in its mempool.
    """

    def __init__(self, node: Node, address: str, *, checks_broadcasts: bool = False) -> None:
        self.node, self._address = node, address
        self._checks_broadcasts = checks_broadcasts
        self._started = time.monotonic()
        self.methods: dict[str, Handler] = {
            "status": self.status,
            "health": self.health,
            "block": self.block,
            "chunk": self.chunk,
            "gas_price": self.gas_price,
            "validators": self.validators,
            "network_info": self.network_info,
            "EXPERIMENTAL_validators_ordered": self.validators_ordered,
            "maintenance_windows": self.maintenance_windows,
            "EXPERIMENTAL_maintenance_windows": self.maintenance_windows,
            "EXPERIMENTAL_congestion_level": self.congestion_level,
            "EXPERIMENTAL_split_storage_info": self.split_storage_info,
            "EXPERIMENTAL_protocol_config": self.protocol_config,
            "genesis_config": self.genesis_config,
            "EXPERIMENTAL_genesis_config": self.genesis_config,
            "EXPERIMENTAL_receipt": self.receipt,
            "query": self.query,
            "broadcast_tx_async": self.broadcast_tx_async,
            "broadcast_tx_commit": self.broadcast_tx_commit,
            "send_tx": self.send_tx,
            "tx": self.tx,
            "EXPERIMENTAL_tx_status": self.tx_with_receipts,
            "tx_status": self.tx_with_receipts,
            "EXPERIMENTAL_changes": self.changes,
            "changes": self.changes,
            "EXPERIMENTAL_changes_in_block": self.changes_in_block,
            "block_effects": self.changes_in_block,
            **{f"EXPERIMENTAL_{name}": self._view(name) for name in REQUEST_TYPES},
            "devnet_mine": self.devnet_mine,
            "devnet_set_next_block_time": self.devnet_set_next_block_time,
            "devnet_skip_heights": self.devnet_skip_heights,
            "devnet_miss_chunks": self.devnet_miss_chunks,
            "devnet_snapshot": self.devnet_snapshot,
            "devnet_revert": self.devnet_revert,
            "devnet_set_block_ms": self.devnet_set_block_ms,
            **ChainFaults(node).methods,
        }

    async def call(self, method: str, params: Any) -> Any:
        """The result of one call; raises RpcError."""
        handler = self.methods.get(method)
        if handler is None:
            raise method_not_found(method)
        return await handler(params)

    # the chain

    async def status(self, params: Any) -> Any:
        """The node's status; parameters are ignored."""
        uptime = int(time.monotonic() - self._started)
        return block_views.status(self.node.chain, self._address, uptime)

    async def health(self, params: Any) -> Any:
        """Null: the node is well."""
        return None

    async def block(self, params: Any) -> Any:
        """A block by height, hash or finality."""
        return block_views.block(self._block(params))

    async def chunk(self, params: Any) -> Any:
        """A chunk by its hash, or by block and shard."""
        request = self._chunk_params(params)
        if request.has("chunk_id"):
            wanted = request.hash("chunk_id")
            for block in reversed(self.node.chain.blocks.values()):
                if block_views.chunk_hash(block) == wanted:
                    return block_views.chunk(block, self.node.chain)
            text = f"Chunk Missing (hash: {wanted}). It is not available on the node"
            raise RpcError("UNKNOWN_CHUNK", text, {"chunk_hash": wanted})
        shard_id = request.natural("shard_id")
        if shard_id != block_views.SHARD_ID:
            text = f"Shard ID {shard_id} does not exist"
            raise RpcError("INVALID_SHARD_ID", text, {"shard_id": shard_id})
        return block_views.chunk(request.known_block(self.node.chain), self.node.chain)

    def _chunk_params(self, params: Any) -> Params:
        is_hash = isinstance(params, list) and len(params) == 1
        return Params(params, ("chunk_id",) if is_hash else ("block_id", "shard_id"))

    async def gas_price(self, params: Any) -> Any:
        """The gas price of a block."""
        return {"gas_price": str(self._block(params).gas_price)}

    async def validators(self, params: Any) -> Any:
        """The validators: the node alone, with nothing at stake."""
        words = params if isinstance(params, list) else []
        if words == ["latest"] or (isinstance(params, dict) and "latest" in params):
            params = []
        return node_facts.validators(Params(params, ("block_id",)), self.node.chain)

    async def validators_ordered(self, params: Any) -> Any:
        """The validators of a block."""
        self._block(params)
        return node_facts.validators_ordered()

    async def maintenance_windows(self, params: Any) -> Any:
        """The heights at which the node has nothing to do: none, it makes every block."""
        Params(params, ("account_id",)).account()
        return []

    async def congestion_level(self, params: Any) -> Any:
        """How congested a shard is: never."""
        await self.chunk(params)
        return {"congestion_level": 0.0}

    async def split_storage_info(self, params: Any) -> Any:
        """What the node stores where."""
        return node_facts.split_storage(self.node.chain)

    async def protocol_config(self, params: Any) -> Any:
        """The parameters in force at a block."""
        self._block(params)
        return protocol.protocol_config(self.node.chain)

    async def genesis_config(self, params: Any) -> Any:
        """The parameters that the chain began with."""
        return protocol.genesis_config(self.node.chain)

    async def receipt(self, params: Any) -> Any:
        """A receipt by its id."""
        return node_facts.receipt(Params(params, ("receipt_id",)), self.node.chain)

    async def network_info(self, params: Any) -> Any:
        """The network: nobody else."""
        return block_views.NETWORK_INFO

    def _block(self, params: Any) -> Block:
        return Params(params, ("block_id",)).known_block(self.node.chain)

    async def changes(self, params: Any) -> Any:
        """What a block wrote."""
        request = Params(params)
        return changes(request, request.known_block(self.node.chain))

    async def changes_in_block(self, params: Any) -> Any:
        """Which accounts a block touched."""
        return changes_in_block(self._block(params))

    async def query(self, params: Any) -> Any:
        """Accounts, keys, code, storage and view calls."""
        return Queries(self.node.chain, self.node.vm).answer(params)

    def _view(self, request_type: str) -> Handler:
        """A query as a method of its own, whose errors are errors."""

        async def view(params: Any) -> Any:
            queries = Queries(self.node.chain, self.node.vm)
            return queries.answer_to(request_type, Params(params))

        return view

    # transactions

    async def broadcast_tx_async(self, params: Any) -> Any:
        """Send a transaction; its hash, whether or not the chain will take it."""
        return self._submit_unchecked(_sent(Params(params, ("signed_tx_base64",)))).hash

    async def broadcast_tx_commit(self, params: Any) -> Any:
        """Send a transaction and wait until it has been executed."""
        request = Params(params, ("signed_tx_base64",))
        sent = self._submit(_sent(request))
        return await self._wait(sent.hash, "EXECUTED_OPTIMISTIC")

    async def send_tx(self, params: Any) -> Any:
        """Send a transaction and wait for a level."""
        request = Params(params, ("signed_tx_base64", "wait_until"))
        level, sent = request.wait_until(), _sent(request)
        if level == "NONE":  # nearcore answers at once, whatever becomes of it
            self._submit_unchecked(sent)
            return {"final_execution_status": "NONE"}
        return await self._wait(self._submit(sent).hash, level)

    async def tx(self, params: Any) -> Any:
        """A transaction's status."""
        return await self._transaction_status(params, with_receipts=False)

    async def tx_with_receipts(self, params: Any) -> Any:
        """A transaction's status with its receipts."""
        return await self._transaction_status(params, with_receipts=True)

    def _submit(self, sent: SignedTransaction) -> SignedTransaction:
        try:
            self.node.submit(sent)
        except InvalidTxError as error:
            raise error.rpc_error() from None
        return sent

    def _submit_unchecked(self, sent: SignedTransaction) -> SignedTransaction:
        """As nearcore does for those who don't wait: what is wrong with it stays in the log."""
        if self._checks_broadcasts:
            return self._submit(sent)
        try:
            self.node.submit(sent)
        except InvalidTxError as error:
            log.info("transaction %s is dropped: %s", sent.hash, error)
        return sent

    async def _transaction_status(self, params: Any, *, with_receipts: bool) -> Any:
        is_signed = isinstance(params, list) and len(params) == 1
        positions = ("signed_tx_base64",) if is_signed else ("tx_hash", "sender_account_id")
        request = Params(params, positions)
        level = request.wait_until()
        if request.has("signed_tx_base64"):
            sent = _sent(request)
            transaction_hash = sent.hash
            if not self._checks_broadcasts:
                self._refuse_invalid(sent)
        else:
            transaction_hash = request.hash("tx_hash")
            request.account("sender_account_id")
        if level == "NONE" and not self._is_observed(transaction_hash):
            text = f"Transaction {transaction_hash} doesn't exist"
            info = {"requested_transaction_hash": transaction_hash}
            raise RpcError("UNKNOWN_TRANSACTION", text, info)
        return await self._wait(transaction_hash, level, with_receipts=with_receipts)

    def _is_observed(self, transaction_hash: str) -> bool:
        """Whether `tx` knows it; nearcore looks into blocks only, not into the mempool."""
        chain = self.node.chain
        is_pending = self._checks_broadcasts and transaction_hash in chain.mempool
        return is_pending or transaction_hash in chain.included

    def _refuse_invalid(self, sent: SignedTransaction) -> None:
        """Who shows the transaction itself learns why it can't get into a block any more."""
        chain = self.node.chain
        if sent.hash in chain.included or sent.hash in chain.mempool:
            return
        try:
            chain.check(sent)
        except InvalidTxError as error:
            raise error.rpc_error() from None

    async def _wait(
        self, transaction_hash: str, level: Level, *, with_receipts: bool = False
    ) -> Any:
        try:
            found = await self.node.wait(transaction_hash, level)
        except InvalidTxError as error:
            raise error.rpc_error() from None
        except WaitTimeoutError as timeout:
            raise _timeout_error(timeout.found) from None
        if found is None:
            return {"final_execution_status": "NONE"}
        return views.final_outcome(found, with_receipts=with_receipts)

    # development

    async def devnet_mine(self, params: Any) -> Any:
        """Make blocks and put the clock ahead; returns the head's height, hash and time."""
        request = Params(params, ("blocks", "seconds"))
        blocks = request.natural("blocks", 1, limit=_MINE_BLOCKS)
        seconds = request.natural("seconds", 0, limit=_MINE_SECONDS)
        self.node.mine(blocks, seconds)
        head = self.node.chain.head
        return {"height": head.height, "hash": head.hash, "timestamp_nanosec": str(head.timestamp)}

    async def devnet_set_next_block_time(self, params: Any) -> Any:
        """Fix the time of the next block, or of the one after `blocks_before` others."""
        request = Params(params, ("nanoseconds", "blocks_before"))
        blocks_before = request.natural("blocks_before", 0, limit=_MINE_BLOCKS)
        text = request.text("nanoseconds")
        if not (text.isascii() and text.isdigit() and int(text) < 2**63):
            raise invalid("`nanoseconds` must be a decimal string below 2^63")
        try:
            self.node.chain.pin_time(int(text), blocks_before)
        except ValueError as error:
            raise invalid(str(error)) from None
        return True

    async def devnet_skip_heights(self, params: Any) -> Any:
        """Let the next block leave out `count` heights."""
        self.node.skip_heights(Params(params, ("count",)).natural("count", limit=_MINE_BLOCKS))
        return True

    async def devnet_miss_chunks(self, params: Any) -> Any:
        """Let the next `count` blocks come without a chunk."""
        self.node.miss_chunks(Params(params, ("count",)).natural("count", limit=_MISSED_CHUNKS))
        return True

    async def devnet_snapshot(self, params: Any) -> Any:
        """Keep the whole chain; returns the snapshot's id."""
        return self.node.snapshot()

    async def devnet_revert(self, params: Any) -> Any:
        """Return to a snapshot."""
        snapshot_id = Params(params, ("id",)).text("id")
        try:
            self.node.revert(snapshot_id)
        except UnknownSnapshotError:
            raise invalid(f"unknown snapshot `{snapshot_id}`") from None
        return True

    async def devnet_set_block_ms(self, params: Any) -> Any:
        """Change the block interval; null for blocks on demand."""
        request = Params(params, ("ms",))
        ms = request.natural("ms", least=1, limit=_BLOCK_MS) if request.has("ms") else None
        self.node.set_block_ms(ms)
        return True


def _sent(request: Params) -> SignedTransaction:
    data = request.base64("signed_tx_base64")
    try:
        return transaction.parse(data)
    except ValueError as error:
        raise invalid(f"Failed to decode transaction: {error}") from None


def _timeout_error(found: Progress | None) -> RpcError:
    info: dict[str, Any] = {"cause": "NOT_OBSERVED"}
    if found is not None:
        info = {"cause": "PENDING", "status": views.final_outcome(found)}
    return RpcError("TIMEOUT_ERROR", "Timeout", info, http_status=408)
