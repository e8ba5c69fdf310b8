"""eth_account, which signs transactions and reads EIP-712 data: to be imported where it is used.

It loads curves that nobody here needs (py_ecc), which takes longer than all else that is loaded
for a chain, and beat, heads and commands never sign. web, ws and worker load it at their start.
"""

import sys

from eth_account import Account
from eth_account.messages import SignableMessage, encode_typed_data

__all__ = ["Account", "SignableMessage", "encode_typed_data"]

# py_ecc raises it to 100 000: with that, lists within lists in JSON of anybody overflow the stack
# and end the process.
sys.setrecursionlimit(1_000)
