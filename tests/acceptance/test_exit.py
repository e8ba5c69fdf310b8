"""The service is gone in the middle of swaps: the kit and public libraries get the money out."""

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from chains_app.config import ChainsEnvironment
from chains_app.locks import LockState, LockTerms
from chains_app.registry import get_adapter, use_environment
from devnet.demo import running_service
from devnet.network import Devnet
from orchestrator.kernel.clock import Seconds
from tests.acceptance.maker import TO_BASE, TO_NEAR, Maker, Way

SCRIPT = Path(__file__).resolve().parents[2] / "docs/exit.py"
WAYS = {"to NEAR": TO_NEAR, "to BASE": TO_BASE}


@dataclass(frozen=True)
class Left:
    """A swap with both locks final, whose service is gone: its kit's file and its secret's."""

    devnet: Devnet
    kit: Path
    secret: Path

    def exit(self, leg: str, call: str) -> None:
        """Run the script as a maker does, who has nothing but the kit, a wallet and a node."""
        chain = self.leg(leg)["chain"]
        env = self.devnet.environment
        wallet = {
            "base": {"WALLET_KEY": env["MAKER_BASE_KEY"]},
            "near": {
                "WALLET_KEY": env["MAKER_NEAR_KEY"],
                "WALLET_ACCOUNT": env["MAKER_NEAR_ACCOUNT"],
            },
        }[chain]
        url = env[f"{chain.upper()}_RPC_URL"]
        command = [sys.executable, str(SCRIPT), str(self.kit), leg, call, url]
        command += ["--secret", str(self.secret)]
        done = subprocess.run(
            command,
            cwd=self.kit.parent,
            env={"PATH": os.environ["PATH"], **wallet},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        self.devnet.wait_blocks(3)

    def leg(self, role: str) -> dict[str, Any]:
        legs = json.loads(self.kit.read_text())["legs"]
        return next(dict(leg) for leg in legs if leg["role"] == role)

    def state(self, role: str) -> tuple[LockState, bool]:
        """How the lock stands on its chain, and whether it is paid."""
        leg = self.leg(role)
        hashlock = json.loads(self.kit.read_text())["hashlock"]
        lock_by, timelock = (
            Seconds(int(datetime.fromisoformat(leg[name]).timestamp()))
            for name in ("lockBy", "timelock")
        )
        parties = leg["depositor"], leg["beneficiary"], leg["token"]
        bound = LockTerms(
            leg["chain"], leg["contract"], *parties, int(leg["amount"]),
            bytes.fromhex(hashlock[2:]), lock_by, timelock,
        )  # fmt: skip
        with use_environment(ChainsEnvironment.of(self.devnet.environment)):
            adapter = get_adapter(leg["chain"])
            reading = adapter.read_lock(bound, adapter.head())
        return reading.state, reading.is_paid


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[tuple[str, str], Left]]:
    """Two swaps each way in mode `maker`, left alone when both their locks were final."""
    folder = tmp_path_factory.mktemp("exit")
    with running_service() as (devnet, service):
        with closing(Maker(devnet, service)) as maker:
            begun = {
                (way, end): begin(maker, WAYS[way], devnet, folder / f"{way} {end}")
                for way in WAYS
                for end in ("withdraw", "refund")
            }
            for session in begun:
                wait_for_both_locks(maker, begun[session][0])
        service.stop()
        yield {key: each for key, (_, each) in begun.items()}


def begin(maker: Maker, way: Way, devnet: Devnet, folder: Path) -> tuple[str, Left]:
    folder.mkdir()
    secret = os.urandom(32)
    (folder / "secret.txt").write_text(secret.hex())
    session = maker.create(way, hashlock="0x" + hashlib.sha256(secret).hexdigest())
    maker.lock_source(session, way)
    (folder / "kit.json").write_text(json.dumps(maker.exit_kit(session)))
    return session, Left(devnet, folder / "kit.json", folder / "secret.txt")


def wait_for_both_locks(maker: Maker, session: str) -> None:
    while (status := maker.look_at(session)["status"]) != "both_locked":
        assert status in ("source_locking", "source_locked", "destination_locking"), status
        time.sleep(0.1)


@pytest.mark.parametrize("way", WAYS)
def test_a_maker_withdraws_the_destination_with_the_own_secret(
    left: dict[tuple[str, str], Left], way: str
) -> None:
    swap = left[way, "withdraw"]
    assert swap.state("destination") == (LockState.OPEN, False)
    swap.exit("destination", "withdraw")
    assert swap.state("destination") == (LockState.WITHDRAWN, True)


@pytest.mark.parametrize("way", WAYS)
def test_a_maker_takes_the_source_back_from_its_timelock_on(
    left: dict[tuple[str, str], Left], way: str
) -> None:
    swap = left[way, "refund"]
    timelock = datetime.fromisoformat(swap.leg("source")["timelock"]).timestamp()
    if (missing := int(timelock - time.time())) > 0:
        swap.devnet.mine(seconds=missing)
    assert swap.state("source") == (LockState.OPEN, False)
    swap.exit("source", "refund")
    assert swap.state("source") == (LockState.REFUNDED, True)
