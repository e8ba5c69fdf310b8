"""A drill from its start to its verdict."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

import psycopg

from chains_app.adapters.evm_accounts import Account
from devnet.drill.beyond import beyond_swaps, go_beyond
from devnet.drill.funding import fund
from devnet.drill.leaks import RedisMonitor, all_texts, leaks, read_vault
from devnet.drill.makers import Maker, seconds_of
from devnet.drill.patience import PatientApi
from devnet.drill.schedule import Behaviour, Schedule
from devnet.drill.storm import Storm
from devnet.drill.verdict import (
    CURSORS,
    ENDED,
    MOVES,
    OPEN_WORK,
    SESSIONS,
    Books,
    Lock,
    ask,
    is_atomic,
    is_stuck,
    misplaced,
    misplaced_by_us,
    read_locks,
)
from devnet.jsonrpc import JsonRpc
from devnet.network import Devnet
from devnet.service import Service

SHOWN_EVERY: Final = 5.0
STEP: Final = 0.5
CALM_SECONDS: Final = 240.0  # the most that any wait of the calm takes; far more than it needs
STILL_SECONDS: Final = 6.0  # nothing moved for so long
AWAKE_SECONDS: Final = 4
MOVING: Final = ("executing", "source_locked", "destination_locking", "revealing_secret")
Say = Callable[[str], None]


class Rehearsal:
    """One drill; `say` is told what happens, and every problem that is found."""

    def __init__(self, devnet: Devnet, service: Service, schedule: Schedule, say: Say) -> None:
        self._devnet, self._service, self._schedule, self._say = devnet, service, schedule, say
        self._nodes = {"base": devnet.anvil.url, "near": devnet.near.url}
        self._rpc = {chain: JsonRpc(url) for chain, url in self._nodes.items()}
        self._times = {"base": 0, "near": 0}
        self._vault: dict[str, bytes] = {}
        self._statuses: dict[str, tuple[str, str]] = {}  # session to status and attention
        self._stalled: list[str] = []
        self._began = self._shown_at = time.monotonic()
        swaps = [*schedule.swaps, *beyond_swaps(len(schedule.swaps))]
        env = devnet.environment
        (base,), (near,) = (json.loads(env[f"{chain}_TOKENS"]) for chain in ("BASE", "NEAR"))
        usdc = {"base": base["address"], "near": near["account"]}
        accounts = fund(devnet, swaps, (usdc["base"], usdc["near"]))
        self._ours = {
            "base": [
                Account.from_key(env[f"BASE_{role}_KEY"]).address for role in ("LOCK", "DUTY")
            ],
            "near": [env["NEAR_LOCK_ACCOUNT"], env["NEAR_DUTY_ACCOUNT"]],
        }
        self._books = Books(devnet, accounts, self._ours, usdc)
        key = service.create_client("drill")
        self._api = PatientApi(service.url, key)
        makers = [
            Maker(swap, account, PatientApi(service.url, key), self._nodes)
            for swap, account in zip(swaps, accounts, strict=True)
        ]
        self._makers, self._beyond = (
            makers[: -len(beyond_swaps(0))],
            makers[-len(beyond_swaps(0)) :],
        )

    def run(self) -> dict[str, Any]:
        """The drill; its result without `seconds`."""
        monitor = RedisMonitor(self._devnet.redis.url)
        storm = Storm(self._devnet, self._service, self._schedule, self._tell)
        storm.start()
        self._begin_all(storm)
        storm.stop()
        met = dict(storm.injected)  # the calm has jumps of its own
        self._settle(self._makers)
        takers = self._halt()
        self._finish()
        monitor.stop()
        return self._result(met, takers, bytes(monitor.heard))

    # the storm, and the calm

    def _tell(self, text: str) -> None:
        self._say(f"  {time.monotonic() - self._began:6.1f} s  {text}")

    def _begin_all(self, storm: Storm) -> None:
        """Each maker at its time, until the last has begun and the last fault is over."""
        self._began = time.monotonic()
        waiting = sorted(self._makers, key=lambda maker: maker.swap.at)
        while waiting or not storm.is_over:
            self._look()
            while waiting and waiting[0].swap.at <= time.monotonic() - self._began:
                waiting.pop(0).start(self._times.__getitem__)
            time.sleep(STEP)

    def _look(self) -> None:
        """Read clocks, vault and statuses, and show them now and then."""
        head = self._rpc["base"].call("eth_getBlockByNumber", "latest", False)
        self._times["base"] = int(head["timestamp"], 16)
        header = self._rpc["near"].call("block", finality="optimistic")["header"]
        self._times["near"] = int(header["timestamp"]) // 10**9
        with suppress(psycopg.Error):  # Postgres starts again
            self._statuses = {row[0]: row[1:] for row in ask(self._devnet, SESSIONS)}
            read_vault(self._devnet, self._vault)
        if time.monotonic() - self._shown_at > SHOWN_EVERY:
            self._shown_at = time.monotonic()
            found = Counter(status for status, _ in self._statuses.values())
            self._tell(", ".join(f"{status} {many}" for status, many in sorted(found.items())))

    def _wait(self, until: Callable[[], bool], seconds: float = CALM_SECONDS) -> bool:
        """Whether it came to hold; processes that ended are started again meanwhile."""
        end = time.monotonic() + seconds
        while not until() and time.monotonic() < end:
            self._service.restart_ended()
            self._look()
            time.sleep(STEP)
        return until()

    def _wait_until_still(self) -> None:
        """All that is left waits for its time, while the service follows both chains."""
        last, since = dict(self._statuses), time.monotonic()

        def is_still() -> bool:
            nonlocal last, since
            if last != self._statuses or not self._is_awake():
                last, since = dict(self._statuses), time.monotonic()
            is_moving = any(status in MOVING for status, _ in last.values())
            return not is_moving and time.monotonic() - since > STILL_SECONDS

        self._wait(is_still)

    def _is_awake(self) -> bool:
        """Whether it has read both chains up to some seconds ago."""
        read = dict(ask(self._devnet, CURSORS))
        return all(at - read.get(chain, 0) <= AWAKE_SECONDS for chain, at in self._times.items())

    def _settle(self, makers: Sequence[Maker]) -> None:
        """Let the clocks run on to each instant that somebody waits for, until all have ended."""
        self._tell("no more faults")
        self._wait_until_still()
        self._stalled += [
            f"maker {each.swap.number} waits in the calm, {self._status(each)}"
            for each in makers
            if self._should_have_moved(each)
        ]
        late = [each for each in makers if each.swap.behaviour is Behaviour.WITHDRAWS_LATE]
        for maker in sorted(late, key=self._last_moment):
            if self._status(maker) == "both_locked":
                self._jump_to(maker.last_moment())
                self._wait(partial(self._has_completed, maker))
        for moment in self._timelocks(makers):
            if not self._have_ended(makers):
                self._jump_to(moment)
                self._wait_until_still()
        self._wait(lambda: self._have_ended(makers))

    def _should_have_moved(self, maker: Maker) -> bool:
        """Whether nothing but the service is missing: neither a clock nor what the maker does."""
        status = self._status(maker)
        if status == "source_locking":
            legs = self._api.get(f"/sessions/{maker.session}")["legs"]
            return bool(legs[0]["state"]["head"] == "open")
        is_late = maker.swap.behaviour in (Behaviour.KEEPS_SECRET, Behaviour.WITHDRAWS_LATE)
        return status in MOVING or (status == "both_locked" and not is_late)

    def _last_moment(self, maker: Maker) -> int:
        return maker.last_moment() if self._status(maker) == "both_locked" else 0

    def _status(self, maker: Maker) -> str:
        return self._statuses.get(maker.session or "", ("none", ""))[0]

    def _has_completed(self, maker: Maker) -> bool:
        return self._status(maker) == "completed"

    def _have_ended(self, makers: Iterable[Maker]) -> bool:
        return all(self._status(maker) in ENDED for maker in makers)

    def _timelocks(self, makers: Iterable[Maker]) -> list[int]:
        """The last one of the destinations', and of the sources'."""
        begun = [each.session for each in makers if each.session]
        legs = [leg for each in begun for leg in self._api.get(f"/sessions/{each}")["legs"]]
        timelocks = {"destination": 0, "source": 0}
        for leg in legs:
            timelocks[leg["role"]] = max(timelocks[leg["role"]], seconds_of(leg["timelock"]))
        return [last + 1 for last in timelocks.values()]

    def _jump_to(self, moment: int) -> None:
        """Both chains' clocks."""
        self._look()
        missing = moment - min(self._times.values())
        if missing > 0:
            self._tell(f"both clocks on by {missing} s")
            self._devnet.faults.jump(missing)

    def _halt(self) -> list[Maker]:
        """The scene beyond what the margin insures; who took both legs in it."""
        self._tell("a halt beyond the insured one")
        for maker in self._beyond:
            maker.start(self._times.__getitem__)
        are_locked = self._wait(
            lambda: {self._status(maker) for maker in self._beyond} == {"both_locked"}
        )
        if not are_locked:
            raise RuntimeError("the swaps of the halt were not locked")
        takers = go_beyond(self._devnet, self._service, self._beyond, self._jump_to)
        self._wait(lambda: self._have_ended(self._beyond))
        everybody = [*self._makers, *self._beyond]
        self._wait(lambda: all(each.is_done for each in everybody), 30)
        self._stalled += [
            f"maker {each.swap.number} heard of no end" for each in everybody if not each.is_done
        ]
        return takers

    def _finish(self) -> None:
        """No write on its way any more, all of it final, and nobody writes anything."""
        if not self._wait(lambda: ask(self._devnet, OPEN_WORK) == [(0,)], 60):
            self._stalled.append(f"{ask(self._devnet, OPEN_WORK)[0][0]} writes have not ended")
        self._sessions = [self._api.get(f"/sessions/{session}") for session in self._statuses]
        self._service.stop()
        self._devnet.wait_blocks(4)

    # the verdict

    def _result(self, met: dict[str, int], takers: Sequence[Maker], heard: bytes) -> dict[str, Any]:
        locks = read_locks(self._devnet, self._books.first_block, self._sessions)
        beyond = {maker.session for maker in self._beyond}
        lost = {
            session for session, both in self._statuses.items() if both == ("failed", "lost_race")
        }
        torn = {session for session, legs in locks.items() if not is_atomic(legs)}
        predicted = {maker.session for maker in takers}
        stuck = [
            f"{session} {status} {attention}: {[lock.end for lock in locks[session]]}"
            for session, (status, attention) in self._statuses.items()
            if is_stuck(status, attention, locks[session])
        ]
        makers = [*self._makers, *self._beyond]
        stuck += [f"maker {each.swap.number}: {each.error}" for each in makers if each.error]
        stuck += self._stalled
        unexplained = [*self._books.errors(), *self._misplaced(locks)]
        leaked = self._leaks(locks, heard)
        self._show_lives()
        for problem in (*stuck, *sorted(torn - predicted), *unexplained, *leaked):
            self._tell(problem)
        ended = Counter(self._status(maker) for maker in self._makers)
        return {
            "swaps": len(self._makers),
            **{status: ended[status] for status in ENDED},
            "stuck": len(stuck),
            "atomicity_violations": len(torn - predicted) + len(lost - beyond),
            "balance_errors": len(unexplained),
            "secrets_leaked": len(leaked),
            "faults": met,
            "beyond_the_halt": {
                "lost_races": len(lost & beyond),
                "predicted": len(predicted),
                "are_the_predicted": lost & beyond == predicted == torn & beyond,
            },
        }

    def _show_lives(self) -> None:
        """Each swap with what it was, and why it moved as it did."""
        reasons: dict[str, list[str]] = {}
        for session, after, reason in ask(self._devnet, MOVES):
            reasons.setdefault(session, []).append(f"{after} ({reason})")
        for maker in (*self._makers, *self._beyond):
            swap, life = maker.swap, reasons.get(maker.session or "", [])
            mode = f"{swap.lock_mode}, {'own' if swap.owns_secret else 'our'} secret"
            self._say(f"swap {swap.number} {swap.route}, {mode}, {swap.behaviour.value}:")
            self._say(f"    {', '.join(life[3:] or life)}")

    def _misplaced(self, locks: Mapping[str, Sequence[Lock]]) -> list[str]:
        parts = self._books.parts()
        makers = [*self._makers, *self._beyond]
        found = [misplaced(each, locks[each.session], parts) for each in makers if each.session]
        return [*filter(None, found), *misplaced_by_us(self._ours, locks.values(), parts)]

    def _leaks(self, locks: Mapping[str, Sequence[Lock]], heard: bytes) -> list[str]:
        makers = [*self._makers, *self._beyond]
        own = {each.session: each.secret for each in makers if each.session and each.secret}
        secrets = self._vault | own
        apis = [self._api, *(each.api for each in makers)]
        said = "".join(text for api in apis for text in api.said)
        shown = {
            secret
            for session, secret in secrets.items()
            if any(lock.end == "withdrawn" for lock in locks[session])
        }
        texts = all_texts(self._devnet, self._service.folder, heard, said)
        return leaks(list(secrets.values()), shown, texts)
