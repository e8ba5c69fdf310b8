"""Development methods that let the chain misbehave: stand still, reorganise, become dear."""

from collections.abc import Awaitable, Callable
from typing import Any

from devnet.near import fees
from devnet.near.forks import take_back
from devnet.near.node import Node
from devnet.near.params import Params, invalid

_NEVER_MS = 10**12
_DEAREST = 10**15  # yocto per gas


class ChainFaults:
    """The methods of one node, by name."""

    def __init__(self, node: Node) -> None:
        self._node, self._stalled = node, False
        self._block_ms: int | None = None  # the interval to go back to
        self.methods: dict[str, Callable[[Any], Awaitable[Any]]] = {
            "devnet_stall": self.stall,
            "devnet_resume": self.resume,
            "devnet_reorganise": self.reorganise,
            "devnet_set_gas_price": self.set_gas_price,
        }

    async def stall(self, params: Any) -> Any:
        """Make no blocks, but those of `devnet_mine`, until `devnet_resume`."""
        if not self._stalled:
            self._stalled, self._block_ms = True, self._node.block_ms
            self._node.set_block_ms(_NEVER_MS)
        return True

    async def resume(self, params: Any) -> Any:
        """Make blocks again as before."""
        if self._stalled:
            self._stalled = False
            self._node.set_block_ms(self._block_ms)
        return True

    async def reorganise(self, params: Any) -> Any:
        """Other blocks instead of the newest `depth`, which must not be final.

        `keep_transactions`: they go back to the mempool, and so into the new blocks; else they are
        lost, and only whoever has them can send them again.
        """
        request = Params(params, ("depth", "keep_transactions"))
        depth = request.natural("depth", least=1, limit=fees.FINALITY_BLOCKS)
        keep = request.fields.get("keep_transactions", True)
        if not isinstance(keep, bool):
            raise invalid("`keep_transactions` must be true or false")
        try:
            take_back(self._node.chain, depth, keep_transactions=keep)
        except ValueError as error:
            raise invalid(str(error)) from None
        for _ in range(depth):
            self._node.produce_block()
        self._node.set_block_ms(self._node.block_ms)  # on demand: run what is left
        return True

    async def set_gas_price(self, params: Any) -> Any:
        """Yocto per gas (a decimal string) from the next block on; null for the usual price."""
        request, price = Params(params, ("gas_price",)), fees.GAS_PRICE
        if request.has("gas_price"):
            text = request.text("gas_price")
            price = int(text) if text.isascii() and text.isdigit() else 0
            if not fees.GAS_PRICE <= price <= _DEAREST:
                raise invalid(f"`gas_price` must be from {fees.GAS_PRICE} to {_DEAREST}")
        self._node.chain.gas_price = price
        return True
