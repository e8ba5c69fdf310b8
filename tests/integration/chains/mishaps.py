"""What goes wrong with a write, and what the outbox makes of it: kinds like the others."""

from collections.abc import Callable
from functools import partial
from typing import Final
from uuid import UUID

from chains_app.adapters.memory_chain import Transaction
from chains_app.locks import Call
from chains_app.models import Attempt, AttemptStatus, Signer, Watch
from chains_app.outbox.decision import RESEND_AFTER, STALE_AFTER, STUCK_AFTER
from chains_app.outbox.nonces import sync_signers
from chains_app.ports import Moment, Verdict
from orchestrator.kernel.hashlock import Secret
from tests.integration.chains.deaths import Life
from tests.integration.chains.kinds import (
    BEHIND_A_GAP,
    ENDED,
    FIRST,
    INCLUDED,
    ORDINARY,
    REPAID,
    SENT,
    TO_ESCROW,
    TO_MAKER,
    TO_US,
    Kind,
    become_final,
    in_peace,
    lock,
    locked,
    refund,
    repay,
    void_the_first_of_two,
    withdraw,
)
from tests.integration.chains.world import (
    World,
    age_attempts,
    resume_signers,
    sign_only,
)


def newest() -> Attempt:
    return Attempt.objects.latest("signed_at")


# what happens meanwhile


def stuck(life: Life) -> None:
    """No block takes the first fee."""
    life.work()
    life.chain.held.add(newest().hash)
    age_attempts(STUCK_AFTER)
    in_peace(life)


def stuck_until_it_is_too_late(life: Life) -> None:
    """Its nonce is used for nothing."""
    life.work()
    life.chain.held.add(newest().hash)
    life.chain.mine(3, seconds=1200)
    life.read()
    for _ in range(2):  # who died before the transfer was sent waits as long as for a block
        age_attempts(STUCK_AFTER)
        life.work()
    life.chain.mine()
    life.work()
    become_final(life)


def unanswered(life: Life) -> None:
    life.chain.loses_answers = True
    life.work()
    life.chain.loses_answers = False
    life.chain.mine()
    life.work()
    become_final(life)


def lost(life: Life) -> None:
    """The node took it, and forgot it."""
    life.chain.drops_sent = True
    life.work()
    life.chain.drops_sent = False
    age_attempts(RESEND_AFTER)
    in_peace(life)


def lost_until_it_is_too_late(life: Life) -> None:
    life.chain.drops_sent = True
    life.work()
    life.chain.mine(40, seconds=700)
    life.read()
    become_final(life)


def lost_until_it_expired(life: Life) -> None:
    life.chain.drops_sent = True
    life.work()
    life.chain.drops_sent = False
    life.chain.mine(40)
    life.read()
    in_peace(life)


def refused_once(call: Call) -> Callable[[Life], None]:
    """By the contract; it rests before the next try."""

    def live(life: Life) -> None:
        life.chain.refused_calls.add(call)
        in_peace(life)
        life.chain.refused_calls.clear()
        age_attempts(2)
        in_peace(life)

    return live


def overtaken(life: Life) -> None:
    """Somebody else signs with the key, and a person looks into it."""
    life.chain.drops_sent = True
    life.work()
    life.chain.drops_sent = False
    strangers = Transaction("lock", "key-0", 0, 500)
    life.foreign.add(strangers.hash)
    life.chain.submit(strangers)
    life.chain.mine(4)
    life.read()
    life.work()
    resume_signers()
    in_peace(life)


def behind_a_stranger(life: Life) -> None:
    """Whose transaction is final before ours is signed."""
    strangers = Transaction("lock", "key-0", 0, 500)
    life.foreign.add(strangers.hash)
    life.chain.submit(strangers)
    life.chain.mine(4)
    life.work()
    resume_signers()
    in_peace(life)


def reorganised(life: Life, *, is_dropped: bool = False) -> None:
    """When it is done already: by the shallowest tier."""
    Watch.objects.update(tier="head+1")
    life.work()
    life.chain.mine(2)
    life.read()
    life.work()
    life.chain.reorganise(2, dropped={newest().hash} if is_dropped else ())
    life.read()
    age_attempts(RESEND_AFTER)
    in_peace(life)


def reorganised_away(life: Life) -> None:
    reorganised(life, is_dropped=True)


def in_one_go(life: Life) -> None:
    life.work()


# and before


def refused_at_its_first_send(world: World, chain: str) -> UUID:
    """As long as nothing was voided for it."""

    def guard(_: UUID, moment: Moment) -> Verdict:
        was_void = Attempt.objects.filter(status=AttemptStatus.VOID).exists()
        return Verdict(ok=was_void or moment is Moment.SIGN, reason="not now")

    world.guard = guard
    return lock(world, chain)


def with_a_key_that_gave_out_none(world: World, chain: str) -> UUID:
    sync_signers(chain)
    Signer.objects.update(adopts_nonce=False)
    return lock(world, chain)


def grown_old(world: World, chain: str) -> UUID:
    reference = lock(world, chain)
    sign_only(world)
    age_attempts(STALE_AFTER)
    return reference


def too_late_to_send(world: World, chain: str) -> UUID:
    reference = world.plan(world.terms(chain), send_by=world.now(chain) + 100)
    sign_only(world)
    world.chains[chain].mine(seconds=101)
    return reference


def done_by_the_maker(world: World, chain: str) -> UUID:
    """While ours is signed."""
    secret = Secret.generate()
    terms = locked(world, chain, secret)
    reference = world.plan(terms, Call.WITHDRAW, secret_id=world.keep(secret))
    sign_only(world)
    world.send_as("maker", Call.WITHDRAW, terms, secret)
    world.chains[chain].mine()
    return reference


def gap_that_another_took(world: World, chain: str) -> UUID:
    """The nonce that was to be filled goes to the write that was voided, signed again."""
    return void_the_first_of_two(world, chain).reference


RAISED: Final = "claim sign_replacement broadcast record release ; "
STUCK: Final = FIRST + RAISED + INCLUDED + ENDED
LOST: Final = FIRST + "claim broadcast record release ; " + INCLUDED + ENDED
DEAD: Final = FIRST + "claim mark_dead "
SEEN: Final = INCLUDED.replace("mark_included", "doubt mark_included doubt")  # not by the poller
AGAIN: Final = FIRST + INCLUDED + "claim mark_final release ; " + SENT
REORGANISED: Final = FIRST + ENDED + "rewind ; "
GUARDED: Final = FIRST.replace("broadcast record", "store_refusal") + SENT + INCLUDED + ENDED
VOID: Final = "claim void_unsent "

MISHAPS: Final = {
    "base withdrawal that is stuck": Kind(
        "base", withdraw, ["withdraw done"], ["withdraw dead", "withdraw final"], TO_MAKER,
        STUCK, range(1, 2), stuck,
    ),
    "base withdrawal that is stuck for ever": Kind(
        "base", withdraw, ["withdraw impossible"],
        ["withdraw dead", "withdraw dead", "withdraw final"], {},
        FIRST + RAISED + RAISED + INCLUDED + ENDED, (1, 3, 4), stuck_until_it_is_too_late,
    ),
    "base lock without an answer": Kind(
        "base", lock, ["lock done"], ["lock final"], TO_ESCROW,
        ORDINARY.replace("record ", ""), range(2), unanswered,
    ),
    "near lock that got lost": Kind(
        "near", lock, ["lock done"], ["lock final"], TO_ESCROW, LOST, range(2), lost,
    ),
    "near lock that is too late": Kind(
        "near", lock, ["lock impossible"], ["lock dead"], {},
        DEAD + "end release ;", range(1, 2), lost_until_it_is_too_late,
    ),
    "near lock that expired": Kind(
        "near", lock, ["lock done"], ["lock dead", "lock final"], TO_ESCROW,
        DEAD + SENT.removeprefix("claim ") + SEEN + ENDED, range(1, 2), lost_until_it_expired,
    ),
    "base refund that is refused once": Kind(
        "base", refund, ["refund done"], ["refund final", "refund final"], TO_US,
        AGAIN + SEEN + ENDED, range(1, 4), refused_once(Call.REFUND),
    ),
    "near repayment that is refused once": Kind(
        "near", repay, ["repay done"], ["repay final", "repay final"], REPAID,
        AGAIN + INCLUDED + ENDED, range(1, 4), refused_once(Call.REPAY),
    ),
    "base lock that a stranger overtook": Kind(
        "base", lock, ["lock done"], ["lock dead", "lock final"], TO_ESCROW,
        DEAD + "store_refusal release ; " + SENT + SEEN + ENDED, range(1, 3), overtaken,
    ),
    "base lock behind a stranger's": Kind(
        "base", with_a_key_that_gave_out_none, ["lock done"], ["lock final"], TO_ESCROW,
        "claim store_refusal stop_after_stranger release ; " + SENT + INCLUDED + ENDED, range(1),
        behind_a_stranger,
    ),
    "base lock that was reorganised": Kind(
        "base", lock, ["lock done"], ["lock final"], TO_ESCROW,
        REORGANISED + "claim release ; " + SEEN + ENDED, range(1, 4), reorganised,
    ),
    "near lock that was reorganised away": Kind(
        "near", lock, ["lock done"], ["lock final"], TO_ESCROW,
        REORGANISED + LOST.removeprefix(FIRST).replace(INCLUDED, SEEN), range(1, 4),
        reorganised_away,
    ),
    "base lock that its guard refused": Kind(
        "base", refused_at_its_first_send, ["lock done"], ["lock void", "lock final"], TO_ESCROW,
        GUARDED, range(2), partial(in_peace, before=1),
    ),
    "near lock that its guard refused": Kind(
        "near", refused_at_its_first_send, ["lock done"], ["lock void", "lock final"], TO_ESCROW,
        GUARDED, range(2), partial(in_peace, before=1),
    ),
    "base lock that grew old": Kind(
        "base", grown_old, ["lock done"], ["lock void", "lock final"], TO_ESCROW,
        VOID + SENT.removeprefix("claim ") + INCLUDED + ENDED, range(1),
    ),
    "base lock that was not sent in time": Kind(
        "base", too_late_to_send, ["lock void"], ["lock void"], {},
        VOID + "end release ;", live=in_one_go,
    ),
    "base withdrawal that the maker made": Kind(
        "base", done_by_the_maker, ["withdraw done"], ["withdraw void"], {},
        VOID + "release ; claim release ; claim end release ;",
    ),
    "base gap that another write took": Kind(
        "base", gap_that_another_took, ["lock done", "lock done", "fill done"],
        ["lock void", "lock final", "lock final"],
        {holding: 2 * change for holding, change in TO_ESCROW.items()},
        BEHIND_A_GAP.replace("release release", "release end release release"),
    ),
}  # fmt: skip
