"""The host functions that NEAR contracts import from `env`.

Source of names, order of checks and errors: nearcore `runtime/near-vm-runner/src/logic`.
"""

from devnet.near.host import context, cryptography, logs, promises, storage, unsupported
from devnet.near.host.imports import IMPORTS
from devnet.near.host.logic import CallContext, Logic, PromisedReceipt

__all__ = [
    "IMPORTS",
    "CallContext",
    "Logic",
    "PromisedReceipt",
    "context",
    "cryptography",
    "logs",
    "promises",
    "storage",
    "unsupported",
]
