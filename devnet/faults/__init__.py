"""Faults on demand, for both chains alike: of the way to their nodes, and of the chains themselves.

    with devnet.faults.base.hanging(methods={"eth_call"}, at=0):
        ...                                # the service's first URL of BASE hangs on eth_call
    devnet.faults.near.reorganise(2, keep_transactions=False)

A fault of the way to a node needs proxies: `Devnet(proxied_urls=N)` gives the service N URLs of
each chain that lead through them. Nothing here is random; what was injected is counted.
"""

from collections import Counter

from devnet.anvil import Anvil
from devnet.faults.chain import ChainFaults, Failure, Lie
from devnet.faults.evm import BaseFaults
from devnet.faults.near import NearFaults
from devnet.faults.proxy import Proxies
from devnet.near_node import NearNode

__all__ = ["BaseFaults", "ChainFaults", "Failure", "Faults", "Lie", "NearFaults"]


class Faults:
    """Both chains' faults; `urls` is the number of proxies in front of each node."""

    def __init__(self, anvil: Anvil, near: NearNode, urls: int = 0) -> None:
        self._proxies = Proxies()
        self.base = BaseFaults(anvil, self._proxies, urls)
        self.near = NearFaults(near, self._proxies, urls)

    def jump(self, seconds: int) -> None:
        """Both clocks on by `seconds`, for ever, with a block on each chain."""
        self.base.jump(seconds)
        self.near.jump(seconds)

    @property
    def injected(self) -> dict[str, Counter[str]]:
        """How often each fault met something, by chain."""
        return {"base": self.base.injected, "near": self.near.injected}

    def stop(self) -> None:
        """End what makes faults: the proxies, and what made blocks."""
        self.base.stop()
        self._proxies.stop()
