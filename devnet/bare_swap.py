"""The four transactions of a swap by a bare script: what the chains alone take, to compare with.

Each is sent when the one before it is final, as in the service; there is no API, database or guard.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from chains_app.adapters.evm_signing import evm_key
from chains_app.adapters.interface import SigningKey, Stage
from chains_app.adapters.near_signing import near_key
from chains_app.config import ChainsEnvironment
from chains_app.locks import Call, LockTerms
from chains_app.registry import get_adapter, get_chain, signing_keys, use_environment
from chains_app.signers import SignerRole
from orchestrator.kernel.clock import Seconds, wall_clock
from orchestrator.kernel.hashlock import HashFunction, Secret

POLL_SECONDS = 0.01


@dataclass(frozen=True)
class Leg:
    """A chain, the tier that counts as final on it, who locks and withdraws there, and for whom."""

    chain: str
    tier: str
    maker: SigningKey
    beneficiary: str
    amount: int


def bare_swap_seconds(
    environment: Mapping[str, str], source: str, amounts: tuple[int, int]
) -> float:
    """Lock on `source`, lock on the other chain, withdraw there, withdraw on `source`.

    `amounts`: base units of native coin, source leg first.
    """
    with use_environment(ChainsEnvironment.of(environment)):
        legs = _legs(environment, source, amounts)
        secret = Secret.generate()
        began = time.perf_counter()
        locks = [(leg, _terms(leg, secret)) for leg in legs]
        for leg, terms in locks:
            _send(leg, Call.LOCK, terms, None)
        for leg, terms in reversed(locks):
            _send(leg, Call.WITHDRAW, terms, secret)
        return time.perf_counter() - began


def _legs(environment: Mapping[str, str], source: str, amounts: tuple[int, int]) -> list[Leg]:
    """All signed by the maker: the service stops a key of its own that somebody else signs with.

    For the duty accounts: a lock for our lock account would be given back as surplus.
    """
    destination = "near" if source == "base" else "base"
    makers = {
        "base": evm_key(environment["MAKER_BASE_KEY"]),
        "near": near_key(environment["MAKER_NEAR_ACCOUNT"], environment["MAKER_NEAR_KEY"]),
    }
    return [
        Leg(chain, _fastest(chain), makers[chain], _duty(chain), amount)
        for chain, amount in zip((source, destination), amounts, strict=True)
    ]


def _duty(chain: str) -> str:
    return signing_keys(chain, SignerRole.DUTY)[0].account


def _fastest(chain: str) -> str:
    """The tier of a small swap, which the service takes for one of this size as well."""
    finality = get_chain(chain).finality
    return min(finality, key=lambda tier: finality[tier])


def _terms(leg: Leg, secret: Secret) -> LockTerms:
    now = wall_clock()
    return LockTerms(
        chain=leg.chain,
        contract=get_chain(leg.chain).contract,
        depositor=leg.maker.account,
        beneficiary=leg.beneficiary,
        token=None,
        amount=leg.amount,
        hashlock=HashFunction.SHA256.digest(secret.reveal()),
        lock_by=Seconds(now + 600),
        timelock=Seconds(now + 1200),
    )


def _send(leg: Leg, call: Call, terms: LockTerms, secret: Secret | None) -> None:
    """Sign, send, wait until it is final; raises RuntimeError if it failed."""
    adapter, key = get_adapter(leg.chain), leg.maker
    prepared = adapter.prepare(call, terms, key)
    signed = adapter.sign(call, terms, prepared, key, prepared.nonce_floor, secret)
    adapter.broadcast(signed.raw)
    while True:
        status = adapter.transaction_status(signed.hash, key.account, leg.tier)
        if status.stage is Stage.FINAL:
            break
        time.sleep(POLL_SECONDS)
    if not status.succeeded:
        raise RuntimeError(f"{call.value} on {leg.chain} failed: {signed.hash}")
