"""Swaps that makers leave by the exit kit, without the service."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from chains_app.adapters.evm_signing import evm_key
from chains_app.adapters.near_signing import near_key
from chains_app.config import ChainsEnvironment
from chains_app.locks import LockState, LockTerms
from chains_app.registry import get_adapter, use_environment
from devnet.network import Devnet
from orchestrator.kernel.clock import Seconds

SCRIPT = Path(__file__).resolve().parents[2] / "docs/exit.py"


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
