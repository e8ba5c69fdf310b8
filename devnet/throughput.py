"""How many swaps a second the service completes: both chains and all processes on this machine."""

import json
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, Final

from devnet.api import Api
from devnet.network import BlockTimes, Devnet
from devnet.service import Service
from devnet.wallets import BaseWallet

SWAPS: Final = 100  # as many as one connection to the feed follows
CLIENTS: Final = 8  # at a time
BLOCKS: Final = BlockTimes(base=0.25, near=0.25)
SETTINGS: Final = {
    "RESOLVER_PROFIT_BPS": "0",
    "CAPS": json.dumps({"client_sessions": 10_000, "maker_sessions": 10_000}),
    "CLIENT_REQUESTS_PER_MINUTE": "1000000",
    # no deadline comes while many swaps are in flight
    "DURATIONS": json.dumps({"time_to_lock": 600, "claim_window": 900}),
}
PATIENCE: Final = 300.0  # seconds between two updates


def swaps_per_second(swaps: int = SWAPS) -> float:
    """ETH for NEAR, all asked for at first: their number, over the seconds from the first lock of a
    maker until the last swap is completed. Raises RuntimeError when one is not.
    """
    with Devnet(BLOCKS) as devnet, tempfile.TemporaryDirectory() as folder:
        service = Service(Path(folder), devnet.environment | SETTINGS)
        try:
            with closing(Api(service.url, service.create_client("bench"))) as api:
                return swaps / _seconds(devnet, api, swaps)
        finally:
            service.stop()


def _seconds(devnet: Devnet, api: Api, swaps: int) -> float:
    env = devnet.environment
    with closing(BaseWallet(env["BASE_RPC_URL"], env["MAKER_BASE_KEY"])) as wallet:
        with ThreadPoolExecutor(CLIENTS) as pool:
            accounts = wallet.address, env["MAKER_NEAR_ACCOUNT"]
            begin = partial(api.execute, "base:ETH->near:NEAR", 10**16, *accounts)
            sessions = list(pool.map(lambda _: begin(), range(swaps)))
        began = time.perf_counter()
        for session in sessions:
            wallet.send_in_order(_wanted(api, session))
        ended = _follow(api, sessions)
    if ended != ["completed"] * swaps:
        raise RuntimeError(f"{ended.count('completed')} of {swaps} swaps were completed")
    return time.perf_counter() - began


def _wanted(api: Api, session: dict[str, Any]) -> list[dict[str, Any]]:
    """What the maker's wallet is asked to send, as soon as the auction is filled."""
    transactions: list[dict[str, Any]] = session["walletTransactions"]
    until = time.monotonic() + PATIENCE
    while not transactions and time.monotonic() < until:
        time.sleep(0.1)
        transactions = api.get(f"/sessions/{session['sessionId']}")["walletTransactions"]
    return transactions


def _follow(api: Api, sessions: list[dict[str, Any]]) -> list[str]:
    ended = {}
    for update in api.follow_all(sessions, PATIENCE):
        ended[update["sessionId"]] = update["status"]
    return list(ended.values())
