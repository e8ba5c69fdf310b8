"""Where a worker of the outbox can die, and what must hold of all that it leaves behind.

What a death leaves is what was committed and what was sent: everything else was memory. So each
commit, and each send, is a point of its own (`lasting`); whoever dies between two of them (at an
exchange with a node, at a guard, or with a transaction open) leaves what the first of them left.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import pytest
from django.db import connection
from django.db.models import DurationField, ExpressionWrapper, F, Q, Value
from django.db.models.functions import Now

from chains_app.adapters.memory_chain import Transaction
from chains_app.leases import release
from chains_app.models import ALIVE, OPEN_INTENTS, Attempt, AttemptStatus, Intent, Signer
from chains_app.outbox import worker
from chains_app.outbox.worker import drain
from chains_app.poller import poll
from chains_app.ports import Moment, Verdict
from tests.integration.chains.world import (
    DeathError,
    World,
    assert_all_spending_is_counted,
    let_leases_expire,
    tables_that_hold,
)

WRITES: Final = ("INSERT", "UPDATE", "DELETE", "WITH")
IDLE: Final = ";"  # between two jobs: a worker that dies has nothing in hand
# each is one statement that finds no row of a lost lease, or takes no more than a new one
UNFENCED: Final = ("broadcast", "record", "release", "store_refusal", "wake")
A_LONG_TIME: Final = timedelta(hours=1)
OF_THE_POLLER: Final = "rewind"  # the one commit of it that opens what the outbox had ended

At = Callable[
    ["Life", str, bool], None
]  # a point's name, and whether it lasts; may raise DeathError


def no_death(_: "Life", __: str, ___: bool) -> None:
    """All goes well."""


def dies_at(number: int) -> At:
    """One death, right after that lasting point (from 0)."""

    def at(life: "Life", _: str, lasts: bool) -> None:
        if lasts and len(life.points) == number + 1:
            raise DeathError(life.points[-1])

    return at


class Sleeps:
    """Once, before a step is written, its worker sleeps: others go on for some blocks."""

    def __init__(self, step: str, blocks: int) -> None:
        self._names = (f"begin {step}", f"before {step}")
        self._blocks, self._job = blocks, 0
        self.has_slept, self.is_awake = False, False
        self.wrote: list[str] = []  # when it had woken, in the same job

    def __call__(self, life: "Life", name: str, lasts: bool) -> None:
        """A point; before a statement of its own, or before a transaction."""
        if lasts and name == "claim":
            self.is_awake = False  # it has leases of its own again
        if self.is_awake and lasts and life.jobs == self._job and name not in UNFENCED:
            self.wrote.append(name)
        if self.has_slept or name not in self._names:
            return
        self.has_slept, self._job = True, life.jobs
        let_leases_expire()
        drain()
        for _block in range(self._blocks):
            life.chain.mine()
            poll(life.chain.name)
            make_due()
            drain()
        self.is_awake = True


class InTurn:
    """Workers die one after the other, each at the first point that leaves nothing and at which
    nobody has died while things stood so.
    """

    def __init__(self) -> None:
        self.seen, self.died_at = set[str](), set[str]()
        self._died = set[tuple[object, str]]()
        self._stands: object = None

    def __call__(self, life: "Life", name: str, lasts: bool) -> None:
        """A point."""
        if lasts or self._stands is None:
            self._stands = life.stands()
        if lasts or name.startswith("begin "):
            return
        self.seen.add(name)
        if (self._stands, name) not in self._died:
            self._died.add((self._stands, name))
            self.died_at.add(name)
            raise DeathError(name)


class Commits:
    """Tells `at` of each commit that writes: before it, and when it is over (a lasting point)."""

    def __init__(self, at: Callable[[str, bool], None]) -> None:
        self._at, self._writes = at, False
        self._commit, self._rollback = connection.commit, connection.rollback
        self._set_autocommit = connection.set_autocommit

    @contextmanager
    def watched(self) -> Iterator[None]:
        """While the context lasts, on this thread's connection."""
        here: Any = connection
        here.commit, here.rollback = self._committing, self._rolling_back
        here.set_autocommit = self._beginning
        try:
            with connection.execute_wrapper(self._executing):
                yield
        finally:
            del connection.commit, connection.rollback, connection.set_autocommit

    def _beginning(self, autocommit: bool, *rest: Any, **named: Any) -> None:
        if not autocommit:
            self._at(f"begin {_who()}", False)
        self._set_autocommit(autocommit, *rest, **named)

    def _committing(self) -> None:
        if self._writes:
            name, self._writes = _who(), False
            try:
                self._at(f"before {name}", False)
            except DeathError:
                self._rollback()
                raise
            over: Any = (set[str](), lambda: self._at(name, True), False)
            connection.run_on_commit.insert(0, over)
        self._commit()

    def _rolling_back(self) -> None:
        self._writes = False
        self._rollback()

    def _executing(self, execute: Any, sql: str, *rest: Any) -> Any:
        """A statement of its own that changed no row leaves what was there."""
        if not sql.lstrip().startswith(WRITES):
            return execute(sql, *rest)
        if connection.in_atomic_block:
            self._writes = True
            return execute(sql, *rest)
        name = _who()
        self._at(f"before {name}", False)
        answer = execute(sql, *rest)
        if rest[-1]["cursor"].rowcount:
            self._at(name, True)
        return answer


def _who() -> str:
    """The service's function that writes."""
    frame = sys._getframe(2)
    while not frame.f_globals["__name__"].startswith("chains_app."):
        assert frame.f_back is not None
        frame = frame.f_back
    return frame.f_code.co_name.strip("_")


def make_due() -> None:
    """What waits, in the order in which it was planned."""
    place = ExpressionWrapper(F("pk") * Value(timedelta(microseconds=1)), DurationField())
    Intent.objects.filter(due_at__isnull=False).update(due_at=Now() - A_LONG_TIME + place)


class Life:
    """A world in which workers go on after each other, on one of its chains.

    `at` is told of each point; it raises DeathError where a worker is to die. `points`: the lasting
    ones, in order. `before`: what everybody had.
    """

    def __init__(self, world: World, chain: str, at: At) -> None:
        self.world, self.chain = world, world.chains[chain]
        self.before = dict(self.chain.state.balances)
        self.points: list[str] = []
        self.left_early: list[str] = []
        self.foreign = set[str]()  # transactions under a key of ours that are not ours
        self.jobs = self.deaths = 0
        self._strike, self._of_poller = at, False
        self._commits = Commits(self._at)

    # what a kind's script says

    def work(self) -> None:
        """Workers do all that is due, however many of them it takes."""
        make_due()
        self._survive(drain)

    def read(self) -> None:
        """The poller reads the chain."""
        self._of_poller = True
        self._survive(lambda: poll(self.chain.name))
        self._of_poller = False

    def stands(self) -> object:
        """How far all writes are, and the script."""
        intents = Intent.objects.order_by("pk").values_list("status")
        attempts = [
            (attempt.status, attempt.last_sent_at is None)
            for attempt in Attempt.objects.order_by("signed_at")
        ]
        return self.jobs, tuple(intents), tuple(attempts)

    # the machinery

    def _survive(self, job: Callable[[], object]) -> None:
        self.jobs += 1
        while True:
            try:
                with self._watched():
                    job()
                break
            except DeathError:
                self.deaths += 1
                let_leases_expire()
                check_always(self)
        if self.points[-1:] != [IDLE]:
            self.points.append(IDLE)

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """All points are told while the context lasts, and pauses end when the script says so."""
        adapter, guard = self.world.adapters[self.chain.name], self.world.guard

        def asked(reference: UUID, moment: Moment) -> Verdict:
            self._at(f"guard {moment.value}", False)
            return guard(reference, moment)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(worker, "release", lambda row, pause: release(row, pause and A_LONG_TIME))
            patch.setattr(self.world, "guard", asked)
            patch.setattr(adapter, "at_each", self._before_call)
            patch.setattr(adapter, "after_each", self._after_call)
            with self._commits.watched():
                yield

    def _at(self, name: str, lasts: bool) -> None:
        if self._of_poller and name.removeprefix("before ") != OF_THE_POLLER:
            return
        if lasts:
            self.points.append(name)
        self._strike(self, name, lasts)

    def _before_call(self, name: str) -> None:
        self._at(f"before {name}", False)

    def _after_call(self, name: str, arguments: tuple[Any, ...]) -> None:
        if name == "broadcast":
            self._note_left(Transaction.decode(arguments[0]).hash)
            self._at(name, True)

    def _note_left(self, hash_: str) -> None:
        """Asked in the middle of a send: of an attempt that is not committed, too."""
        is_open = connection.in_atomic_block
        if is_open or not Attempt.objects.filter(hash=hash_, left_at__isnull=False).exists():
            self.left_early.append(hash_)


# what must hold


def check_always(life: Life) -> None:
    """At any moment, whoever has just died."""
    assert life.left_early == []
    attempts = list(Attempt.objects.all())
    for intent in {attempt.intent_id for attempt in attempts}:
        mine = [attempt for attempt in attempts if attempt.intent_id == intent]
        alive = {(a.signer_id, a.nonce) for a in mine if a.status in ALIVE}
        over = {(a.signer_id, a.nonce) for a in mine if a.status == AttemptStatus.FINAL}
        assert len(alive) <= 1
        assert not alive & over
    for attempt in attempts:
        _check_row(attempt)
    for secret in life.world.secrets.values():
        _check_sealed(life, secret.reveal())
    assert_all_spending_is_counted()


def _check_row(attempt: Attempt) -> None:
    """What a row says of itself fits together."""
    status = AttemptStatus(attempt.status)
    has_left = attempt.left_at is not None
    assert has_left is (status not in (AttemptStatus.SIGNED, AttemptStatus.VOID))
    is_over = status not in ALIVE
    assert (attempt.ended_at is not None) is is_over
    is_placed = status in (AttemptStatus.INCLUDED, AttemptStatus.FINAL)
    assert (attempt.included_height is not None) is is_placed
    assert (attempt.succeeded is not None) is is_placed
    assert attempt.send_verdict is not None or not has_left


def _check_sealed(life: Life, secret: bytes) -> None:
    """Until a block shows it."""
    mined = (
        m for block in life.chain.between(0, life.chain.head.height) for m in block.transactions
    )
    if all(transaction.secret != secret for transaction in mined):
        shown = secret.hex()
        assert tables_that_hold(shown, shown.encode().hex()) == []


def check_ended(life: Life) -> dict[Any, int]:
    """Nothing is left to do, nonces have no gap, and what is written down is what the chain says.

    Returns what each holding has changed by, but for the fees.
    """
    check_always(life)
    assert not Attempt.objects.filter(status__in=ALIVE).exists()
    assert not Intent.objects.filter(status__in=OPEN_INTENTS).exists()
    assert not Intent.objects.filter(Q(due_at__isnull=False) | ~Q(lease_owner="")).exists()
    ran = {attempt.hash: attempt for attempt in Attempt.objects.filter(status=AttemptStatus.FINAL)}
    changes = Counter(life.chain.state.balances)
    changes.subtract(life.before)
    for attempt in ran.values():
        place = life.chain.inclusion(attempt.hash)
        assert place is not None
        assert (attempt.succeeded, attempt.included_hash) == (place.succeeded, place.block.hash)
    for sent in ours_in_blocks(life):
        assert (sent.hash in ran) is not (sent.hash in life.foreign)
        changes[sent.account, None] += sent.fee
    if life.chain.sequential_nonces:
        for signer in Signer.objects.filter(chain=life.chain.name):
            _check_no_gap(life, signer)
    return {holding: change for holding, change in changes.items() if change}


def ours_in_blocks(life: Life) -> list[Transaction]:
    """Signed by keys of ours since the beginning."""
    blocks = life.chain.between(0, life.chain.head.height)
    sent = [transaction for mined in blocks for transaction in mined.transactions]
    return [one for one in sent if one.public.startswith("key-")]


def _check_no_gap(life: Life, signer: Signer) -> None:
    """A nonce that was given out was used, or waits for the next attempt."""
    used = life.chain.next_nonce((signer.account, signer.public_key))
    void = Attempt.objects.filter(signer=signer, status=AttemptStatus.VOID, nonce__gte=used)
    assert set(range(used, signer.next_nonce)) == set(void.values_list("nonce", flat=True))
