"""A swap over two in-memory chains, with its parties and a service that crashes.

The chains, their contract and their adapter are those that ship; the service is the pure machine
(`next_step`, the guards) with the least around it: what it read, and what has left it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from auctions_app.timelocks import FinalityTiers, TimelockPolicy
from chains_app.adapters.interface import Fact
from chains_app.adapters.memory import MemoryAdapter, memory_key
from chains_app.adapters.memory_chain import MemoryChain
from chains_app.locks import Block, Call, LockState, LockTerms
from orchestrator.kernel.clock import Seconds
from orchestrator.kernel.hashlock import HashFunction, Secret
from sessions_app.domain.guards import objection
from sessions_app.domain.plan import Action, next_step
from sessions_app.domain.snapshot import Leg, Snapshot
from sessions_app.domain.states import Status, is_allowed
from sessions_app.domain.timelocks import (
    Clocks,
    Head,
    fix_deadlines,
    is_stale,
    ladder_holds,
)

TIER, FINAL_AFTER = "final", 2  # blocks
HISTORY = 3  # blocks before START
STALE_AFTER = 5  # seconds
START = Seconds(1_800_000_000)
MAKER, STRANGER, LOCK, DUTY = "maker", "stranger", "lock", "duty"
FUNDS, SOURCE_AMOUNT, DESTINATION_AMOUNT = 10**9, 5_000, 7_000
SECRET = Secret(bytes(range(32)))
POLICY = TimelockPolicy(
    time_to_lock=20,
    inclusion=5,
    guard_distance=8,
    claim_window=30,
    margin=30,
    clock_slack=10,
    halt=15,
    source_finality={TIER: 6},
    destination_finality={TIER: 4},
)
PAID = {Action.LOCK_DESTINATION, Action.WITHDRAW_DESTINATION}  # what the maker's account takes
FORWARD_ONLY = {Status.DESTINATION_LOCKING, Status.BOTH_LOCKED}
WRITES = {
    Action.LOCK_SOURCE: ("source", Call.LOCK, MAKER),  # in the maker's name, by the signed order
    Action.LOCK_DESTINATION: ("destination", Call.LOCK, LOCK),
    Action.WITHDRAW_DESTINATION: ("destination", Call.WITHDRAW, DUTY),
    Action.REFUND_DESTINATION: ("destination", Call.REFUND, DUTY),
    Action.WITHDRAW_SOURCE: ("source", Call.WITHDRAW, DUTY),
    Action.REFUND_SOURCE: ("source", Call.REFUND, DUTY),
    Action.REFUND_SOURCE_EARLY: ("source", Call.REFUND_EARLY, LOCK),
}


@dataclass
class Side:
    """A leg on its chain, whose clock is `skew` seconds ahead, and what the service read of it."""

    chain: MemoryChain
    terms: LockTerms
    skew: int
    read: Block = field(init=False)
    leg: Leg = field(init=False)
    advanced_at: Seconds = START
    is_opened: bool = False  # a preimage that fits was read, perhaps in a block that is gone
    first_seen: int | None = None
    leaked: bool = False  # bytes with the secret were sent: whoever watches the mempool has it
    nonce: int = 0

    def __post_init__(self) -> None:
        self.adapter = MemoryAdapter(self.chain)
        self.read = self.chain.head
        self.leg = self._leg_at(self.read)

    def mine(self, wall: int) -> None:
        self.chain.mine(seconds=max(0, wall + self.skew - self.chain.head.time - 1))

    def send(self, account: str, call: Call) -> None:
        """As any wallet does it; the contract refuses what it must."""
        key, secret = memory_key(account), SECRET if call is Call.WITHDRAW else None
        prepared = self.adapter.prepare(call, self.terms, key)
        self.nonce += 1
        signed = self.adapter.sign(call, self.terms, prepared, key, self.nonce, secret)
        self.leaked |= call is Call.WITHDRAW
        self.adapter.broadcast(signed.raw)

    def reorganise(self, depth: int, *, forgets: bool) -> None:
        """Replace `depth` blocks; what they held comes again, or never."""
        gone = self.chain.between(self.chain.head.height - depth + 1, self.chain.head.height)
        sent = [each.hash for mined in gone for each in mined.transactions]
        self.chain.reorganise(depth, dropped=sent if forgets else ())

    def state_at(self, block: Block) -> LockState:
        return self.adapter.read_lock(self.terms, block).state

    @property
    def final_state(self) -> LockState:
        return self.state_at(self.final_of(self.chain.head))

    def gain(self, account: str) -> int:
        """What the swap, not its fees, brought an account so far."""
        mined = self.chain.between(0, self.chain.head.height)
        sent = [each for block in mined for each in block.transactions]
        fees = sum(each.fee for each in sent if each.account == account)
        return self.chain.state.balance(account, None) + fees - FUNDS

    def final_of(self, head: Block) -> Block:
        return self.adapter.block(max(0, head.height - FINAL_AFTER))

    @property
    def head_as_read(self) -> Head:
        return Head(self.read.time, self.advanced_at)

    def poll(self, wall: Seconds, *, behind: int = 0) -> None:
        """Read up to the head, or up to a node that lags; never back but to another branch."""
        newest = self.adapter.block(max(0, self.chain.head.height - behind))
        is_ours = self.chain.find(self.read.hash) is not None
        head = self.read if is_ours and newest.height < self.read.height else newest
        since = max(0, min(self.read.height, head.height) - FINAL_AFTER)
        while since <= head.height:
            page = self.adapter.facts(since, head.height)
            self._note(page.facts)
            since = page.last.height + 1
        if head.height > self.read.height:
            self.advanced_at = wall
        self.read, self.leg = head, self._leg_at(head)

    def _note(self, facts: Iterable[Fact]) -> None:
        for fact in facts:
            self.is_opened |= fact.secret is not None
            block = self.adapter.block(fact.block_hash)
            if self.first_seen is None and self.state_at(block) is not LockState.ABSENT:
                self.first_seen = block.time

    def _leg_at(self, head: Block) -> Leg:
        final, terms = self.final_of(head), self.terms
        states = self.state_at(head), self.state_at(final)
        return Leg(terms.lock_by, terms.timelock, *states, final.time)


def make_side(
    name: str, skew: int, parties: tuple[str, str], amount: int, by: tuple[Seconds, Seconds]
) -> Side:
    chain = MemoryChain(
        name, start=Seconds(START - HISTORY), tiers={TIER: FINAL_AFTER}, sequential_nonces=False
    )
    chain.mine(blocks=HISTORY)
    for account in (MAKER, STRANGER, LOCK, DUTY):
        chain.fund(account, FUNDS)
    hashlock = HashFunction.SHA256.digest(SECRET.reveal())
    terms = LockTerms(name, chain.contract, *parties, None, amount, hashlock, *by)
    return Side(chain, terms, skew)


class World:
    """Chains, maker, strangers and the service; every step checks what must hold always."""

    def __init__(
        self, *, service_secret: bool, skews: tuple[int, int], gasless: bool = False
    ) -> None:
        self.wall = START
        fill = Seconds(START + max(0, *skews))
        d = self.deadlines = fix_deadlines(fill, POLICY, FinalityTiers(TIER, TIER))
        self.source = make_side(
            "base", skews[0], (MAKER, LOCK), SOURCE_AMOUNT, (d.source_lock_by, d.source_timelock)
        )
        self.destination = make_side(
            "near", skews[1], (LOCK, MAKER), DESTINATION_AMOUNT,
            (d.destination_lock_by, d.destination_timelock),
        )  # fmt: skip
        self.service_secret, self.gasless = service_secret, gasless
        self.status = Status.SOURCE_LOCKING
        self.cancel_requested = self.posted = self.repaid = False
        self.lock_left = self.secret_left = False
        self.refused_since: Seconds | None = None
        self.payout_is_refused = False  # as the guard has kept it
        self.pushed: set[Action] = set()  # what has left us and is sent again, until it is stopped
        self.history: list[tuple[Status, Status, str]] = []
        self.last_good = self.wall

    # --- the world -----------------------------------------------------------------------------
    def pass_time(
        self, seconds: int, *, source_mines: bool = True, destination_mines: bool = True
    ) -> None:
        self.wall = Seconds(self.wall + seconds)
        if source_mines:
            self.source.mine(self.wall)
        if destination_mines:
            self.destination.mine(self.wall)

    @property
    def is_public(self) -> bool:
        return self.source.leaked or self.destination.leaked

    def maker_locks(self) -> None:
        self.source.send(MAKER, Call.LOCK)

    def maker_withdraws(self) -> None:
        if not self.service_secret or self.is_public:
            self.destination.send(MAKER, Call.WITHDRAW)

    def maker_posts(self) -> None:
        self.posted |= self.status is Status.BOTH_LOCKED

    def maker_cancels(self) -> None:
        self.cancel_requested |= self.status in (Status.SOURCE_LOCKING, Status.SOURCE_LOCKED)

    def maker_refuses_payment(self) -> None:
        """Nothing is found out before somebody asks."""
        self.refused_since = self.refused_since or self.wall

    def maker_takes_payment(self) -> None:
        self.refused_since = None

    def staff_refund(self) -> None:
        """A person's wish; also while a lock of ours is planned that has not left us."""
        is_unsent = self.status is Status.DESTINATION_LOCKING and not self.lock_left
        self.cancel_requested |= is_unsent
        self.maker_cancels()

    def stranger_withdraws(self, side: Side) -> None:
        if self.is_public:
            side.send(STRANGER, Call.WITHDRAW)

    # --- the service ---------------------------------------------------------------------------
    def work(self, *, polls: bool = True, sends: bool = True, arrives: bool = True) -> None:
        if polls:
            self.poll()
        due = self.advance()
        if sends:
            self.send(due, arrives=arrives)

    def decide_twice(self) -> None:
        """The same facts come again."""
        for _ in range(2):
            self.work(sends=False)

    def work_twice(self) -> None:
        """Two workers decide on the same facts, and both send."""
        self.poll()
        due = self.advance()
        self.send(due)
        self.send(due)

    def poll(self, *, behind: int = 0) -> None:
        self.source.poll(self.wall, behind=behind)
        self.destination.poll(self.wall, behind=behind)

    def snapshot(self) -> Snapshot:
        source, destination = self.source, self.destination
        seen = source.first_seen
        return Snapshot(
            status=self.status,
            clocks=Clocks(self.wall, source.read.time, destination.read.time),
            chains_are_fresh=not (self._is_stale(source) or self._is_stale(destination)),
            expires_at=Seconds(0),
            is_executed=True,
            cancel_requested=self.cancel_requested,
            order_is_held=self.gasless,
            deadlines=self.deadlines,
            source=source.leg,
            destination=destination.leg,
            guard_distance=POLICY.guard_distance,
            margin=POLICY.margin,
            clock_slack=POLICY.clock_slack,
            source_seen_in_time=seen is not None and seen <= self.deadlines.accept_by,
            liquidity_is_reserved=True,
            destination_lock_left=self.lock_left or destination.leg.is_seen,
            secret_is_held=self.service_secret or self.posted,
            secret_left=self.secret_left,
            payout_is_refused=self.payout_is_refused,
            secret_is_shown=source.is_opened or destination.is_opened,
            source_is_repaid=self.repaid,
        )

    def _is_stale(self, side: Side) -> bool:
        other = self.destination if side is self.source else self.source
        return is_stale(
            side.head_as_read, other.head_as_read, self.wall, STALE_AFTER, POLICY.clock_slack
        )

    def advance(self) -> frozenset[Action]:
        """Apply moves until none is due; returns the writes that are."""
        for _ in range(10):
            step = next_step(self.snapshot())
            if step.move_to is None:
                self.pushed -= step.stop
                self._assert_nothing_is_pushed_against_an_end()
                return step.actions
            assert is_allowed(self.status, step.move_to, by_reorganisation=step.by_reorganisation)
            self._assert_move_is_safe(step.move_to)
            self.history.append((self.status, step.move_to, step.reason))
            self.status = step.move_to
        raise AssertionError(f"the machine does not come to rest: {self.history[-10:]}")

    def _assert_nothing_is_pushed_against_an_end(self) -> None:
        """Rule 4: a destination that ended with us leaves the source to the maker."""
        is_ours = self.destination.leg.final is LockState.REFUNDED
        assert not (is_ours and Action.WITHDRAW_SOURCE in self.pushed)
        if self.status is Status.REVEALING_SECRET:
            assert Action.REFUND_SOURCE_EARLY not in self.pushed

    def _assert_move_is_safe(self, move_to: Status) -> None:
        """Rules 2, 3 and 5, worked out anew from the clocks and the last reading of the chains."""
        source, destination = self.source.leg, self.destination.leg
        facts = self.snapshot()
        if move_to is Status.DESTINATION_LOCKING and self.status is Status.SOURCE_LOCKED:
            assert facts.source_seen_in_time
            assert source.is_open
            assert facts.destination_now <= destination.lock_by
            left = destination.timelock - self.destination.read.time
            assert left + POLICY.margin <= source.timelock - facts.source_now
        shown = facts.secret_is_shown
        if move_to is Status.REVEALING_SECRET and not shown and self.status in FORWARD_ONLY:
            assert source.is_open
            assert destination.is_open
            oldest = min(self.source.advanced_at, self.destination.advanced_at)
            assert oldest >= self.wall - STALE_AFTER
            assert facts.destination_now + POLICY.guard_distance <= destination.timelock
        if move_to is Status.TIMEOUT:
            assert not self.secret_left or self.status is not Status.REVEALING_SECRET

    def send(self, actions: frozenset[Action], *, arrives: bool = True) -> None:
        """Send each write (a lost one is sent again later), guards asked on fresh facts."""
        for action in sorted(actions, key=lambda one: one.value):
            if action is Action.REPAY_SOURCE:
                self.repaid = True
                continue
            self.poll()
            if action in self.advance() and self._leaves(action) and arrives:
                name, call, account = WRITES[action]
                getattr(self, name).send(account, call)

    def _leaves(self, action: Action) -> bool:
        """The first send: the guard decides, then `left_at` is committed."""
        facts = self.snapshot()
        if objection(facts, action) is not None:
            return False
        is_free = not (facts.secret_left or facts.secret_is_shown)
        if is_free and self.refused_since is not None and action in PAID:
            self.payout_is_refused |= self.wall - self.refused_since >= POLICY.inclusion
            return False
        self.payout_is_refused &= action not in PAID
        self._assert_may_leave(action)
        self.pushed.add(action)
        self.lock_left |= action is Action.LOCK_DESTINATION
        self.secret_left |= action is Action.WITHDRAW_DESTINATION
        return True

    def _assert_may_leave(self, action: Action) -> None:
        """Rules 2, 3 and 4, worked out anew from the chains themselves."""
        d, facts = self.deadlines, self.snapshot()
        source, destination = self._open_now(self.source), self._open_now(self.destination)
        if action is Action.LOCK_SOURCE:
            assert not self.cancel_requested
            last = d.source_lock_by if facts.source_seen_in_time else d.accept_by
            assert facts.source_now <= last
        if action is Action.LOCK_DESTINATION:
            assert source
            assert self.wall <= d.destination_lock_by
            both = d.source_timelock, d.destination_timelock
            assert ladder_holds(*both, POLICY.margin, facts.clocks)
        if action is Action.WITHDRAW_DESTINATION and not (
            facts.secret_is_shown or self.secret_left
        ):
            assert source
            assert destination
            assert facts.destination_now + POLICY.guard_distance <= d.destination_timelock
        if action is Action.WITHDRAW_SOURCE:
            head = self.destination.chain.head
            assert self.destination.state_at(head) is LockState.WITHDRAWN
        if action in (Action.REFUND_SOURCE, Action.REFUND_SOURCE_EARLY):
            self._assert_the_destination_is_gone()

    @staticmethod
    def _open_now(side: Side) -> bool:
        head = side.chain.head
        states = side.state_at(head), side.state_at(side.final_of(head))
        return states == (LockState.OPEN, LockState.OPEN)

    def _assert_the_destination_is_gone(self) -> None:
        side = self.destination
        final = side.final_of(side.chain.head)
        state = side.state_at(final)
        never = state is LockState.ABSENT and final.time > side.terms.lock_by
        assert state is LockState.REFUNDED or never or not self.lock_left
