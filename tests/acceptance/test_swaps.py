"""Swaps through real processes: every direction, coin, lock mode and secret mode at once.

Then the service is gone in the middle of four: the kit and public libraries get the money out.
"""

import hashlib
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from chains_app.locks import LockState
from devnet.api import ENDS
from devnet.demo import running_service
from devnet.network import Devnet
from sessions_app.api.examples import EXIT_KIT
from tests.acceptance.exits import SCRIPT, Left
from tests.acceptance.maker import PATIENT, TO_BASE, TO_NEAR, Maker, Way

WAYS = {"to NEAR": TO_NEAR, "to BASE": TO_BASE}
AMOUNTS = {
    "base:ETH": 2 * 10**16, "base:USDC": 50 * 10**6, "near:NEAR": 20 * 10**24,
    "near:USDC": 50 * 10**6,
}  # fmt: skip
SECONDS = 240
BEFORE_BOTH = ("source_locking", "source_locked", "destination_locking")


@dataclass(frozen=True)
class Combination:
    """One way to swap."""

    source: str
    destination: str
    lock_mode: str
    secret_mode: str

    def __str__(self) -> str:
        return f"{self.source} to {self.destination}, {self.lock_mode}, {self.secret_mode}"


COMBINATIONS = [
    Combination(source, destination, lock_mode, secret_mode)
    for source, destination, lock_mode, secret_mode in product(
        AMOUNTS, AMOUNTS, ("wallet", "gasless"), ("service", "maker")
    )
    if source[:4] != destination[:4] and (lock_mode == "wallet" or source == "base:USDC")
]


class Makers(Maker):
    """One maker who does all of it at once."""

    def begin(self, wanted: Combination, secret: bytes) -> str:
        """The session's id, its source lock made or on its way."""
        way = (f"{wanted.source}->{wanted.destination}", AMOUNTS[wanted.source])
        own = "0x" + hashlib.sha256(secret).hexdigest() if wanted.secret_mode == "maker" else None
        if wanted.lock_mode == "gasless":
            session = self.create_gasless(way, hashlock=own)
        else:
            session = self.create(way, hashlock=own)
            self.lock_source(session, way)
        if wanted.source == "base:USDC":  # the next one needs its own permit or approval
            self._wait_for_lock(session)
        return session

    def _wait_for_lock(self, session: str) -> None:
        wait_until(lambda: self.look_at(session)["legs"][0]["state"]["head"] != "absent")

    def finish(self, swaps: dict[str, bytes]) -> dict[str, dict[str, Any]]:
        """All sessions as they ended, by their ids; each secret posted where it is the maker's."""
        ended: dict[str, dict[str, Any]] = {}
        shown = {session: self.look_at(session) for session in swaps}
        for update in self._api.follow_all(list(shown.values()), SECONDS):
            session, status = update["sessionId"], update["status"]
            if status in ENDS:
                ended[session] = self.look_at(session)
            if (status, shown[session]["secretMode"]) == ("both_locked", "maker"):
                self.post_secret(session, swaps[session])
        return ended


@dataclass(frozen=True)
class Swaps:
    """Those that completed, as the API showed them, and those that were left: by way and end."""

    ended: dict[Combination, dict[str, Any]]
    left: dict[tuple[str, str], Left]


@pytest.fixture(scope="module")
def swaps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Swaps]:
    """All of them in flight together; then nobody runs but the chains."""
    with running_service(PATIENT) as (devnet, service):
        with closing(Makers(devnet, service)) as maker:
            left = begin_to_leave(maker, devnet, tmp_path_factory.mktemp("exit"))
            ended = run_all(maker)
            for session in left:
                wait_for_both_locks(maker, session)
        service.stop()
        yield Swaps(ended, dict(left.values()))


def run_all(maker: Makers) -> dict[Combination, dict[str, Any]]:
    own = {wanted: secrets.token_bytes(32) for wanted in COMBINATIONS}
    begun = {wanted: maker.begin(wanted, own[wanted]) for wanted in COMBINATIONS}
    found = maker.finish({begun[wanted]: own[wanted] for wanted in COMBINATIONS})
    return {wanted: found[begun[wanted]] for wanted in COMBINATIONS}


def begin_to_leave(
    maker: Makers, devnet: Devnet, folder: Path
) -> dict[str, tuple[tuple[str, str], Left]]:
    """Two swaps each way in mode `maker`, whose secrets nobody posts; by session."""
    begun = {}
    for end in ("refund", "withdraw"):  # whose time is short comes last
        for way in WAYS:
            session, left = begin(maker, WAYS[way], devnet, folder / f"{way} {end}")
            begun[session] = ((way, end), left)
    return begun


def begin(maker: Maker, way: Way, devnet: Devnet, folder: Path) -> tuple[str, Left]:
    folder.mkdir()
    secret = os.urandom(32)
    (folder / "secret.txt").write_text(secret.hex())
    session = maker.create(way, hashlock="0x" + hashlib.sha256(secret).hexdigest())
    maker.lock_source(session, way)
    (folder / "kit.json").write_text(json.dumps(maker.exit_kit(session)))
    return session, Left(devnet, folder / "kit.json", folder / "secret.txt")


def wait_for_both_locks(maker: Maker, session: str) -> None:
    def are_there() -> bool:
        status = maker.look_at(session)["status"]
        assert status in BEFORE_BOTH or status == "both_locked", status
        return bool(status == "both_locked")

    wait_until(are_there)


def wait_until(holds: Callable[[], bool]) -> None:
    """What only asking the API again tells."""
    until = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.1)


@pytest.mark.parametrize("wanted", COMBINATIONS, ids=str)
def test_it_completes(swaps: Swaps, wanted: Combination) -> None:
    session = swaps.ended[wanted]
    assert (session["status"], session["attention"]) == ("completed", None)
    assert (session["lockMode"], session["secretMode"]) == (wanted.lock_mode, wanted.secret_mode)
    states = [leg["state"] for leg in session["legs"]]
    assert states == [{"head": "withdrawn", "final": "withdrawn"}] * 2
    calls = [[each["call"] for each in leg["transactions"] if each["isOurs"]]
             for leg in session["legs"]]  # fmt: skip
    assert calls[0] == (["lock_for"] if wanted.lock_mode == "gasless" else []) + ["withdraw"]
    assert [call for call in calls[1] if call in ("lock", "withdraw")] == ["lock", "withdraw"]


def test_all_of_them_are_there() -> None:
    assert len(COMBINATIONS) == 20


MISTAKES = {
    "a call that there is not": (
        ["source", "withdraw"],
        "the kit has no withdraw of the source leg",
    ),
    "no secret": (["destination", "withdraw"], "a withdrawal needs --secret FILE"),
    "half a secret": (["destination", "withdraw", "half"], "does not hold 64 hex digits"),
    "another secret": (["destination", "withdraw", "other"], "holds another secret than this"),
    "no node": (["source", "refund"], "the node gave no answer to eth_getBlockByNumber: "),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_in_one_line(tmp_path: Path, mistake: str) -> None:
    (leg, call, *secret), said = MISTAKES[mistake]
    (tmp_path / "kit.json").write_text(json.dumps(EXIT_KIT[0].value))
    (tmp_path / "half").write_text("5e" * 16)
    (tmp_path / "other").write_text("5e" * 32)
    command = [sys.executable, str(SCRIPT), "kit.json", leg, call, "http://127.0.0.1:1"]
    command += ["--secret", *secret] if secret else []
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("way", WAYS)
def test_a_maker_withdraws_the_destination_with_the_own_secret(swaps: Swaps, way: str) -> None:
    swap = swaps.left[way, "withdraw"]
    assert swap.state("destination") == (LockState.OPEN, False)
    swap.exit("destination", "withdraw")
    assert swap.state("destination") == (LockState.WITHDRAWN, True)


@pytest.mark.parametrize("way", WAYS)
def test_a_withdrawal_that_finds_no_open_lock_does_not_show_the_secret(
    swaps: Swaps, way: str
) -> None:
    """After the withdrawal above, so that it is asked again."""
    assert "the lock does not stand open" in swaps.left[way, "withdraw"].refusal(
        "destination", "withdraw"
    )


@pytest.mark.parametrize("way", WAYS)
def test_a_withdrawal_that_may_come_too_late_does_not_show_the_secret(
    swaps: Swaps, way: str
) -> None:
    swap = swaps.left[way, "refund"]
    (withdrawal,) = [
        each for each in swap.leg("destination")["exits"] if each["call"] == "withdraw"
    ]
    assert withdrawal["sendBy"] < withdrawal["before"] == swap.leg("destination")["timelock"]
    swap.pass_time_to(withdrawal["sendBy"])
    assert f"{withdrawal['sendBy']} is past" in swap.refusal("destination", "withdraw")
    assert swap.state("destination") == (LockState.OPEN, False)


@pytest.mark.parametrize("way", WAYS)
def test_a_maker_takes_the_source_back_from_its_timelock_on(swaps: Swaps, way: str) -> None:
    swap = swaps.left[way, "refund"]
    swap.pass_time_to(swap.leg("source")["timelock"])
    assert swap.state("source") == (LockState.OPEN, False)
    swap.exit("source", "refund")
    assert swap.state("source") == (LockState.REFUNDED, True)
