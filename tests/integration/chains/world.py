"""Two in-memory chains under the real outbox and poller: nonces in sequence, and growing ones."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from time import monotonic
from typing import Any
from uuid import UUID, uuid4

from django.apps import apps
from django.db import connection, transaction
from django.db.models import F, Sum
from django.db.models.functions import Now

from chains_app import ports
from chains_app.adapters.interface import BlockUnknownError
from chains_app.adapters.memory import MemoryAdapter, memory_key, memory_spec
from chains_app.adapters.memory_chain import MemoryChain, Transaction
from chains_app.adapters.memory_tokens import MemoryToken
from chains_app.intents import plan_intent
from chains_app.locks import Call, LockTerms
from chains_app.models import (
    Attempt,
    AttemptStatus,
    ChainCursor,
    Intent,
    Signer,
    Spending,
)
from chains_app.outbox.effects import last_useful_moment
from chains_app.outbox.worker import drain
from chains_app.poller import poll_all
from chains_app.ports import Moment, Verdict
from chains_app.registry import use_adapters
from chains_app.signers import SignerRole
from chains_app.staff import pause_signer
from chains_app.watching import watch_lock
from orchestrator.audit.acts import Who, perform
from orchestrator.audit.models import Door
from orchestrator.kernel.clock import Seconds, wall_clock
from orchestrator.kernel.hashlock import HashFunction, Secret

YES = Verdict(ok=True, reason="agreed", inputs={"of": "the test"})
FUNDS = 10**9
AMOUNT = 10_000
TIER = "final"
TOKEN = "usdc"
REGISTRATION, STORAGE = 7, 11
# as an ERC-20 whose allowances change by way of nothing, and as a NEP-141 on the HTLC
TOKENS = {
    "base": {TOKEN: MemoryToken(needs_approval=True, approve_zero_first=True, takes_orders=True)},
    "near": {
        TOKEN: MemoryToken(needs_preparation=True, registration=REGISTRATION, storage=STORAGE)
    },
}


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that another thread does; fails when it never does."""
    given_up = monotonic() + 30
    while not condition():
        assert monotonic() < given_up, "it never happened"


def resume_signers() -> None:
    """As a person does who found out why they were stopped."""
    for signer in Signer.objects.filter(is_enabled=False):
        ada = Who("ada", Door.ADMIN)
        perform(pause_signer(resume=True), str(signer.pk), who=ada, reason="it was us")


class DeathError(BaseException):
    """The process dies here; no `except Exception` of the service sees it."""


class WatchedAdapter(MemoryAdapter):
    """Tells of each call before it is made, and when it was, whatever came of it."""

    def __init__(self, chain: MemoryChain) -> None:
        super().__init__(chain)
        self.before: dict[str, Callable[[], None]] = {}  # once each
        self.pruned: set[str] = set()  # hashes of blocks whose state the node has dropped
        self.at_each: Callable[[str], None] = lambda _: None
        self.after_each: Callable[[str, tuple[Any, ...]], None] = lambda _, __: None

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name.startswith("_") or name in ("at_each", "after_each") or not callable(found):
            return found

        def watched(*arguments: Any, **named: Any) -> Any:
            self.at_each(name)
            if hook := self.before.pop(name, None):
                hook()
            if name == "read_lock" and arguments[1].hash in self.pruned:
                raise BlockUnknownError("its state is pruned")
            try:
                return found(*arguments, **named)
            finally:
                self.after_each(name, arguments)

        return watched


class World:
    """What a test needs: both chains, what the ports answer, and shorthands."""

    def __init__(self) -> None:
        start = wall_clock()
        self.base = MemoryChain("base", start=start, sequential_nonces=True, tokens=TOKENS["base"])
        self.near = MemoryChain(
            "near", start=start, sequential_nonces=False, valid_for=30, tokens=TOKENS["near"]
        )
        self.chains = {chain.name: chain for chain in (self.base, self.near)}
        self.adapters = {name: WatchedAdapter(chain) for name, chain in self.chains.items()}
        self.guard: Callable[[UUID, Moment], Verdict] = lambda _, __: YES
        self.secrets: dict[UUID, Secret] = {}
        self.opened: list[UUID] = []
        self.changed: list[set[UUID]] = []
        for chain in self.chains.values():
            for account in ("lock", "duty", "maker"):
                chain.fund(account, FUNDS)
            for account in ("lock", "maker"):
                chain.fund(account, FUNDS, TOKEN)

    @contextmanager
    def installed(self) -> Iterator[None]:
        """The service on these chains, two NEAR keys for each role, all ports answering."""
        specs = {
            name: replace(memory_spec(chain), max_gas_price=2)  # fees may double
            for name, chain in self.chains.items()
        }
        keys = {
            name: {
                role: tuple(memory_key(role.value, number) for number in range(count))
                for role in SignerRole
            }
            for name, count in (("base", 1), ("near", 2))
        }
        with use_adapters(self.adapters, specs, keys), ports.use_ports():
            for call in Call:
                ports.register_guard(call, lambda reference, moment: self.guard(reference, moment))
            ports.register_secret_opener(self._open)
            ports.register_listener(self.changed.append)
            yield

    def _open(self, secret_id: UUID | None, _: UUID) -> Secret:
        assert secret_id is not None
        self.opened.append(secret_id)
        return self.secrets[secret_id]

    def now(self, chain: str = "base") -> Seconds:
        """Chain time of the head."""
        return self.chains[chain].head.time

    def terms(
        self,
        chain: str = "base",
        secret: Secret | None = None,
        *,
        ours: bool = True,
        **changed: Any,
    ) -> LockTerms:
        """A lock of ours for the maker, or (`ours` False) of the maker for us."""
        depositor, beneficiary = ("lock", "maker") if ours else ("maker", "lock")
        hashlock = HashFunction.SHA256.digest((secret or Secret.generate()).reveal())
        return LockTerms(**{
            "chain": chain, "contract": "escrows", "depositor": depositor,
            "beneficiary": beneficiary, "token": None, "amount": AMOUNT, "hashlock": hashlock,
            "lock_by": self.now(chain) + 600, "timelock": self.now(chain) + 1200, **changed,
        })  # fmt: skip

    def plan(
        self,
        terms: LockTerms,
        call: Call = Call.LOCK,
        *,
        reference: UUID | None = None,
        **fields: Any,
    ) -> UUID:
        """Watch a lock and want a call on it; returns the reference."""
        reference = reference or uuid4()
        send_by = fields.pop("send_by", last_useful_moment(call, terms) or terms.timelock)
        with transaction.atomic():
            watch_lock(reference=reference, terms=terms, tier=TIER)
            plan_intent(reference=reference, call=call, terms=terms, send_by=send_by, **fields)
        return reference

    def stranger(self, chain: str = "near") -> str:
        """An account that no token knows."""
        self.chains[chain].fund("stranger", 0)
        return "stranger"

    def keep(self, secret: Secret) -> UUID:
        """The id of a secret in the vault."""
        secret_id = uuid4()
        self.secrets[secret_id] = secret
        return secret_id

    def lock_by_maker(self, terms: LockTerms) -> None:
        """The maker's own wallet locks, and a block takes it in."""
        self.send_as("maker", Call.LOCK, terms)
        self.chains[terms.chain].mine()

    def send_as(
        self, account: str, call: Call, terms: LockTerms, secret: Secret | None = None
    ) -> None:
        """Anybody's own transaction, into the mempool."""
        chain = self.chains[terms.chain]
        nonce = chain.next_nonce((account, "wallet"))
        shown = None if secret is None else secret.reveal()
        chain.submit(Transaction(account, "wallet", nonce, chain.fee, call, terms, shown))

    def turn(self, blocks: int = 1) -> None:
        """Work, a block on both chains, read."""
        for _ in range(blocks):
            make_all_due()
            drain()
            for chain in self.chains.values():
                chain.mine()
            poll_all()

    def intent(self, reference: UUID, call: Call = Call.LOCK) -> Intent:
        """An intent as it stands."""
        return Intent.objects.get(reference=reference, call=call.value)

    def attempts(self, reference: UUID) -> list[Attempt]:
        """All attempts for a reference, oldest first."""
        return list(Attempt.objects.filter(intent__reference=reference).order_by("signed_at"))

    def statuses(self, reference: UUID) -> list[str]:
        """Of all attempts for a reference, oldest first."""
        return [str(attempt.status) for attempt in self.attempts(reference)]


def in_other_connections(*jobs: Callable[[], object]) -> list[object]:
    """Run jobs at once, each in a thread with a connection of its own; what they answered."""

    def run(job: Callable[[], object]) -> object:
        try:
            return job()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return [future.result() for future in [pool.submit(run, job) for job in jobs]]


def sign_only(world: World) -> None:
    """A worker that dies between the signature and the first send, and whose lease is over."""

    def guard(_: UUID, moment: Moment) -> Verdict:
        if moment is Moment.SEND:
            raise DeathError
        return YES

    world.guard = guard
    with suppress(DeathError):
        drain()
    world.guard = lambda _, __: YES
    let_leases_expire()


def let_leases_expire() -> None:
    """What three seconds without a heartbeat do."""
    for model in (Intent, ChainCursor):
        model.objects.filter(lease_expires_at__isnull=False).update(
            lease_expires_at=Now() - timedelta(seconds=1)
        )


def make_all_due() -> None:
    """What a pause does when it is over."""
    Intent.objects.filter(due_at__isnull=False).update(due_at=Now())


def age_attempts(seconds: int) -> None:
    """As if everything had been signed and sent so much earlier."""
    fields = ("signed_at", "left_at", "last_sent_at", "ended_at")
    age = timedelta(seconds=seconds)
    Attempt.objects.update(**{name: F(name) - age for name in fields})
    Spending.objects.update(since=F("since") - age)


def tables_that_hold(*texts: str) -> list[str]:
    """Any of them: of all tables of ours, in any column; bytes as hex."""
    tables = [model._meta.db_table for model in apps.get_app_config("chains_app").get_models()]
    parts = [
        f"SELECT '{t}' WHERE EXISTS(SELECT FROM {t} r WHERE r::text LIKE ANY(%s))"  # noqa: S608
        for t in tables
    ]
    with connection.cursor() as cursor:
        patterns = [f"%{text}%" for text in texts]
        cursor.execute(" UNION ALL ".join(parts), [patterns] * len(parts))
        return [name for (name,) in cursor.fetchall()]


def assert_all_spending_is_counted() -> None:
    """The sums of each account are what its transactions may have cost; of those with one nonce the
    newest counts, and none that is void (rule 15).
    """
    signed = Attempt.objects.exclude(status=AttemptStatus.VOID).filter(replaced_by=None)
    costs = signed.values_list("signer__chain", "signer__account").annotate(Sum("cost_cap"))
    sums = Spending.objects.values_list("chain", "account").annotate(Sum("amount"))
    assert set(sums) - {each for each in sums if not each[-1]} == set(costs)
