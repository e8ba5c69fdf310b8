"""Rules 5 and 14: a worker dies at every point of each of our calls, and the swap is finished.

All swaps run at once. Whenever a worker dies, with its whole process group, another one starts,
until somebody has died at each swap's point in each of its calls; then the ordinary one goes on.
"""

import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString, NamedTuple

import psycopg
import pytest

from devnet.network import BlockTimes, Devnet
from devnet.service import Service
from tests.acceptance.crashes.points import ACTIONS, AGED, OVERTAKEN, POINTS, Ledger
from tests.acceptance.maker import PATIENT, TO_BASE, TO_NEAR, Maker, Way

BACK = (
    "its bytes are committed",
    "left_at is committed",
    "its answer came and is not recorded",
    "what grew old unsent is voided",
    "what was overtaken is marked dead",
)
CASES = [*((TO_NEAR, point) for point in POINTS), *((TO_BASE, point) for point in BACK)]
NAMES = [f"{route[:4]}: {point}" for (route, _), point in CASES]
DYING = ("dying-1", "dying-2", "dying-3")
SECONDS = 400  # far more than it takes

ATTEMPTS = """
    SELECT leg.role, intent.call, attempt.status, attempt.succeeded,
           attempt.replaces_id IS NOT NULL
    FROM chains_app_attempt attempt
    JOIN chains_app_intent intent ON intent.id = attempt.intent_id
    JOIN sessions_app_leg leg ON leg.id = intent.reference
    WHERE leg.session_id = %s
"""
CALLS = {("destination", "lock"), ("destination", "withdraw"), ("source", "withdraw")}
OPEN = """
    SELECT (SELECT count(*) FROM chains_app_intent WHERE status IN ('planned', 'active')),
           (SELECT count(*) FROM chains_app_attempt
            WHERE status IN ('signed', 'left', 'sent', 'included'))
"""


class Attempt(NamedTuple):
    """A signed transaction; `replaces`: it raises the fee of another one."""

    status: str
    succeeded: bool | None
    replaces: bool


@dataclass
class Ended:
    """How all swaps ended: session by case, who died where, and the demo that knows the parties."""

    sessions: dict[tuple[Way, str], dict[str, Any]]
    deaths: Counter[tuple[str, str]]
    devnet: Devnet
    explained: list[bool]

    def ask(self, query: LiteralString, *values: str) -> list[tuple[Any, ...]]:
        return ask(self.devnet, query, *values)


def ask(devnet: Devnet, query: LiteralString, *values: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(devnet.postgres.url) as connection:
        return connection.execute(query, values).fetchall()


class ManySwaps(Maker):
    """A maker who swaps many times at once."""

    def begin(self, ledger: Ledger, case: tuple[Way, str]) -> str:
        """A session whose worker will die at the case's point, with its source lock sent."""
        way, point = case
        session = self.create(way)
        ledger.arm(session, point)
        self.lock_source(session, way)
        return session

    def finish(self, session: str) -> dict[str, Any]:
        """Wait for its end; the session as it is then."""
        for _ in self._api.follow(self.look_at(session), SECONDS):
            pass
        return self.look_at(session)

    def explain_since(self, heights: tuple[int, int], before: Any) -> list[bool]:
        """Whether each party's balance changed by what the blocks say, to the last unit."""
        after, changes = self._balances(), self._changes(heights)
        return [self._explain(party, before, after, changes) for party in self._parties]


@pytest.fixture(scope="module")
def ended() -> Iterator[Ended]:
    with Devnet(BlockTimes(base=1.0, near=0.3)) as devnet, tempfile.TemporaryDirectory() as folder:
        service = Service(Path(folder), devnet.environment | PATIENT)
        try:
            with closing(ManySwaps(devnet, service)) as maker:
                yield run_all(devnet, service, maker)
        finally:
            service.stop()


def run_all(devnet: Devnet, service: Service, maker: ManySwaps) -> Ended:
    heights, before = devnet.heights(), maker._balances()
    ledger = start_dying(service)
    sessions = {case: maker.begin(ledger, case) for case in CASES}
    for session in sessions.values():
        maker.finish(session)
    deaths = wait_for_deaths(ledger, len(CASES) * len(ACTIONS))
    for name in DYING:
        service.processes.pop(name).stop()
    service.start("worker")
    wait_until_all_is_over(devnet, service)
    at_end = {case: maker.finish(session) for case, session in sessions.items()}
    devnet.wait_blocks(4)
    return Ended(at_end, deaths, devnet, maker.explain_since(heights, before))


def start_dying(service: Service) -> Ledger:
    """Workers that die, each by itself, in the place of the ordinary one."""
    folder = service.folder / "deaths"
    folder.mkdir()
    service.processes.pop("worker").stop()
    options = [*service.command("worker")[3:], "--pool", "solo"]
    command = [sys.executable, "-m", "tests.acceptance.crashes.worker", str(folder), *options]
    for name in DYING:
        service.start(name, command)
    return Ledger(folder)


def wait_for_deaths(ledger: Ledger, wanted: int) -> Counter[tuple[str, str]]:
    """The last intents end after their sessions; a point that nobody came to fails its own test."""
    deadline = time.monotonic() + 60
    while len(ledger.deaths()) < wanted and time.monotonic() < deadline:
        time.sleep(0.1)
    return Counter(ledger.deaths())


def wait_until_all_is_over(devnet: Devnet, service: Service) -> None:
    deadline = time.monotonic() + 60
    while ask(devnet, OPEN) != [(0, 0)]:
        service.require_running()
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_rule_14_a_swap_survives_a_death_in_each_call_where(
    ended: Ended, case: tuple[Way, str]
) -> None:
    session = ended.sessions[case]
    died = {action for of, action in ended.deaths if of == session["sessionId"]}
    assert died == set(ACTIONS)
    assert session["status"] == "completed"
    assert [leg["state"]["final"] for leg in session["legs"]] == ["withdrawn", "withdrawn"]


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_rule_5_each_call_was_made_once_where(ended: Ended, case: tuple[Way, str]) -> None:
    """One nonce is final and had the effect; under it the fee was raised at most.

    What was void never left us. A second nonce left only where somebody else had used the first.
    """
    point = case[1]
    attempts = ended.ask(ATTEMPTS, ended.sessions[case]["sessionId"])
    by_call = defaultdict(list)
    for role, call, *attempt in attempts:
        by_call[role, call].append(Attempt(*attempt))
    assert by_call.keys() == CALLS
    for mine in by_call.values():
        assert [one.succeeded for one in mine if one.status == "final"] == [True]
        left = [one for one in mine if one.status != "void"]
        assert {one.status for one in left} <= {"final", "dead"}
        first = [one for one in left if not one.replaces]
        assert len(first) == (2 if point in OVERTAKEN else 1)
        assert len(left) < len(mine) or point != AGED[1]


def test_every_balance_is_explained(ended: Ended) -> None:
    assert ended.explained == [True] * 10
