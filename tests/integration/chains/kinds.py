"""Every kind of write that the outbox makes: how it comes to be wanted, and what it does, once."""

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final
from uuid import UUID, uuid4

import pytest
from django.db import transaction

from chains_app.adapters.memory_contract import order_signature
from chains_app.intents import release_repayment, void_intents
from chains_app.locks import Call, LockTerms
from chains_app.models import Intent
from chains_app.orders import Order, SignedOrder
from chains_app.outbox import worker
from chains_app.outbox.nonces import NEVER
from chains_app.outbox.signing import sign
from chains_app.outbox.worker import run_outbox
from chains_app.ports import Moment, Verdict
from chains_app.watching import watch_lock
from orchestrator.kernel.hashlock import Secret
from tests.integration.chains.deaths import Life
from tests.integration.chains.world import (
    AMOUNT,
    REGISTRATION,
    STORAGE,
    TOKEN,
    YES,
    World,
)

Changes = Mapping[tuple[str, str | None], int]

# where a worker leaves something that lasts, while a write is sent, seen in a block, and final
SENT: Final = "claim sign send_first broadcast record release ; "
FIRST: Final = SENT.replace("sign", "sync_signers sign", 1)  # ever, on that chain
INCLUDED: Final = "claim mark_included release ; "
ENDED: Final = "claim mark_final end release ; "
ORDINARY: Final = FIRST + INCLUDED + ENDED


def in_peace(life: Life, before: int = 0) -> None:
    """Each block is waited for, `before` of them for other writes; the last is final in the end."""
    for _ in range(before + 1):
        life.work()
        life.chain.mine()
    life.work()
    become_final(life)


def become_final(life: Life) -> None:
    """What is in a block."""
    life.chain.mine(2)
    life.read()
    life.work()


@dataclass(frozen=True)
class Kind:
    """A kind of write, or something that goes wrong with it.

    `plan` sets the scene on a chain and has it wanted; `live` is what happens then. `intents` and
    `attempts`: how each ended, in the order in which they were made. `changes`: of everybody's
    holdings, fees aside. `points`: where a worker leaves something that lasts, in order, when none
    dies, job by job; in other `jobs` than these all is as with another kind.
    """

    chain: str
    plan: Callable[[World, str], object]
    intents: list[str]
    attempts: list[str]
    changes: Changes
    points: str = ORDINARY
    jobs: Container[int] = range(99)
    live: Callable[[Life], None] = in_peace

    @property
    def calls(self) -> set[str]:
        """Of all its intents."""
        return {intent.split()[0] for intent in self.intents}


# the scenes


def lock(world: World, chain: str) -> UUID:
    return world.plan(world.terms(chain))


def lock_by_way_of_nothing(world: World, chain: str) -> UUID:
    """A little allowance is left, which the token wants changed to nothing first."""
    world.chains[chain].allow("lock", TOKEN, AMOUNT - 1)
    return world.plan(world.terms(chain, token=TOKEN))


def lock_for_a_stranger(world: World, chain: str) -> UUID:
    return world.plan(world.terms(chain, token=TOKEN, beneficiary=world.stranger(chain)))


def lock_by_order(world: World, chain: str) -> UUID:
    terms = world.terms(chain, ours=False, token=TOKEN)
    world.chains[chain].allow("maker", TOKEN, AMOUNT)
    order = Order(terms, "memory:near", "", "maker", AMOUNT, 0)
    signed = SignedOrder(order, order_signature(order, "maker"))
    return world.plan(terms, Call.LOCK_FOR, order=signed)


def locked(
    world: World, chain: str, secret: Secret | None = None, *, ours: bool = True
) -> LockTerms:
    """A lock that stands already."""
    terms = world.terms(chain, secret, ours=ours)
    world.send_as(terms.depositor, Call.LOCK, terms)
    world.chains[chain].mine(3)
    return terms


def withdraw(world: World, chain: str) -> UUID:
    secret = Secret.generate()
    terms = locked(world, chain, secret)
    return world.plan(terms, Call.WITHDRAW, secret_id=world.keep(secret))


def refund(world: World, chain: str) -> UUID:
    terms = locked(world, chain)
    world.chains[chain].mine(seconds=1200)
    return world.plan(terms, Call.REFUND, send_by=NEVER)


def refund_early(world: World, chain: str) -> UUID:
    return world.plan(locked(world, chain, ours=False), Call.REFUND_EARLY)


def pay(world: World, chain: str) -> UUID:
    secret, memory = Secret.generate(), world.chains[chain]
    terms = locked(world, chain, secret)
    memory.refusing.add("maker")
    world.send_as("maker", Call.WITHDRAW, terms, secret)
    memory.mine(3)
    memory.refusing.clear()
    return world.plan(terms, Call.PAY, send_by=NEVER)


def repay(world: World, chain: str, token: str | None = None) -> UUID:
    reference, terms = uuid4(), world.terms(chain, ours=False, token=token)
    with transaction.atomic():
        watch_lock(reference=reference, terms=terms, tier="head+1")
        release_repayment(reference=reference, terms=terms)
    return reference


def void_the_first_of_two(world: World, chain: str) -> Intent:
    """Nonce 0 is voided at its first send, while nonce 1 is signed already."""
    first, second = (world.intent(world.plan(world.terms(chain), urgency=n)) for n in (200, 0))

    def guard(reference: UUID, moment: Moment) -> Verdict:
        if reference == first.reference and moment is Moment.SEND:
            second.refresh_from_db()
            sign(second)
            return Verdict(ok=False, reason="only the second")
        return YES

    world.guard = guard
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker, "OLD_SECONDS", -1)  # the second is signed while the batch is driven
        run_outbox()
    world.guard = lambda _, __: YES
    return first


def fill(world: World, chain: str) -> None:
    """Nothing else takes the nonce: what it was signed for is called off."""
    first = void_the_first_of_two(world, chain)
    with transaction.atomic():
        assert void_intents(first.reference, [Call.LOCK])


# how they are written down

TO_ESCROW: Final[Changes] = {("lock", None): -AMOUNT, ("escrows", None): AMOUNT}
TOKEN_TO_ESCROW: Final[Changes] = {("lock", TOKEN): -AMOUNT, ("escrows", TOKEN): AMOUNT}
FROM_ESCROW: Final[Changes] = {("escrows", None): -AMOUNT}
TO_MAKER: Final[Changes] = {**FROM_ESCROW, ("maker", None): AMOUNT}
TO_US: Final[Changes] = {**FROM_ESCROW, ("lock", None): AMOUNT}
REPAID: Final[Changes] = {("lock", None): -AMOUNT, ("maker", None): AMOUNT}
DEPOSITS: Final[Changes] = {
    ("lock", None): -REGISTRATION - STORAGE,
    (TOKEN, None): REGISTRATION,
    ("escrows", None): STORAGE,
}

AFTER_TWO_OTHERS: Final = """
    claim want release claim sync_signers sign send_first broadcast record release ;
    claim want release mark_included wake release
        claim sign send_first broadcast record release want release ;
    claim sign send_first broadcast record release release mark_included wake release
        claim release ;
    claim mark_included release mark_final wake end release release claim release ;
    claim mark_final end release mark_final end release ;
"""
BEHIND_A_GAP: Final = """
    claim sign send_first broadcast record release release ;
    claim mark_included release mark_included release ;
    claim mark_final end release mark_final end release ;
"""

ALIKE: Final = {
    "lock": (Call.LOCK, lock, TO_ESCROW),
    "withdrawal": (Call.WITHDRAW, withdraw, TO_MAKER),
    "refund": (Call.REFUND, refund, TO_US),
    "early refund": (Call.REFUND_EARLY, refund_early, TO_MAKER),
    "payment": (Call.PAY, pay, TO_MAKER),
    "repayment": (Call.REPAY, repay, REPAID),
}

KINDS: Final = {
    f"{chain} {name}": Kind(chain, plan, [f"{call.value} done"], [f"{call.value} final"], changes)
    for name, (call, plan, changes) in ALIKE.items()
    for chain in ("base", "near")
} | {
    "base lock by an order": Kind(
        "base", lock_by_order, ["lock_for done"], ["lock_for final"],
        {("maker", TOKEN): -AMOUNT, ("escrows", TOKEN): AMOUNT},
    ),
    "base token lock by way of nothing": Kind(
        "base", lock_by_way_of_nothing, ["lock done", "approve_zero done", "approve done"],
        ["approve_zero final", "approve final", "lock final"],
        TOKEN_TO_ESCROW, AFTER_TWO_OTHERS, live=partial(in_peace, before=2),
    ),
    "near token lock for a stranger": Kind(
        "near", lock_for_a_stranger, ["lock done", "register done", "prepare done"],
        ["register final", "prepare final", "lock final"],
        {**TOKEN_TO_ESCROW, **DEPOSITS}, AFTER_TWO_OTHERS, live=partial(in_peace, before=2),
    ),
    "base fill": Kind(
        "base", fill, ["lock void", "lock done", "fill done"],
        ["lock void", "lock final", "fill final"],
        TO_ESCROW, BEHIND_A_GAP,
    ),
}  # fmt: skip
