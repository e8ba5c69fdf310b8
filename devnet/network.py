"""The devnet: PostgreSQL, Redis, and both chains with contracts deployed and parties funded."""

import time
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self, TypeVar

from devnet.anvil import start_anvil
from devnet.deployment import deploy
from devnet.faults import Faults
from devnet.folders import new_folder
from devnet.near_node import start_near_node
from devnet.postgres import start_postgres
from devnet.redis import start_redis


@dataclass(frozen=True)
class BlockTimes:
    """Seconds between blocks on each chain."""

    base: float = 1.0
    near: float = 0.6


class _Server(Protocol):
    def stop(self) -> None: ...


S = TypeVar("S", bound=_Server)


class Devnet:
    """A running devnet; a context manager, which stops every server and removes its folder.

    Without `block_times` both chains make blocks on demand: one per transaction, and `mine`.
    With `proxied_urls` the environment names so many URLs of each chain, which lead to its node
    through proxies that can fail (`faults`); ours lead to it directly, as they do without.
    """

    def __init__(self, block_times: BlockTimes | None = None, *, proxied_urls: int = 0) -> None:
        base = None if block_times is None else block_times.base
        with ExitStack() as stack:
            folder = new_folder(stack)
            self.postgres = _started(stack, start_postgres(folder))
            self.redis = _started(stack, start_redis(folder))
            self.anvil = _started(stack, start_anvil(folder, block_seconds=base))
            self.near = _started(stack, start_near_node(folder))
            self.environment = {
                "DATABASE_URL": self.postgres.url,
                "REDIS_URL": self.redis.url,
                **deploy(self.anvil, self.near),
            }
            self.faults = _started(stack, Faults(self.anvil, self.near, proxied_urls))
            if proxied_urls:
                self.environment["BASE_RPC_URL"] = ",".join(self.faults.base.urls)
                self.environment["NEAR_RPC_URL"] = ",".join(self.faults.near.urls)
            if block_times is not None:
                self.near.make_blocks_every(block_times.near)
            self._stack = stack.pop_all()

    def mine(self, blocks: int = 1, seconds: int = 0) -> None:
        """Add `blocks` to each chain and move both clocks on by `seconds`, for ever."""
        self.anvil.mine(blocks, seconds)
        self.near.client.mine(blocks, seconds)

    def wait_blocks(self, blocks: int) -> None:
        """Wait until each chain has made `blocks` more by itself (timed blocks only)."""
        goal = [height + blocks for height in self.heights()]
        while any(height < least for height, least in zip(self.heights(), goal, strict=True)):
            self.require_running()
            time.sleep(0.05)

    def heights(self) -> tuple[int, int]:
        """The height of each chain's head: BASE, NEAR."""
        status = self.near.client.rpc.call("status")
        base = int(self.anvil.rpc.call("eth_blockNumber"), 16)
        return base, int(status["sync_info"]["latest_block_height"])

    def snapshot(self) -> tuple[str, str]:
        """Remember the state of both chains; the answer goes to `revert`, once."""
        return self.anvil.snapshot(), self.near.client.snapshot()

    def revert(self, snapshot: tuple[str, str]) -> None:
        """Bring both chains back to `snapshot`; the database and Redis stay as they are."""
        self.anvil.revert(snapshot[0])
        self.near.client.revert(snapshot[1])

    def require_running(self) -> None:
        """Raise StartError, with the end of its log, if a server has ended."""
        for server in (self.postgres, self.redis, self.anvil, self.near):
            server.child.require_running()

    def stop(self) -> None:
        """End all servers, the newest first, and remove the folder."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


def _started(stack: ExitStack, server: S) -> S:
    stack.callback(server.stop)
    return server
