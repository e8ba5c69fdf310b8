"""Starts a node as its users do, in a process of its own."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from devnet.near.client import Key, NearClient, Signer


@dataclass
class Running:
    """A node that listens, a client of it, and the account that owns everything at first."""

    url: str
    process: subprocess.Popen[str]
    near: NearClient
    root: Signer


@contextmanager
def running_node(*arguments: str) -> Iterator[Running]:
    """A node for the time of a `with` block."""
    command = [sys.executable, "-m", "devnet.near", "--port", "0", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        started = json.loads(process.stdout.readline())
        near = NearClient(started["url"])
        root = Signer(started["root_account"], Key.parse(started["root_secret_key"]))
        yield Running(started["url"], process, near, root)
        near.close()
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()
