"""Starts the NEAR node of the devnet (`devnet/near`) as a child process."""

import json
import signal
import sys
from pathlib import Path

from devnet.near.client import Key, NearClient, Signer
from devnet.processes import Child, start

ROOT = Path(__file__).resolve().parent.parent
CHAIN_ID = "devnet"


def start_near_node(folder: Path) -> "NearNode":
    """Start the node, with blocks on demand (one or more per transaction)."""
    options = ["--chain-id", CHAIN_ID]
    command = [sys.executable, "-m", "devnet.near", "--port", "0", *options]
    child = start(
        "near", command, folder, stop_signal=signal.SIGKILL, env={"PYTHONPATH": str(ROOT)}
    )
    child.wait_until(lambda: b"\n" in child.log.read_bytes())
    ready = json.loads(child.log.read_text().splitlines()[0])
    root = Signer(ready["root_account"], Key.parse(ready["root_secret_key"]))
    return NearNode(child, ready["url"], root)


class NearNode:
    """A running node; `root` is the account that owns all others' names and most of the money."""

    def __init__(self, child: Child, url: str, root: Signer) -> None:
        self.child, self.url, self.root, self.client = child, url, root, NearClient(url)

    def make_blocks_every(self, seconds: float) -> None:
        """From now on make a block every `seconds` instead of on demand."""
        self.client.rpc.call("devnet_set_block_ms", ms=round(seconds * 1000))

    def stop(self) -> None:
        """End the process."""
        self.client.close()
        self.child.stop()
