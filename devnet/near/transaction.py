"""Signed transactions: their borsh form, hash, signature and cost."""

from collections.abc import Callable
from hashlib import sha256
from typing import NamedTuple

from devnet.near import account_id, actions, fees
from devnet.near.actions import AccessKey, Action, CallPermission, PlainAction
from devnet.near.crypto import (
    KEY_LENGTHS,
    KEY_TYPES,
    SIGNATURE_LENGTHS,
    base58_encode,
    key_text,
    signature_fits,
)

_DELEGATE_TAG = 8
_DELEGATE_PREFIX = (2**30 + 366).to_bytes(4, "little")  # NEP-461: what else is signed, by its NEP


class SignedTransaction(NamedTuple):
    """A transaction as its signer sent it; `size` is its length in bytes."""

    signer_id: str
    public_key: str
    nonce: int
    receiver_id: str
    block_hash: str
    actions: tuple[Action, ...]
    digest: bytes
    hash: str
    signature: str
    signature_bytes: bytes
    size: int

    def signature_is_valid(self) -> bool:
        """Whether the key that the transaction names has signed it."""
        return signature_fits(self.public_key, self.digest, self.signature_bytes)


class Cost(NamedTuple):
    """What a transaction takes from its signer; gas is bought at the price of its block."""

    burnt_gas: int
    prepaid_gas: int
    deposit: int
    gas_price: int = fees.GAS_PRICE

    @property
    def gas_yocto(self) -> int:
        """The price of all gas, burnt and prepaid."""
        return (self.burnt_gas + self.prepaid_gas) * self.gas_price

    @property
    def total(self) -> int:
        """Gas and deposits together, in yocto."""
        return self.gas_yocto + self.deposit


def cost_of(sent: tuple[Action, ...], receiver_id: str) -> Cost:
    """The cost of a transaction, or receipt, with these actions."""
    fee = actions.total_fee(sent, receiver_id)
    prepaid = fee.execution + actions.total_prepaid_gas(sent)
    return Cost(fee.send, prepaid, actions.total_deposit(sent))


class _Reader:
    """Borsh, read strictly; every method raises ValueError on bytes that don't fit."""

    def __init__(self, data: bytes) -> None:
        self.data, self.position = data, 0

    def take(self, count: int) -> bytes:
        end = self.position + count
        if end > len(self.data):
            raise ValueError("Unexpected length of input")
        taken = self.data[self.position : end]
        self.position = end
        return taken

    def number(self, width: int) -> int:
        return int.from_bytes(self.take(width), "little")

    def tag(self, kind: str, count: int) -> int:
        value = self.number(1)
        if value >= count:
            raise ValueError(f"Unexpected variant index: {value} of {kind}")
        return value

    def vector(self) -> bytes:
        return self.take(self.number(4))

    def string(self) -> str:
        return self.vector().decode()

    def account(self) -> str:
        name = self.string()
        if not account_id.is_valid(name):
            raise ValueError(f"invalid account id {name!r}")
        return name

    def public_key(self) -> str:
        tag = self.tag("PublicKey", len(KEY_LENGTHS))
        return key_text(bytes([tag]) + self.take(KEY_LENGTHS[tag]))

    def access_key(self) -> AccessKey:
        nonce = self.number(8)
        if self.tag("AccessKeyPermission", 2) == 1:
            return AccessKey(nonce, None)
        allowance = self.number(16) if self.tag("Option", 2) else None
        receiver = self.string()
        names = tuple(self.string() for _ in range(self.number(4)))
        return AccessKey(nonce, CallPermission(allowance, receiver, names))

    def function_call(self) -> actions.FunctionCall:
        name, args = self.string(), self.vector()
        return actions.FunctionCall(name, args, self.number(8), self.number(16))

    def stake(self) -> actions.Stake:
        return actions.Stake(self.number(16), self.public_key())

    def add_key(self) -> actions.AddKey:
        return actions.AddKey(self.public_key(), self.access_key())

    def plain_action(self) -> PlainAction:
        readers: tuple[Callable[[], PlainAction], ...] = (
            actions.CreateAccount,
            lambda: actions.DeployContract(self.vector()),
            self.function_call,
            lambda: actions.Transfer(self.number(16)),
            self.stake,
            self.add_key,
            lambda: actions.DeleteKey(self.public_key()),
            lambda: actions.DeleteAccount(self.account()),
        )
        return readers[self.tag("Action", len(readers))]()

    def action(self) -> Action:
        if self.data[self.position : self.position + 1] != bytes([_DELEGATE_TAG]):
            return self.plain_action()
        self.take(1)
        return self.delegate()

    def delegate(self) -> actions.Delegate:
        start = self.position
        sender, receiver = self.account(), self.account()
        sent = tuple(self.inner_action() for _ in range(self.number(4)))
        nonce, max_block_height, key = self.number(8), self.number(8), self.public_key()
        digest = sha256(_DELEGATE_PREFIX + self.data[start : self.position]).digest()
        text, signature = self.signature()
        return actions.Delegate(
            sender, receiver, sent, nonce, max_block_height, key, digest, text, signature
        )

    def inner_action(self) -> PlainAction:
        if self.data[self.position : self.position + 1] == bytes([_DELEGATE_TAG]):
            raise ValueError("DelegateAction mustn't contain a nested one")
        return self.plain_action()

    def signature(self) -> tuple[str, bytes]:
        tag = self.tag("Signature", len(SIGNATURE_LENGTHS))
        signature = self.take(SIGNATURE_LENGTHS[tag])
        return f"{KEY_TYPES[tag]}:{base58_encode(signature)}", signature


def parse(data: bytes) -> SignedTransaction:
    """A signed transaction from its borsh bytes.

    The order of fields and the tags are nearcore's `core/primitives/src/transaction.rs`. Raises
    ValueError when the bytes are no transaction of the kinds that this node knows.
    """
    reader = _Reader(data)
    signer, key, nonce = reader.account(), reader.public_key(), reader.number(8)
    receiver, block_hash = reader.account(), base58_encode(reader.take(32))
    sent = tuple(reader.action() for _ in range(reader.number(4)))
    digest = sha256(data[: reader.position]).digest()
    text, signature = reader.signature()
    if reader.position != len(data):
        raise ValueError("Not all bytes read")
    return SignedTransaction(
        signer, key, nonce, receiver, block_hash, sent,
        digest, base58_encode(digest), text, signature, len(data),
    )  # fmt: skip
