"""The escrow contracts of contracts/evm as bytes: addresses, calls, storage and events."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from eth_abi.abi import decode, encode
from eth_utils.address import to_canonical_address, to_checksum_address
from eth_utils.crypto import keccak

from chains_app.locks import Call, LockState, LockTerms
from orchestrator.kernel.clock import Seconds
from orchestrator.kernel.hashlock import Secret

ZERO_ADDRESS: Final = "0x" + "00" * 20
PAYOUT_GAS: Final = 200_000  # what an escrow gives to the payout call (Escrow.sol)
_ARTIFACTS: Final = Path(__file__).resolve().parents[2] / "contracts/evm/artifacts"
_LOCK: Final = "(address,address,address,uint256,bytes32,uint64,uint64)"  # Lock.sol
# The minimal proxy (ERC-1167) as OpenZeppelin's Clones deploys it.
_CLONE_INIT: Final = bytes.fromhex("3d602d80600a3d3981f3")
_CLONE_HEAD: Final = bytes.fromhex("363d3d373d3d3d363d73")
_CLONE_TAIL: Final = bytes.fromhex("5af43d82803e903d91602b57fd5bf3")


def selector(signature: str) -> bytes:
    """The first four bytes of a method's hash."""
    return keccak(text=signature)[:4]


def topic(signature: str) -> str:
    """An event's first topic."""
    return "0x" + keccak(text=signature).hex()


CREATE_SOURCE: Final = selector(f"createSrcEscrow({_LOCK})")
CREATE_DESTINATION: Final = selector(f"createDstEscrow({_LOCK})")
_ENDINGS: Final = {
    Call.REFUND: selector(f"cancel({_LOCK})"),
    Call.REFUND_EARLY: selector(f"cancelByBeneficiary({_LOCK})"),
    Call.PAY: selector(f"pay({_LOCK})"),
}
_WITHDRAW: Final = selector(f"withdraw(bytes32,{_LOCK})")

CREATED: Final = frozenset(
    topic(f"{event}(address,bytes32,{_LOCK})") for event in ("SrcEscrowCreated", "DstEscrowCreated")
)
WITHDRAWN: Final = topic("Withdrawn(bytes32,bool)")
TOPICS: Final = (*CREATED, WITHDRAWN, topic("Cancelled(bool,bool)"), topic("Paid(address,uint256)"))

# Lock.sol's State, the slot's first byte: how the lock stands, and whether it is paid. `Paying` is
# never seen between transactions.
_OPEN: Final = 1
_STATES: Final = {
    _OPEN: (LockState.OPEN, False),
    3: (LockState.WITHDRAWN, True),
    4: (LockState.REFUNDED, True),
    5: (LockState.WITHDRAWN, False),
    6: (LockState.REFUNDED, False),
}


class EscrowContracts:
    """A factory on one chain, and the escrows that it makes."""

    def __init__(self, chain_id: int, factory: str) -> None:
        self.factory = to_checksum_address(factory)
        self._chain_id = chain_id
        # The factory's constructor creates the implementation: its contract number 1 (EIP-161).
        created = b"\xd6\x94" + to_canonical_address(factory) + b"\x01"  # RLP of [factory, 1]
        self.implementation = to_checksum_address(keccak(created)[12:])
        clone = to_canonical_address(self.implementation)
        self.clone_code = _CLONE_HEAD + clone + _CLONE_TAIL
        self._init_hash = keccak(_CLONE_INIT + self.clone_code)

    def escrow(self, terms: LockTerms) -> str:
        """The address of the one escrow of this depositor, token and hashlock (CREATE2)."""
        values = [terms.depositor, terms.token or ZERO_ADDRESS, terms.hashlock]
        salt = keccak(encode(["address", "address", "bytes32"], values))
        head = b"\xff" + to_canonical_address(self.factory) + salt
        return to_checksum_address(keccak(head + self._init_hash)[12:])

    def lock_id(self, terms: LockTerms) -> bytes:
        """The hash of all terms, of which the escrow keeps 31 bytes."""
        values = [self._chain_id, self.factory, _words(terms)]
        return keccak(encode(["uint256", "address", _LOCK], values))

    def decode_slot(self, terms: LockTerms, slot: bytes) -> tuple[LockState, bool]:
        """Slot 0 of the escrow: how exactly this lock stands, and whether it is paid."""
        if slot[1:] != self.lock_id(terms)[:31]:
            return LockState.ABSENT, False
        return _STATES.get(slot[0], (LockState.ABSENT, False))

    def open_slot(self, terms: LockTerms) -> bytes:
        """Slot 0 of the escrow while this lock is open."""
        return bytes([_OPEN]) + self.lock_id(terms)[:31]

    def creation(self, terms: LockTerms, method: bytes) -> tuple[str, int, bytes]:
        """To, value in wei and data of a lock's creation by its depositor."""
        value = terms.amount if terms.token is None else 0
        return self.factory, value, method + encode([_LOCK], [_words(terms)])

    def ending(self, call: Call, terms: LockTerms, secret: Secret | None) -> tuple[str, int, bytes]:
        """The same of what ends a lock or pays it again."""
        if call is not Call.WITHDRAW:
            data = _ENDINGS[call] + encode([_LOCK], [_words(terms)])
        elif secret is None:
            raise ValueError("a withdrawal needs its secret")
        else:
            data = _WITHDRAW + encode(["bytes32", _LOCK], [secret.reveal(), _words(terms)])
        return self.escrow(terms), 0, data


def _words(terms: LockTerms) -> tuple[Any, ...]:
    token = terms.token or ZERO_ADDRESS
    parties = (terms.depositor, terms.beneficiary, token)
    return (*parties, terms.amount, terms.hashlock, terms.lock_by, terms.timelock)


def created(data: str, chain: str, factory: str) -> LockTerms:
    """The terms that a creation's event tells, from its data in hex; raises DecodingError."""
    (words,) = decode([_LOCK], bytes.fromhex(data.removeprefix("0x")))
    depositor, beneficiary, token, amount, hashlock, lock_by, timelock = words
    return LockTerms(
        chain=chain,
        contract=factory,
        depositor=to_checksum_address(depositor),
        beneficiary=to_checksum_address(beneficiary),
        token=None if token == ZERO_ADDRESS else to_checksum_address(token),
        amount=amount,
        hashlock=hashlock,
        lock_by=Seconds(lock_by),
        timelock=Seconds(timelock),
    )


def is_built_code(contract: str, code: bytes) -> bool:
    """Whether a chain's code is our build of `contract`, whatever its immutables hold."""
    artifact = _artifact(contract)
    plain = bytearray(code)
    for start, length in artifact["immutables"]:
        plain[start : start + length] = bytes(len(plain[start : start + length]))
    return "0x" + keccak(bytes(plain)).hex() == str(artifact["codeHash"])


@lru_cache
def _artifact(contract: str) -> dict[str, Any]:
    built: dict[str, Any] = json.loads((_ARTIFACTS / f"{contract}.json").read_text())
    return built
