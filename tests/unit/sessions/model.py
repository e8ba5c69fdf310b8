"""A model of two chains, the parties and a service that crashes, to drive the pure machine."""

from dataclasses import dataclass, field

from auctions_app.timelocks import FinalityTiers, TimelockPolicy
from chains_app.locks import Call, LockState
from orchestrator.kernel.clock import Seconds
from sessions_app.domain.guards import objection
from sessions_app.domain.plan import Action, next_step
from sessions_app.domain.snapshot import Leg, Snapshot
from sessions_app.domain.states import Status, is_allowed
from sessions_app.domain.timelocks import (
    Clocks,
    Deadlines,
    fix_deadlines,
    ladder_holds,
)

FINAL_AFTER = 2  # blocks
STALE_AFTER = 5  # seconds
POLICY = TimelockPolicy(
    time_to_lock=20,
    inclusion=5,
    guard_distance=8,
    claim_window=30,
    margin=30,
    clock_slack=10,
    halt=15,
    source_finality={"final": 6},
    destination_finality={"final": 4},
)


FORWARD_ONLY = {Status.DESTINATION_LOCKING, Status.BOTH_LOCKED}


def apply_call(call: Call, state: LockState, time: int, lock_by: int, timelock: int) -> LockState:
    """What the contract makes of a call: the new state, or the same when it refuses."""
    if call is Call.LOCK:
        return LockState.OPEN if state is LockState.ABSENT and time <= lock_by else state
    if state is not LockState.OPEN:
        return state
    if call is Call.WITHDRAW:
        return LockState.WITHDRAWN if time < timelock else state
    if call is Call.REFUND:
        return LockState.REFUNDED if time >= timelock else state
    return LockState.REFUNDED


@dataclass
class Block:
    time: int
    state: LockState
    calls: list[Call] = field(default_factory=list)


@dataclass
class Chain:
    """One leg's chain: blocks, a mempool, reorganisations of what is not final."""

    lock_by: int
    timelock: int
    skew: int
    blocks: list[Block]
    mempool: list[Call] = field(default_factory=list)

    def mine(self, wall: int) -> None:
        head = self.blocks[-1]
        block = Block(max(wall + self.skew, head.time + 1), head.state)
        for call in self.mempool:
            after = apply_call(call, block.state, block.time, self.lock_by, self.timelock)
            if after is not block.state:
                block.state, block.calls = after, [*block.calls, call]
        self.mempool = []
        self.blocks.append(block)

    def reorganise(self, depth: int, *, keep_calls: bool) -> None:
        """Replace `depth` blocks, unfinal ones only; their calls come again, or never."""
        kept = len(self.blocks) - min(depth, FINAL_AFTER, len(self.blocks) - 1)
        dropped, self.blocks = self.blocks[kept:], self.blocks[:kept]
        if keep_calls:
            self.mempool = [call for block in dropped for call in block.calls] + self.mempool
        for block in dropped:
            self.blocks.append(Block(block.time, self.blocks[-1].state))

    @property
    def head(self) -> Block:
        return self.blocks[-1]

    @property
    def final(self) -> Block:
        return self.blocks[max(0, len(self.blocks) - 1 - FINAL_AFTER)]

    @property
    def shows_secret(self) -> bool:
        return any(Call.WITHDRAW in block.calls for block in self.blocks)

    def leg(self) -> Leg:
        return Leg(
            Seconds(self.lock_by),
            Seconds(self.timelock),
            self.head.state,
            self.final.state,
            Seconds(self.final.time),
        )


ACTION_CALLS = {
    Action.LOCK_DESTINATION: ("destination", Call.LOCK),
    Action.WITHDRAW_DESTINATION: ("destination", Call.WITHDRAW),
    Action.REFUND_DESTINATION: ("destination", Call.REFUND),
    Action.WITHDRAW_SOURCE: ("source", Call.WITHDRAW),
    Action.REFUND_SOURCE: ("source", Call.REFUND),
    Action.REFUND_SOURCE_EARLY: ("source", Call.REFUND_EARLY),
}


class World:
    """Chains, maker, strangers and the service; every step checks what must hold always."""

    def __init__(self, *, service_secret: bool, skews: tuple[int, int]) -> None:
        self.wall = 1_000_000
        fill = Seconds(self.wall + max(0, *skews))
        self.deadlines: Deadlines = fix_deadlines(fill, POLICY, FinalityTiers("final", "final"))
        d = self.deadlines
        self.source = Chain(
            d.source_lock_by, d.source_timelock, skews[0], [Block(self.wall, LockState.ABSENT)]
        )
        self.destination = Chain(
            d.destination_lock_by,
            d.destination_timelock,
            skews[1],
            [Block(self.wall, LockState.ABSENT)],
        )
        self.service_secret = service_secret
        self.status = Status.SOURCE_LOCKING
        self.cancel_requested = self.posted = self.repaid = False
        self.lock_left = self.secret_left = self.shown = self.in_time = False
        self.read = (self.source.leg(), self.destination.leg())
        self.heads = (self.wall, self.wall)
        self.history: list[tuple[Status, Status, str]] = []
        self.last_good = self.wall

    # --- the world -----------------------------------------------------------------------------
    def pass_time(
        self, seconds: int, *, source_mines: bool = True, destination_mines: bool = True
    ) -> None:
        self.wall += seconds
        if source_mines:
            self.source.mine(self.wall)
        if destination_mines:
            self.destination.mine(self.wall)

    def maker_withdraws(self) -> None:
        if self.service_secret and not (self.secret_left or self.shown):
            return  # the maker does not know the secret
        self.destination.mempool.append(Call.WITHDRAW)

    def maker_posts(self) -> None:
        self.posted |= self.status is Status.BOTH_LOCKED

    def maker_cancels(self) -> None:
        self.cancel_requested |= self.status in (Status.SOURCE_LOCKING, Status.SOURCE_LOCKED)

    def stranger_withdraws_source(self) -> None:
        if self.source.shows_secret or self.destination.shows_secret:
            self.source.mempool.append(Call.WITHDRAW)

    # --- the service ---------------------------------------------------------------------------
    def work(self, *, polls: bool = True, sends: bool = True, arrives: bool = True) -> None:
        if polls:
            self.poll()
        due = self.advance()
        if sends:
            self.send(due, arrives=arrives)

    def poll(self) -> None:
        self.read = (self.source.leg(), self.destination.leg())
        self.heads = (self.source.head.time, self.destination.head.time)
        self.shown |= self.source.shows_secret or self.destination.shows_secret
        first = next((b for b in self.source.blocks if b.state is not LockState.ABSENT), None)
        self.in_time |= first is not None and first.time <= self.deadlines.accept_by

    def snapshot(self) -> Snapshot:
        source, destination = self.heads
        return Snapshot(
            status=self.status,
            clocks=Clocks(Seconds(self.wall), Seconds(source), Seconds(destination)),
            chains_are_fresh=min(self.heads) >= self.wall - STALE_AFTER,
            expires_at=Seconds(0),
            is_executed=True,
            cancel_requested=self.cancel_requested,
            deadlines=self.deadlines,
            source=self.read[0],
            destination=self.read[1],
            guard_distance=POLICY.guard_distance,
            margin=POLICY.margin,
            clock_slack=POLICY.clock_slack,
            source_seen_in_time=self.in_time,
            liquidity_is_reserved=True,
            destination_lock_left=self.lock_left,
            secret_is_held=self.service_secret or self.posted,
            secret_left=self.secret_left,
            secret_is_shown=self.shown,
            source_is_repaid=self.repaid,
        )

    def advance(self) -> frozenset[Action]:
        """Apply moves until none is due; returns the writes that are."""
        for _ in range(10):
            step = next_step(self.snapshot())
            if step.move_to is None:
                return step.actions
            assert is_allowed(self.status, step.move_to, by_reorganisation=step.by_reorganisation)
            self._assert_move_is_safe(step.move_to)
            self.history.append((self.status, step.move_to, step.reason))
            self.status = step.move_to
        raise AssertionError(f"the machine does not come to rest: {self.history[-10:]}")

    def _assert_move_is_safe(self, move_to: Status) -> None:
        """Rules 2, 3 and 5, worked out anew from the clocks and the last reading of the chains."""
        source, destination = self.read
        latest_source = max(self.wall, self.heads[0])
        latest_destination = max(self.wall, self.heads[1])
        if move_to is Status.DESTINATION_LOCKING and self.status is Status.SOURCE_LOCKED:
            assert self.in_time
            assert source.is_open
            assert latest_destination <= destination.lock_by
            left = destination.timelock - self.heads[1]
            assert left + POLICY.margin <= source.timelock - latest_source
        if move_to is Status.REVEALING_SECRET and not self.shown and self.status in FORWARD_ONLY:
            assert source.is_open
            assert destination.is_open
            assert min(self.heads) >= self.wall - STALE_AFTER
            assert latest_destination + POLICY.guard_distance <= destination.timelock
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
                name, call = ACTION_CALLS[action]
                getattr(self, name).mempool.append(call)

    def _leaves(self, action: Action) -> bool:
        """The first send: the guard decides, then `left_at` is committed."""
        if objection(self.snapshot(), action) is not None:
            return False
        self._assert_may_leave(action)
        self.lock_left |= action is Action.LOCK_DESTINATION
        self.secret_left |= action is Action.WITHDRAW_DESTINATION
        return True

    def _assert_may_leave(self, action: Action) -> None:
        """Rules 2, 3 and 4, worked out anew from the chains themselves."""
        d, now = self.deadlines, self.snapshot().clocks
        source, destination = self.source.leg(), self.destination.leg()
        if action is Action.LOCK_DESTINATION:
            assert source.is_open
            assert self.wall <= d.destination_lock_by
            assert ladder_holds(d.source_timelock, d.destination_timelock, POLICY.margin, now)
        if action is Action.WITHDRAW_DESTINATION and not (self.shown or self.secret_left):
            assert source.is_open
            assert destination.is_open
            assert max(self.wall, self.heads[1]) + POLICY.guard_distance <= d.destination_timelock
        if action is Action.WITHDRAW_SOURCE:
            assert self.destination.head.state is LockState.WITHDRAWN
        if action in (Action.REFUND_SOURCE, Action.REFUND_SOURCE_EARLY):
            self._assert_the_destination_is_gone()

    def _assert_the_destination_is_gone(self) -> None:
        final = self.destination.final
        never = final.state is LockState.ABSENT and final.time > self.destination.lock_by
        assert final.state is LockState.REFUNDED or never or not self.lock_left
