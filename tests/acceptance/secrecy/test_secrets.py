"""Rule 13: nothing that the service holds or says has a secret that the chain has not shown.

Swaps both ways, and one that is called off, through real processes. All that they write down or
say is recorded in its order, and searched for each secret in every form.
"""

import base64
import hashlib
import json
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
import urllib3

from devnet.api import Api
from devnet.drill.leaks import RedisMonitor, read_vault
from devnet.ledger import WITHDRAWN
from devnet.network import BlockTimes, Devnet
from devnet.search import forms, found_in
from devnet.service import Service
from tests.acceptance.maker import PATIENT, TO_BASE, TO_NEAR, Maker, Way
from tests.acceptance.secrecy.recorder import Heights, Recorder, files_of

PUBLISHED = "database chains_app_watch.preimage"  # what the chain has shown, read from it
LOOKED_INTO = {  # a part of each recording that shows that something was recorded at all
    "file web.log": b"request_answered",
    "file worker.log": b"secret_opened",
    "database secrets_app_sealedsecret.sealed": b"x",
    "database chains_app_attempt.sealed_raw": b"x",
    "database sessions_app_session.status": b"revealing_secret",
    "Redis": b"_kombu",
    "Redis MONITOR": b"PUBLISH",
    "WebSocket": b"revealing_secret",
    "API": b"walletTransactions",
    "admin": b"revealing_secret",
    "metrics": b"active_swaps",
    "command": b"withdrawn",
    "process cmdline": b"orchestrator.celery",
    "process environ": b"VAULT_KEYS",
}


@dataclass
class Recording:
    """All that was recorded, the secrets, and the first block of a chain to show each."""

    records: dict[tuple[str, bytes], Heights]
    secrets: dict[str, bytes]  # session to secret
    shown: dict[str, tuple[int, int]]  # session to the chain (0: BASE, 1: NEAR) and height

    def places(self, secret: bytes, *, before: tuple[int, int] | None = None) -> dict[str, Any]:
        """Where it was found, in which forms; only what was recorded before a chain's height."""
        return {
            where: names
            for (where, data), heights in self.records.items()
            if before is None or heights[before[0]] < before[1]
            if (names := found_in(data, secret))
        }


class RecordedApi(Api):
    """A client of the API, all of whose answers are recorded."""

    def __init__(self, url: str, key: str, recorder: Recorder) -> None:
        super().__init__(url, key)
        self._recorder = recorder

    def _call(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        answer = super()._call(method, path, body)
        self._recorder.add("API", json.dumps(answer))
        return answer


class RecordedMaker(Maker):
    """A maker whose every doing is recorded, and with it all that others can see of his swaps."""

    def __init__(self, devnet: Devnet, service: Service, recorder: Recorder) -> None:
        super().__init__(devnet, service)
        self._api.close()
        self._api = RecordedApi(service.url, self._api._key, recorder)
        self._service, self._recorder, self._staff = service, recorder, Staff(service, recorder)
        self.secrets: dict[str, bytes] = {}

    def close(self) -> None:
        """Close all connections."""
        self._staff.close()
        super().close()

    def begin(self, way: Way) -> str:
        """A session whose source lock is sent; its id."""
        session = self.create(way)
        read_vault(self._devnet, self.secrets)
        self.lock_source(session, way)
        return session

    def call_off(self, session: str) -> None:
        """Ask for the money back."""
        self._api.post(f"/sessions/{session}/cancel")

    def follow(self, session: str) -> None:
        """To its end; with each update all is looked at."""
        for update in self._api.follow(self.look_at(session)):
            self._recorder.add("WebSocket", json.dumps(update))
            self._look_everywhere()

    def destination_lock(self, session: str) -> str:
        """The id of its destination leg's lock."""
        legs = self.look_at(session)["legs"]
        (lock,) = [leg["lockId"] for leg in legs if leg["role"] == "destination"]
        return str(lock)

    def _look_everywhere(self) -> None:
        paths = [f"/sessions/{session}" for session in self.secrets]
        for path in (*paths, *(f"{path}/events" for path in paths), "/sessions", "/routes"):
            self._api.get(path)
        self._staff.visit_all(self.secrets)

    def run_commands(self) -> None:
        """What support can ask of each session."""
        code = f"""
from django.core.management import call_command
for session in {list(self.secrets)}:
    for command in (["show_session"], ["show_session", "--json"], ["explain_session"]):
        call_command(*command, session)
call_command("list_stuck_sessions")
"""
        self._recorder.add("command", self._service.manage("shell", "--command", code))


class Staff:
    """Somebody who looks at every page of the admin, and at the metrics."""

    def __init__(self, service: Service, recorder: Recorder) -> None:
        self._url, self._recorder = service.url, recorder
        self._pool = urllib3.PoolManager()
        service.environment["DJANGO_SUPERUSER_PASSWORD"] = "only-for-this-test"
        service.manage(
            "createsuperuser", "--no-input", "--username", "staff", "--email", "a@example.invalid"
        )
        self._cookies = self._log_in()

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()

    def visit_all(self, sessions: Iterable[str]) -> None:
        """All lists, and each session's page."""
        lists = re.findall(r'href="(/admin/\w+/\w+/)"', self._get("/admin/"))
        pages = [f"/admin/sessions_app/session/{session}/change/" for session in sessions]
        for path in (*sorted(set(lists)), *pages):
            self._recorder.add("admin", self._get(path))
        self._recorder.add("metrics", self._get("/metrics"))

    def _log_in(self) -> str:
        page = self._pool.request("GET", f"{self._url}/admin/login/")
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.data.decode())
        assert token is not None
        csrf = page.headers["Set-Cookie"].split(";")[0]
        answer = self._pool.request(
            "POST",
            f"{self._url}/admin/login/?next=/admin/",
            fields={
                "csrfmiddlewaretoken": token[1],
                "username": "staff",
                "password": "only-for-this-test",
            },
            headers={"Cookie": csrf, "Referer": self._url},
            encode_multipart=False,
            redirect=False,
        )
        assert answer.status == 302
        (session,) = [
            cookie.split(";")[0]
            for cookie in answer.headers.getlist("Set-Cookie")
            if cookie.startswith("sessionid=")
        ]
        return session

    def _get(self, path: str) -> str:
        answer = self._pool.request(
            "GET", urljoin(self._url, path), headers={"Cookie": self._cookies}, redirect=False
        )
        assert answer.status == 200, path
        return answer.data.decode()


@pytest.fixture(scope="module")
def recording() -> Iterator[Recording]:
    with (
        Devnet(BlockTimes(base=1.0, near=0.3)) as devnet,
        tempfile.TemporaryDirectory() as folder,
        closing(Recorder(devnet)) as recorder,
    ):
        monitor = RedisMonitor(devnet.redis.url)
        service = Service(Path(folder), devnet.environment | PATIENT)
        try:
            yield record(devnet, service, recorder, monitor)
        finally:
            service.stop()
            monitor.stop()


def record(
    devnet: Devnet, service: Service, recorder: Recorder, monitor: RedisMonitor
) -> Recording:
    first = devnet.heights()
    try:
        recorder.watch(service)
        with closing(RecordedMaker(devnet, service, recorder)) as maker:
            off = maker.begin(TO_NEAR)
            maker.call_off(off)
            there, back = maker.begin(TO_NEAR), maker.begin(TO_BASE)
            maker.run_commands()
            for session in (there, back, off):
                maker.follow(session)
            maker.run_commands()
            lock = maker.destination_lock(there)
    finally:
        recorder.stop()
    for where, data in files_of(service.folder, devnet.postgres.child.log):
        recorder.add(where, data)
    recorder.add("Redis MONITOR", bytes(monitor.heard))
    shown = {
        there: (1, shown_on_near(devnet, lock, maker.secrets[there], first[1])),
        back: (0, shown_on_base(devnet, maker.secrets[back], first[0])),
    }
    return Recording(recorder.records, maker.secrets, shown)


def shown_on_near(devnet: Devnet, lock: str, secret: bytes, first: int) -> int:
    """The height of the first block whose state of the HTLC has the secret."""
    htlc = devnet.environment["NEAR_HTLC"]
    for height in range(first, devnet.heights()[1] + 1):
        record = devnet.near.client.view(htlc, "get_lock", {"id": lock}, block_id=height)
        if found_in(json.dumps(record).encode(), secret):
            return height
    raise AssertionError("NEAR never showed the secret")


def shown_on_base(devnet: Devnet, secret: bytes, first: int) -> int:
    """The height of the block with the event that has the secret."""
    wanted = {"fromBlock": hex(first), "topics": [WITHDRAWN]}
    logs = devnet.anvil.rpc.call("eth_getLogs", wanted)
    (height,) = [int(log["blockNumber"], 16) for log in logs if secret.hex() in log["data"]]
    return height


SESSIONS = ["called off", "to NEAR", "to BASE"]


@pytest.mark.parametrize("number", range(3), ids=SESSIONS)
def test_rule_13_only_the_database_has_a_secret_and_only_what_the_chain_has_shown(
    recording: Recording, number: int
) -> None:
    session, secret = list(recording.secrets.items())[number]
    places = recording.places(secret)
    assert places == ({PUBLISHED: {"hex"}} if session in recording.shown else {})


@pytest.mark.parametrize("number", range(1, 3), ids=SESSIONS[1:])
def test_rule_13_nothing_has_a_secret_before_the_chain_shows_it(
    recording: Recording, number: int
) -> None:
    session, secret = list(recording.secrets.items())[number]
    chain, height = recording.shown[session]
    assert any(heights[chain] >= height for heights in recording.records.values())
    assert recording.places(secret, before=recording.shown[session]) == {}


@pytest.mark.parametrize("where", LOOKED_INTO)
def test_the_recording_has(recording: Recording, where: str) -> None:
    data = [data for (place, data) in recording.records if place == where]
    assert any(LOOKED_INTO[where] in one for one in data)


def test_the_database_was_taken_when_both_were_locked_and_nothing_was_shown(
    recording: Recording,
) -> None:
    place = ("database sessions_app_transition.after", b'"both_locked"')
    taken = recording.records[place]
    assert any(taken[chain] < height for chain, height in recording.shown.values())


SECRETS = [bytes(range(32)), bytes(range(224, 256)), hashlib.sha256(b"a").digest()]


@pytest.mark.parametrize("form", forms(SECRETS[0]))
@pytest.mark.parametrize("secret", SECRETS, ids=["low", "high", "any"])
def test_the_search_finds(secret: bytes, form: str) -> None:
    noise = hashlib.sha512(b"noise").digest()
    assert form in found_in(noise + forms(secret)[form] + noise, secret)
    assert found_in(noise + forms(secret[:31] + b"!")[form][:-4] + noise, secret) == set()


@pytest.mark.parametrize("before", range(4))
def test_the_search_finds_base64_of_more_than_the_secret(before: int) -> None:
    packed = base64.b64encode(b"{" * before + SECRETS[2] + b"}" * 5)
    assert found_in(packed, SECRETS[2]) == {f"base64 at {before % 3}"}


def test_the_search_finds_what_redis_says_that_it_was_told() -> None:
    assert "bytes" in found_in(b'"SET" "a" "' + forms(SECRETS[0])["repr"] + b'"', SECRETS[0])
