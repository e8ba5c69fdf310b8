"""Each process checks its configuration at its own start: one line, an exit code, no stack."""

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import urllib3

from devnet.anvil import start_anvil
from devnet.network import BlockTimes, Devnet
from devnet.processes import Child, free_port, start
from devnet.service import ROOT, Installation, processes

ALL = sorted(processes())
UNSAFE: dict[str, str | None] = {"DURATIONS": '{"margin": 29}'}  # a second less than is safe

Changes = dict[str, str | None]
Done = subprocess.CompletedProcess[str]
FAULTS: dict[str, tuple[Changes, str]] = {
    "no key": ({"BASE_LOCK_KEY": None}, "BASE_LOCK_KEY is missing"),
    "another EVM chain": (
        {"BASE_CHAIN_ID": "8453"},
        "base: node 1 of 1 is on chain 31337, not 8453: correct its URL",
    ),
    "another NEAR chain": (
        {"NEAR_CHAIN_ID": "mainnet"},
        "near: node 1 of 1 is on chain 'devnet', not 'mainnet': correct its URL",
    ),
    "no contract": (
        {"BASE_ESCROW_FACTORY": "0x" + "11" * 20},
        "base: the code at 0x1111111111111111111111111111111111111111 is not our EscrowFactory: ",
    ),
    "other code": (
        {"NEAR_HTLC_CODE_HASH": "1" * 43},
        f"near: the code of htlc.test.near is not {'1' * 43}: deploy it",
    ),
    "unsafe policy": (
        UNSAFE,
        "route base:ETH->near:NEAR: margin is 29 s, less than both slowest finality budgets + "
        "inclusion + halt = 30 s: raise it to at least 30; ",
    ),
    "all at once": (
        UNSAFE | {"BASE_CHAIN_ID": "1", "NEAR_HTLC_CODE_HASH": "1" * 43},
        "raise it to at least 30; base: node 1 of 1 is on chain 31337, not 1: correct its URL; "
        "near: the code of htlc",
    ),
}
STARTS = [
    *((name, "no key") for name in ALL),
    ("web", "unsafe policy"),
    ("ws", "another EVM chain"),
    ("worker", "no contract"),
    ("beat", "other code"),
    ("heads", "another NEAR chain"),
    ("heads", "all at once"),
]
STORED_SECRET = """
    INSERT INTO secrets_app_sealedsecret (id, reference, hash_function, hashlock, sealed)
    VALUES (gen_random_uuid(), gen_random_uuid(), 'sha256', '1', '\\x0000000000000001')
"""


@pytest.fixture(scope="module")
def devnet() -> Iterator[Devnet]:
    with Devnet(BlockTimes(base=1.0, near=0.3)) as running:
        yield running


@pytest.fixture(scope="module")
def installation(devnet: Devnet) -> Iterator[Installation]:
    with tempfile.TemporaryDirectory() as folder:
        yield Installation(Path(folder), devnet.environment)


@pytest.fixture(scope="module")
def ends(installation: Installation) -> dict[tuple[str, str], Done]:
    """How each of STARTS ended; two at a time."""
    with ThreadPoolExecutor(2) as pool:
        done = pool.map(lambda one: run(installation, one[0], **FAULTS[one[1]][0]), STARTS)
        return dict(zip(STARTS, done, strict=True))


@pytest.mark.parametrize(("name", "fault"), STARTS)
def test_a_process_ends_in_one_line(
    ends: dict[tuple[str, str], Done], name: str, fault: str
) -> None:
    require_one_line(ends[name, fault], FAULTS[fault][1])


def test_a_process_ends_without_the_key_of_a_stored_secret(installation: Installation) -> None:
    with psycopg.connect(installation.environment["DATABASE_URL"]) as connection:
        connection.execute(STORED_SECRET)
    done = run(installation, "heads", VAULT_KEYS=f'{{"2": "{"22" * 32}"}}')
    require_one_line(done, "VAULT_KEYS lacks key 1, and stored secrets are sealed under it: Add")


def test_a_process_ends_on_a_database_without_tables(
    devnet: Devnet, installation: Installation
) -> None:
    devnet.postgres.execute("CREATE DATABASE empty")
    done = run(
        installation, "heads", DATABASE_URL=devnet.postgres.url.rpartition("/")[0] + "/empty"
    )
    require_one_line(done, "the database lacks our tables: run `manage.py migrate`")


def test_a_process_starts_while_the_database_is_silent(
    installation: Installation, tmp_path: Path
) -> None:
    nowhere = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    heads = begin(installation, "heads", tmp_path, DATABASE_URL=nowhere)
    wait_for_line(heads, '"silent": "database"', times=2)  # the second one while it runs
    heads.stop()
    assert heads.process.returncode == 0


def test_all_start_while_a_chain_is_silent_and_end_when_it_turns_out_to_be_wrong(
    installation: Installation, tmp_path: Path
) -> None:
    port = free_port()
    silent = {"BASE_RPC_URL": f"http://127.0.0.1:{port}"}
    running = [begin(installation, name, tmp_path, **silent) for name in ALL]
    try:
        for child in running:
            wait_for_line(child, '"silent": "base"')
        web = running[ALL.index("web")]
        web.wait_until(installation.is_listening, 60)
        expected = ("degraded", {"base": False, "near": True})
        web.wait_until(lambda: health(installation) == expected, 60)  # within the time of a probe
        with closing_anvil(tmp_path, port):
            for child in running:
                require_crash(child, "is not our EscrowFactory: deploy it; ")
    finally:
        for child in running:
            child.stop()


def run(installation: Installation, name: str, **changes: str | None) -> Done:
    """A process that has to end by itself, with changed variables (None: without it)."""
    changed = {**installation.environment, **changes}
    return subprocess.run(
        installation.command(name),
        cwd=ROOT,
        env={variable: value for variable, value in changed.items() if value is not None},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def require_one_line(done: Done, expected: str) -> None:
    """Exit code 1, and on standard error the line alone (Celery warns of root before it)."""
    assert done.returncode == 1
    *before, line = done.stderr.splitlines()
    assert line.startswith("wrong configuration: ")
    assert line.endswith(" (correct it and start again)")
    assert expected in line
    assert before == [] or "SecurityWarning: You're running the worker with super" in before[0]
    assert "Traceback" not in done.stdout + done.stderr


def begin(installation: Installation, name: str, folder: Path, **changes: str) -> Child:
    """A process that goes on."""
    environment = installation.environment | changes
    return start(name, installation.command(name), folder, env=environment, working_folder=ROOT)


def wait_for_line(child: Child, part: str, times: int = 1) -> None:
    child.wait_until(lambda: child.log.read_text().count(part) >= times, 60)


def health(installation: Installation) -> tuple[str, dict[str, bool]]:
    """What /health says of the whole, and of the chains."""
    answer = urllib3.request("GET", f"{installation.url}/health")
    assert answer.status == 200
    body = answer.json()
    return body["status"], {name: body["connections"][name] for name in ("base", "near")}


@contextmanager
def closing_anvil(folder: Path, port: int) -> Iterator[None]:
    """A chain on which nothing is deployed."""
    anvil = start_anvil(folder, port=port)
    try:
        yield
    finally:
        anvil.stop()


def require_crash(child: Child, expected: str) -> None:
    """It ends by itself, in one line, and leaves no process of its group behind."""
    assert child.process.wait(60) == 1
    lines = [line for line in child.log.read_text().splitlines() if "wrong configuration: " in line]
    assert len(lines) == 1
    assert expected in lines[0]
    assert "Traceback" not in child.log.read_text()
    deadline = time.monotonic() + 20
    while is_group_alive(child.process.pid):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_group_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
