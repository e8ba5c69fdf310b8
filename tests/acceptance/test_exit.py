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

from chains_app.adapters.evm_signing import evm_key
from chains_app.adapters.near_signing import near_key
from chains_app.config import ChainsEnvironment
from chains_app.locks import LockState, LockTerms
from chains_app.registry import get_adapter, use_environment
from devnet.demo import running_service
from devnet.network import Devnet
from orchestrator.kernel.clock import Seconds
from sessions_app.api.examples import EXIT_KIT
from tests.acceptance.maker import PATIENT, TO_BASE, TO_NEAR, Maker, Way

SCRIPT = Path(__file__).resolve().parents[2] / "docs/exit.py"
WAYS = {"to NEAR": TO_NEAR, "to BASE": TO_BASE}


@dataclass(frozen=True)
class Left:
    """A swap with both locks final, whose service is gone: its kit's file and its secret's."""

    devnet: Devnet
    kit: Path
    secret: Path

    def exit(self, leg: str, call: str) -> None:
        """The script makes the call."""
        done = self.run(leg, call)
        assert done.returncode == 0, done.stderr
        self.devnet.wait_blocks(3)

    def refusal(self, leg: str, call: str) -> str:
        """Why the script does not make it; nothing of the maker's was sent."""
        before = self.nonces()
        done = self.run(leg, call)
        self.devnet.wait_blocks(3)
        assert (done.returncode, done.stdout) == (1, "")
        assert self.nonces() == before
        return done.stderr

    def nonces(self) -> list[int]:
        """Of the maker's keys."""
        env = self.devnet.environment
        keys = {
            "base": evm_key(env["MAKER_BASE_KEY"]),
            "near": near_key(env["MAKER_NEAR_ACCOUNT"], env["MAKER_NEAR_KEY"]),
        }
        with use_environment(ChainsEnvironment.of(env)):
            return [get_adapter(name).key_state(key).head_nonce for name, key in keys.items()]

    def run(self, leg: str, call: str) -> subprocess.CompletedProcess[str]:
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
        return subprocess.run(
            command,
            cwd=self.kit.parent,
            env={"PATH": os.environ["PATH"], **wallet},
            capture_output=True,
            text=True,
            check=False,
        )

    def leg(self, role: str) -> dict[str, Any]:
        legs = json.loads(self.kit.read_text())["legs"]
        return next(dict(leg) for leg in legs if leg["role"] == role)

    def pass_time_to(self, instant: str) -> None:
        """Both chains' clocks show it."""
        with use_environment(ChainsEnvironment.of(self.devnet.environment)):
            now = min(get_adapter(name).head().time for name in ("base", "near"))
        if (missing := int(datetime.fromisoformat(instant).timestamp()) - now) > 0:
            self.devnet.mine(seconds=missing)

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


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[tuple[str, str], Left]]:
    """Two swaps each way in mode `maker`, left alone when both their locks were final."""
    folder = tmp_path_factory.mktemp("exit")
    with running_service(PATIENT) as (devnet, service):
        with closing(Maker(devnet, service)) as maker:
            begun = {
                (way, end): begin(maker, WAYS[way], devnet, folder / f"{way} {end}")
                for end in ("refund", "withdraw")  # whose time is short comes last
                for way in WAYS
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
def test_a_withdrawal_that_finds_no_open_lock_does_not_show_the_secret(
    left: dict[tuple[str, str], Left], way: str
) -> None:
    """After the withdrawal above, so that it is asked again."""
    assert "the lock does not stand open" in left[way, "withdraw"].refusal(
        "destination", "withdraw"
    )


@pytest.mark.parametrize("way", WAYS)
def test_a_withdrawal_that_may_come_too_late_does_not_show_the_secret(
    left: dict[tuple[str, str], Left], way: str
) -> None:
    swap = left[way, "refund"]
    (withdrawal,) = [
        each for each in swap.leg("destination")["exits"] if each["call"] == "withdraw"
    ]
    assert withdrawal["sendBy"] < withdrawal["before"] == swap.leg("destination")["timelock"]
    swap.pass_time_to(withdrawal["sendBy"])
    assert f"{withdrawal['sendBy']} is past" in swap.refusal("destination", "withdraw")
    assert swap.state("destination") == (LockState.OPEN, False)


@pytest.mark.parametrize("way", WAYS)
def test_a_maker_takes_the_source_back_from_its_timelock_on(
    left: dict[tuple[str, str], Left], way: str
) -> None:
    swap = left[way, "refund"]
    swap.pass_time_to(swap.leg("source")["timelock"])
    assert swap.state("source") == (LockState.OPEN, False)
    swap.exit("source", "refund")
    assert swap.state("source") == (LockState.REFUNDED, True)
