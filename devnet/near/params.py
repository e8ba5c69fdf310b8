"""Strict reading of request parameters, by name or by position."""

import binascii
from base64 import b64decode
from collections.abc import Sequence
from typing import Any, TypeVar, cast

from devnet.near import account_id
from devnet.near.chain import Chain, Finality, GarbageCollectedError, UnknownBlockError
from devnet.near.crypto import hash_bytes, key_bytes
from devnet.near.errors import RpcError, parse_error
from devnet.near.receipts import Block
from devnet.near.status import LEVELS, Level

_T = TypeVar("_T", bound=str)
_FINALITIES: tuple[Finality, ...] = ("optimistic", "near-final", "final")


class Params:
    """The parameters of one call; every reader raises PARSE_ERROR when they don't fit."""

    def __init__(self, params: Any, positions: Sequence[str] = ()) -> None:
        if params is None:
            params = {}
        if isinstance(params, list):
            if len(params) > len(positions):
                raise invalid(f"expected at most {len(positions)} parameters, got {len(params)}")
            params = dict(zip(positions, params, strict=False))
        if not isinstance(params, dict):
            raise invalid("params must be an object or an array")
        self.fields: dict[str, Any] = params

    def has(self, name: str) -> bool:
        """Whether a field is there and not null."""
        return self.fields.get(name) is not None

    def text(self, name: str) -> str:
        """A string."""
        value = self.fields.get(name)
        if value is None:
            raise invalid(f"missing field `{name}`")
        if not isinstance(value, str):
            raise invalid(f"invalid type for `{name}`: expected a string")
        return value

    def account(self, name: str = "account_id") -> str:
        """A valid account id."""
        return _account(self.text(name))

    def accounts(self, name: str) -> list[str]:
        """A list of valid account ids."""
        values = self.fields.get(name)
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise invalid(f"`{name}` must be an array of account ids")
        return [_account(value) for value in values]

    def keys(self, name: str) -> list[tuple[str, str]]:
        """A list of `{account_id, public_key}`."""
        values = self.fields.get(name)
        if not isinstance(values, list):
            raise invalid(f"`{name}` must be an array of objects")
        entries = [Params(value) for value in values]
        return [(entry.account(), entry.public_key()) for entry in entries]

    def public_key(self, name: str = "public_key") -> str:
        """A public key."""
        text = self.text(name)
        try:
            key_bytes(text)
        except ValueError as error:
            raise invalid(f"invalid `{name}`: {error}") from None
        return text if ":" in text else f"ed25519:{text}"

    def base64(self, name: str) -> bytes:
        """Bytes written as base64."""
        try:
            return b64decode(self.text(name), validate=True)
        except (binascii.Error, ValueError) as error:
            raise invalid(f"invalid base64 in `{name}`: {error}") from None

    def hash(self, name: str) -> str:
        """A hash in base58."""
        return _hash(self.text(name), name)

    def natural(
        self, name: str, default: int | None = None, *, least: int = 0, limit: int = 2**64 - 1
    ) -> int:
        """An integer from `least` to `limit`."""
        value = self.fields.get(name, default)
        if type(value) is not int or not least <= value <= limit:
            raise invalid(f"`{name}` must be an integer from {least} to {limit}")
        return value

    def choice(self, name: str, choices: Sequence[_T], default: _T) -> _T:
        """One of a few words."""
        value = self.fields[name] if self.has(name) else default
        if value not in choices:
            known = ", ".join(f"`{choice}`" for choice in choices)
            raise invalid(f"unknown variant `{value}`, expected one of {known}")
        return cast(_T, value)

    def wait_until(self, default: Level = "EXECUTED_OPTIMISTIC") -> Level:
        """The level that a transaction is to reach."""
        return self.choice("wait_until", LEVELS, default)

    def block(self, chain: Chain, default: Finality = "optimistic") -> Block:
        """The block named by `block_id`, `finality` or `sync_checkpoint`.

        Raises UnknownBlockError and GarbageCollectedError.
        """
        block_id = self.fields.get("block_id")
        if block_id is not None:
            if isinstance(block_id, str):
                return chain.block_of(_hash(block_id, "block_id"))
            return chain.block_at(self.natural("block_id"))
        if self.has("sync_checkpoint"):
            checkpoint = self.choice("sync_checkpoint", ("genesis", "earliest_available"), "")
            return chain.genesis if checkpoint == "genesis" else chain.earliest
        finality = self.choice("finality", _FINALITIES, default)
        return chain.block_at(chain.final_height(finality))

    def known_block(self, chain: Chain) -> Block:
        """The same, for the methods whose only answer to a missing block is UNKNOWN_BLOCK."""
        try:
            return self.block(chain)
        except (UnknownBlockError, GarbageCollectedError):
            block_id = self.fields.get("block_id")
            kind = "BLOCK" if isinstance(block_id, str) else "BLOCK HEIGHT"
            text = f"DB Not Found Error: {kind}: {block_id} \n Cause: Unknown"
            raise RpcError("UNKNOWN_BLOCK", text) from None


def invalid(problem: str) -> RpcError:
    """PARSE_ERROR for parameters."""
    return parse_error(f"Failed parsing args: {problem}")


def _account(name: str) -> str:
    if not account_id.is_valid(name):
        raise invalid(f"invalid account id `{name}`")
    return name


def _hash(text: str, name: str) -> str:
    try:
        hash_bytes(text)
    except ValueError as error:
        raise invalid(f"invalid hash in `{name}`: {error}") from None
    return text
