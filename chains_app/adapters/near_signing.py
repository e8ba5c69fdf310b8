"""NEAR transactions: py_near builds and signs them. No exchange with a node."""

from base64 import b64decode
from typing import Any, Final

import base58
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from loguru import logger
from py_near import transactions

from chains_app.adapters.interface import Signed, SigningKey
from orchestrator.kernel.hashlock import Secret

logger.disable("py_near")  # it would log past our redaction
# blocks from the named one on to the first that refuses: mainnet's `transaction_validity_period`
LIFETIME: Final = 86_400 + 1
_ED25519: Final = "ed25519:"


def near_key(account: str, text: str) -> SigningKey:
    """A key of `account`, from ed25519:<base58 of seed and public key>."""
    seed = base58.b58decode(text.removeprefix(_ED25519))[:32]
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    return SigningKey(account, _ED25519 + base58.b58encode(public).decode(), Secret(seed))


def function_call(method: str, arguments: bytes, gas: int, deposit: int) -> Any:
    """An action that calls a contract; `deposit` in yocto."""
    return transactions.create_function_call_action(method, arguments, gas, deposit)


def transfer(amount: int) -> Any:
    """An action that gives yocto."""
    return transactions.create_transfer_action(amount)


def sign_transaction(
    key: SigningKey, receiver: str, nonce: int, action: Any, block_hash: str
) -> Signed:
    """The signed bytes of one action; they hold until `block_hash` is too old."""
    public = base58.b58decode(key.public.removeprefix(_ED25519))
    pair = key.secret.reveal() + public
    parts = (key.account, pair, receiver, nonce, [action], base58.b58decode(block_hash))
    signed = transactions.sign_and_serialize_transaction(*parts)
    return Signed(b64decode(signed), transactions.calc_trx_hash(*parts))
