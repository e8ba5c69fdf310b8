"""A maker's signed order (gasless mode): a source lock that anybody may make for its depositor."""

from dataclasses import dataclass
from typing import Any, Final, Self

from chains_app.locks import LockTerms


@dataclass(frozen=True)
class Order:
    """What the maker signs: the lock's terms, and what it is given for.

    `destination_chain` by CAIP-2 name; `destination_token` is the token's contract, "" for the
    native coin; `receiver` is paid at least `minimum_amount` of it, base units. `fee`: the part of
    `terms.amount` that pays for the submission; a refund returns it with the rest (docs/adr/0001).
    """

    terms: LockTerms
    destination_chain: str
    destination_token: str
    receiver: str
    minimum_amount: int
    fee: int

    def to_json(self) -> dict[str, Any]:
        """For a JSON column."""
        amounts = {"minimum_amount": str(self.minimum_amount), "fee": str(self.fee)}
        return {**vars(self), **amounts, "terms": self.terms.to_json()}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """What `to_json` wrote."""
        return cls(
            **{
                **stored,
                "terms": LockTerms.from_json(stored["terms"]),
                "minimum_amount": int(stored["minimum_amount"]),
                "fee": int(stored["fee"]),
            }
        )


KEY_SIGNATURE: Final = 65  # bytes: r, s, v


def permit_bytes(value: int, deadline: int, signature: bytes) -> bytes:
    """abi.encode(value, deadline, v, r, s) of an ERC-2612 permit signed by r, s, v (65 bytes)."""
    words = (value, deadline, signature[64])
    return b"".join(word.to_bytes(32, "big") for word in words) + signature[:64]


@dataclass(frozen=True)
class SignedOrder:
    """An order with its depositor's signature (ECDSA, or what an ERC-1271 wallet takes) and, where
    the allowance is to come with it, abi.encode(value, deadline, v, r, s) of an ERC-2612 permit.
    """

    order: Order
    signature: bytes
    permit: bytes = b""

    def to_json(self) -> dict[str, Any]:
        """For a JSON column."""
        return {
            "order": self.order.to_json(),
            "signature": self.signature.hex(),
            "permit": self.permit.hex(),
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """What `to_json` wrote."""
        signature, permit = (bytes.fromhex(stored[name]) for name in ("signature", "permit"))
        return cls(Order.from_json(stored["order"]), signature, permit)
