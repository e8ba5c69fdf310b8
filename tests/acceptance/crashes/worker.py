"""A worker that dies where it is told to, again and again; for the crash test alone.

`python -m tests.acceptance.crashes.worker FOLDER worker ...`: forks the service's own Celery worker
anew whenever it was killed. A death takes the whole process group: nothing of it cleans up.
"""

import functools
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, Final
from uuid import UUID

from orchestrator.celery import app

app.loader.import_default_modules()  # sets Django up; the imports below need that

from django.db import transaction  # noqa: E402

from chains_app.adapters.interface import ChainUnavailableError, Stage  # noqa: E402
from chains_app.locks import Call, LockState  # noqa: E402
from chains_app.models import Attempt, Intent, Signer  # noqa: E402
from chains_app.outbox import nonces  # noqa: E402
from chains_app.outbox import worker as outbox  # noqa: E402
from chains_app.outbox.decision import STALE_AFTER, Fate  # noqa: E402
from chains_app.ports import Moment  # noqa: E402
from chains_app.registry import chains, get_adapter  # noqa: E402
from chains_app.staff import pause_signer  # noqa: E402
from orchestrator.audit.acts import NotDoneError, Who, perform  # noqa: E402
from orchestrator.audit.models import Door  # noqa: E402
from sessions_app.models import Leg  # noqa: E402
from tests.acceptance.crashes.points import AGED, OVERTAKEN, POINTS, Ledger  # noqa: E402

_ACTIONS: Final = {
    ("destination", Call.LOCK): "lock destination",
    ("destination", Call.WITHDRAW): "withdraw destination",
    ("source", Call.WITHDRAW): "withdraw source",
}
_MOVES: Final = {  # the session's move that follows from a call's effect
    "both_locked": "lock destination",
    "revealing_secret": "withdraw destination",
    "completed": "withdraw source",
}
_SHOWS: Final = {LockState.OPEN: Call.LOCK, LockState.WITHDRAWN: Call.WITHDRAW}

outbox.BATCH = 1  # type: ignore[misc]  # a death takes one call with it: others need not wait

# what a worker loads at its start and takes its time: once, and not after each death
LOADED_ONCE: Final = (
    "celery.bin.celery",
    "celery.apps.worker",
    "celery.concurrency.solo",
    "celery.contrib.django.task",
    "celery.worker.consumer",
    "kombu.transport.redis",
    "orchestrator.urls",
)

ledger = Ledger(Path(sys.argv[1]))
now = threading.local()  # `sending`: the case of the first send that runs in this thread

Case = tuple[str, str]  # session, action


@functools.cache
def leg_of(reference: UUID) -> tuple[str, str]:
    leg = Leg.objects.get(pk=reference)
    return str(leg.session_id), leg.role


def case_of(reference: UUID, call: Call | None) -> Case | None:
    """Whose call it is; None for one that is not among ours."""
    if call not in (Call.LOCK, Call.WITHDRAW):
        return None
    session, role = leg_of(reference)
    action = _ACTIONS.get((role, call))
    return None if action is None else (session, action)


def case_of_intent(intent: Intent) -> Case | None:
    return case_of(intent.reference, intent.contract_call)


def die_at(point: str, case: Case | None) -> None:
    """Die if this is the point and nobody has died here yet."""
    assert point in POINTS, point
    if case is not None and ledger.is_armed(*case, point) and ledger.take(*case, "death"):
        os.killpg(os.getpgrp(), signal.SIGKILL)


def die_at_any(committed: list[tuple[str, Case]]) -> None:
    """One death for all that was committed together: none of it comes to its point again."""
    armed = [case for point, case in committed if ledger.is_armed(*case, point)]
    if [case for case in armed if ledger.take(*case, "death")]:
        os.killpg(os.getpgrp(), signal.SIGKILL)


def suffers(points: tuple[str, ...], case: Case | None) -> bool:
    """Whether the mishap that leads to one of these points is to happen now, once."""
    is_armed = case is not None and any(ledger.is_armed(*case, point) for point in points)
    return is_armed and case is not None and ledger.take(*case, "mishap")


def wrap(target: str) -> Callable[[Callable[..., Any]], None]:
    """Put a function in the place of `target`; its first argument is what it replaces."""

    def decorate(wrapper: Callable[..., Any]) -> None:
        owner, _, name = target.rpartition(".")
        original = resolve_name(target)

        @functools.wraps(original)
        def replacement(*args: Any, **kwargs: Any) -> Any:
            return wrapper(original, *args, **kwargs)

        setattr(resolve_name(owner), name, replacement)

    return decorate


def around(target: str, before: str | None, after: str | None) -> None:
    """Points at the beginning and at the end of a function whose first argument is an intent."""

    @wrap(target)
    def dying(original: Callable[..., Any], intent: Intent, *args: Any, **kwargs: Any) -> Any:
        case = case_of_intent(intent)
        if before is not None:
            die_at(before, case)
        result = original(intent, *args, **kwargs)
        if after is not None:
            die_at(after, case)
        return result


around("chains_app.outbox.signing._prepare", None, "it is prepared")
around("chains_app.outbox.worker.sign", None, "its bytes are committed")
around(
    "chains_app.outbox.sending._record",
    "its answer came and is not recorded",
    "it is recorded as sent",
)
for name, thing in (
    ("mark_included", "inclusion"),
    ("mark_final", "finality"),
):
    around(
        f"chains_app.outbox.settling.{name}",
        f"its {thing} is not marked",
        f"its {thing} is marked",
    )
around("chains_app.outbox.settling.end", "its intent is not ended", "its intent is ended")
around("chains_app.outbox.settling.void_unsent", *AGED)
around("chains_app.outbox.foreign.mark_dead", *OVERTAKEN)


@wrap("sessions_app.coordinator.advance_locked")
def advance_locked(original: Callable[..., Any], *args: Any) -> None:
    """A batch of sessions: one commit of all their moves and plans."""
    committing: list[tuple[str, Case]] = []
    now.committing = committing
    transaction.on_commit(lambda: die_at_any(committing))
    original(*args)


@wrap("sessions_app.lifecycle.plan_intent")
def plan_intent(original: Callable[..., Any], *, reference: UUID, call: Call, **more: Any) -> Any:
    intent, case = original(reference=reference, call=call, **more), case_of(reference, call)
    die_at("its plan is not committed", case)
    if case is not None:
        now.committing.append(("its plan is committed", case))
    return intent


@wrap("chains_app.ports.ask_guard")
def ask_guard(original: Callable[..., Any], call: Call, reference: UUID, moment: Moment) -> Any:
    case, is_signing = case_of(reference, call), moment is Moment.SIGN
    if is_signing:
        die_at("the guard is not asked to sign", case)
    verdict = original(call, reference, moment)
    if verdict.ok:
        die_at(f"the guard has agreed to {'sign' if is_signing else 'send'}", case)
    return verdict


@wrap("chains_app.outbox.signing._sign_and_store")
def sign_and_store(original: Callable[..., Any], attempt: Attempt, *args: Any) -> None:
    original(attempt, *args)
    die_at("its bytes are not committed", case_of_intent(attempt.intent))


@wrap("chains_app.outbox.worker.send_first")
def send_first(original: Callable[..., Any], intent: Intent, *args: Any) -> None:
    case = case_of_intent(intent)
    if suffers(AGED, case):
        raise ChainUnavailableError("the guard could not be asked")
    now.sending = case
    try:
        original(intent, *args)
    finally:
        now.sending = None


@wrap("chains_app.ports.announce")
def announce(original: Callable[..., Any], references: set[UUID]) -> None:
    """Within a first send: `left_at` is written and not committed."""
    die_at("left_at is not committed", getattr(now, "sending", None))
    original(references)


@wrap("chains_app.outbox.sending.broadcast")
def broadcast(original: Callable[..., Any], intent: Intent, attempt: Attempt) -> None:
    case = case_of_intent(intent)
    die_at("left_at is committed", case)
    if suffers(OVERTAKEN, case):
        overtake(intent, attempt)
        return  # as if these bytes were lost on their way
    now.leaving = case
    try:
        original(intent, attempt)
    finally:
        now.leaving = None


def overtake(intent: Intent, attempt: Attempt) -> None:
    """Somebody else who has the key uses its nonce: for a call that the contract refuses."""
    adapter, key = get_adapter(intent.chain), nonces.key_of(attempt.signer)
    assert intent.watch is not None
    terms = intent.watch.terms
    prepared = adapter.replace(adapter.prepare(Call.PAY, terms, key), 400)  # nobody replaces it
    signed = adapter.sign(Call.PAY, terms, prepared, key, attempt.nonce, None)
    adapter.broadcast(signed.raw)


@wrap("chains_app.outbox.foreign._stop")
def stop(original: Callable[..., Any], signer: Signer, nonce: int) -> None:
    """A person finds out that it was us, and resumes the key."""
    original(signer, nonce)
    transaction.on_commit(lambda: resume(signer))


def resume(signer: Signer) -> None:
    with suppress(NotDoneError):  # it runs already
        ada = Who("ada", Door.COMMAND)
        perform(pause_signer(resume=True), str(signer.pk), who=ada, reason="it was us")


@wrap("urllib3.connection.HTTPConnection.getresponse")
def getresponse(original: Callable[..., Any], *args: Any) -> Any:
    """Nothing else but the broadcast's request is on the way in this thread."""
    die_at("its bytes have left, no answer came", getattr(now, "leaving", None))
    return original(*args)


@wrap("chains_app.outbox.worker.follow")
def follow(original: Callable[..., Any], intent: Intent, *rest: Any) -> Any:
    """What was signed and not sent grows old at once, where that is wanted."""
    followed, case = original(intent, *rest), case_of_intent(intent)
    alive = followed.situation.attempt
    is_armed = case is not None and any(ledger.is_armed(*case, point) for point in AGED)
    if not is_armed or alive is None or alive.fate is not Fate.UNSENT:
        return followed
    aged = replace(alive, age=float(STALE_AFTER))
    return replace(followed, situation=replace(followed.situation, attempt=aged))


@wrap("chains_app.outbox.following._read_fate")
def read_fate(original: Callable[..., Any], intent: Intent, *args: Any) -> Any:
    """As a node that lags says it: included, before it is final."""
    fate, statuses, key = original(intent, *args)
    case, points = (
        case_of_intent(intent),
        ("its inclusion is not marked", "its inclusion is marked"),
    )
    is_armed = case is not None and any(ledger.is_armed(*case, point) for point in points)
    if not is_armed or fate is not Fate.FINAL:
        return fate, statuses, key
    lagging = {
        hash_: replace(one, stage=Stage.INCLUDED) if one.stage is Stage.FINAL else one
        for hash_, one in statuses.items()
    }
    return Fate.INCLUDED, lagging, key


@wrap("chains_app.poller.commit")
def commit(original: Callable[..., Any], cursor: Any, learned: Any) -> None:
    cases = [
        case_of(watch.reference, _SHOWS.get(reading.state)) for watch, reading in learned.readings
    ]
    for case in cases:
        die_at("its block is not committed for its lock", case)
    original(cursor, learned)
    for case in cases:
        die_at("its block is committed for its lock", case)


@wrap("sessions_app.lifecycle.Commit.write")
def write(original: Callable[..., Any], commit: Any, sessions: Any) -> None:
    moves = [(str(one.session_id), _MOVES.get(one.after)) for one in commit._transitions]
    cases = [(session, action) for session, action in moves if action is not None]
    now.committing += [("its session's move is committed", case) for case in cases]
    original(commit, sessions)
    for case in cases:
        die_at("its session's move is not committed", case)


def run_one(arguments: list[str]) -> int:
    """One worker in a process group of its own; how it ended, as waitpid says it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    child = os.fork()
    if child == 0:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
        sys.exit(app.worker_main(arguments))
    signal.signal(signal.SIGTERM, lambda *_: end(child))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    return os.waitpid(child, 0)[1]


def end(child: int) -> None:
    os.killpg(child, signal.SIGKILL)
    os._exit(0)


def main() -> int:
    """Until SIGTERM, or until a worker ends in another way than by a death."""
    for chain in chains():
        get_adapter(chain)
    for module in LOADED_ONCE:
        import_module(module)
    while os.WIFSIGNALED(ended := run_one(sys.argv[2:])) and os.WTERMSIG(ended) == signal.SIGKILL:
        pass
    return 1


if __name__ == "__main__":
    sys.exit(main())
