"""eth_account, which signs transactions and reads EIP-712 data, without its key files.

It imports eth_keyfile for keys under a password, which nobody here has. That would load BLS curves
(py_ecc), a third of what a process takes to load, and raise Python's recursion limit to 100 000:
with that, lists within lists in JSON of anybody overflow the stack and end the process.
"""

import sys
from types import ModuleType
from typing import NoReturn


def _refuse(*_: object, **__: object) -> NoReturn:
    raise RuntimeError("this service has no key files: keys come from the environment")


def _leave_out_key_files() -> None:
    """Something else answers to the names that eth_account imports from there."""
    names = {"create_keyfile_json": _refuse, "decode_keyfile_json": _refuse, "KDFType": str}
    for module in ("eth_keyfile", "eth_keyfile.keyfile"):
        stands_in = ModuleType(module)
        vars(stands_in).update(names)
        sys.modules.setdefault(module, stands_in)


_leave_out_key_files()

from eth_account import Account  # noqa: E402
from eth_account.messages import SignableMessage, encode_typed_data  # noqa: E402
from eth_account.signers.local import LocalAccount  # noqa: E402

sys.setrecursionlimit(1_000)  # in case somebody has loaded all of it before

__all__ = ["Account", "LocalAccount", "SignableMessage", "encode_typed_data"]
