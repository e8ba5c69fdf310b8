"""Every direction, coin, lock mode and secret mode at once, through real processes."""

import hashlib
import secrets
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import product
from typing import Any

import pytest

from devnet.api import ENDS
from devnet.demo import running_service
from tests.acceptance.maker import PATIENT, Maker

AMOUNTS = {
    "base:ETH": 2 * 10**16, "base:USDC": 50 * 10**6, "near:NEAR": 20 * 10**24,
    "near:USDC": 50 * 10**6,
}  # fmt: skip
SECONDS = 240


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
        until = time.monotonic() + SECONDS
        while self.look_at(session)["legs"][0]["state"]["head"] == "absent":
            assert time.monotonic() < until
            time.sleep(0.2)

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


@pytest.fixture(scope="module")
def ended() -> Iterator[dict[Combination, dict[str, Any]]]:
    """All of them in flight together."""
    with running_service(PATIENT) as (devnet, service), closing(Makers(devnet, service)) as maker:
        own = {wanted: secrets.token_bytes(32) for wanted in COMBINATIONS}
        begun = {wanted: maker.begin(wanted, own[wanted]) for wanted in COMBINATIONS}
        found = maker.finish({begun[wanted]: own[wanted] for wanted in COMBINATIONS})
        yield {wanted: found[begun[wanted]] for wanted in COMBINATIONS}


@pytest.mark.parametrize("wanted", COMBINATIONS, ids=str)
def test_it_completes(ended: dict[Combination, dict[str, Any]], wanted: Combination) -> None:
    session = ended[wanted]
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
