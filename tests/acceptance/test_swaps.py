"""Swaps through real processes on real chains, as a frontend and a wallet do them."""

import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from devnet.api import Api
from devnet.demo import SETTINGS, Demo
from devnet.network import BlockTimes, Devnet
from devnet.service import Service
from devnet.wallets import BaseWallet

TO_NEAR = ("base:ETH->near:NEAR", 10**17)


@pytest.fixture(scope="module")
def devnet() -> Iterator[Devnet]:
    with Devnet(BlockTimes(base=1.0, near=0.3)) as running:
        yield running


@pytest.fixture(scope="module")
def service(devnet: Devnet) -> Iterator[Service]:
    with tempfile.TemporaryDirectory() as folder:
        running = Service(Path(folder), devnet.environment | SETTINGS)
        yield running
        running.stop()


def test_the_demo_swaps_both_ways_and_explains_every_balance(
    devnet: Devnet, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(Demo(devnet, service)) as demo:
        assert demo.run() is True
    printed = capsys.readouterr().out
    assert "swaps completed: 2 of 2" in printed
    assert "balances explained: 6 of 6" in printed


@pytest.mark.parametrize("moment", ["source_locking", "destination_locking", "revealing_secret"])
def test_rule_14_a_worker_killed_in_a_swap_and_started_again_finishes_it(
    devnet: Devnet, service: Service, moment: str
) -> None:
    key = service.manage("create_api_client", moment, "--scopes", "read", "write").strip()
    env = devnet.environment
    with (
        closing(Api(service.url, key)) as api,
        closing(BaseWallet(env["BASE_RPC_URL"], env["MAKER_BASE_KEY"])) as wallet,
    ):
        statuses, ended = swap(api, wallet, env["MAKER_NEAR_ACCOUNT"], service, moment)
    assert moment in statuses
    assert statuses[-1] == "completed"
    assert [leg["state"]["final"] for leg in ended["legs"]] == ["withdrawn", "withdrawn"]


def swap(
    api: Api, wallet: BaseWallet, receiver: str, service: Service, moment: str
) -> tuple[list[str], dict[str, Any]]:
    """A swap whose worker is killed at `moment`: its statuses in order, and its end."""
    quote = api.post("/quote", routeId=TO_NEAR[0], amount=str(TO_NEAR[1]))
    session = api.post(
        "/sessions",
        quoteId=quote["quoteId"],
        makerSourceAccount=wallet.address,
        makerDestinationAccount=receiver,
    )
    path = f"/sessions/{session['sessionId']}"
    api.post(f"{path}/execute")
    seen = []
    for update in api.follow(session):
        seen.append(update["status"])
        if update["status"] == moment:
            kill_worker(service)
        if update["status"] == "source_locking":
            for transaction in api.get(path)["walletTransactions"]:
                wallet.send(transaction)
    return seen, api.get(path)


def kill_worker(service: Service) -> None:
    """`kill -9` the worker with all its children, and start another."""
    worker = service.processes["worker"].process
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()
    service.start("worker")
