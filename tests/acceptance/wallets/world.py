"""The API over a devnet, and makers whose wallets are libraries of others, run by node."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from eth_utils import to_checksum_address
from rest_framework.test import APIClient

from auctions_app.config import AuctionConfiguration, RouteConfiguration
from auctions_app.market import build_market, configured_chains, use_market
from chains_app.adapters.evm_accounts import Account
from chains_app.config import ChainsEnvironment, PolicyName
from chains_app.locks import Call, LockReading, LockTerms
from chains_app.poller import poll_all
from chains_app.registry import get_adapter, signing_keys, use_environment
from chains_app.signers import SignerRole
from devnet.evm import Sender, call_data, constructor_data
from devnet.network import Devnet
from sessions_app.models import Role, Session
from tests.integration.doors.calls import V1, get, post

FOLDER: Final = Path(__file__).parent
SECONDS: Final = 120
# 250 dollars of each coin
AMOUNTS: Final = {
    "base:ETH": 10**17,
    "base:USDC": 250 * 10**6,
    "base:USDT": 250 * 10**6,
    "near:NEAR": 100 * 10**24,
    "near:USDC": 250 * 10**6,
}
PRICES: Final = {
    "base:ETH": "2500",
    "base:USDC": "1",
    "base:USDT": "1",
    "near:NEAR": "2.5",
    "near:USDC": "1",
}
OTHER_SIDE: Final = {"base": "near:NEAR", "near": "base:ETH"}


@dataclass(frozen=True)
class Swap:
    """A session that is filled, as its client knows it."""

    session_id: str
    path: str
    executed: bytes  # what `POST .../execute` answered

    def terms(self, role: Role) -> LockTerms:
        """Of one of its locks."""
        return Session.objects.get(pk=self.session_id).legs.get(role=role).lock_terms


class Wallets:
    """A maker with an account on each chain, and the API's client."""

    def __init__(self, devnet: Devnet, api: APIClient) -> None:
        self.devnet, self.api, env = devnet, api, devnet.environment
        self.account = {
            "base": Account.from_key(env["MAKER_BASE_KEY"]).address,
            "near": env["MAKER_NEAR_ACCOUNT"],
        }
        poll_all()

    def swap(self, coin: str, hashlock: str | None = None) -> Swap:
        """Of 250 dollars in that coin to the other chain's native one; with a hashlock, the
        maker's own.
        """
        own = {} if hashlock is None else {"secretMode": "maker", "hashlock": hashlock}
        session_id = json.loads(self.create(coin, "wallet", **own))["sessionId"]
        path = f"/sessions/{session_id}"
        answer = self.api.post(f"{V1}{path}/execute")
        assert answer.json()["status"] == "source_locking", answer.json()
        return Swap(session_id, path, answer.content)

    def create(self, coin: str, lock_mode: str, **own: str) -> bytes:
        """What `POST /sessions` answers."""
        chain, other = coin[:4], OTHER_SIDE[coin[:4]]
        asked = {"routeId": f"{coin}->{other}", "amount": str(AMOUNTS[coin]), "lockMode": lock_mode}
        fields = {
            "quoteId": post(self.api, "/quote", asked, 201)["quoteId"],
            "makerSourceAccount": self.account[chain].lower(),  # as `eth_requestAccounts` gives it
            "makerDestinationAccount": self.account[other[:4]].lower(),
            **own,
        }
        answer = self.api.post(f"{V1}/sessions", fields, format="json")
        assert answer.status_code == 201, answer.content
        return bytes(answer.content)

    def read(self, swap: Swap) -> bytes:
        """The session as `GET` answers it now."""
        assert get(self.api, swap.path)["status"] == "source_locking"
        return bytes(self.api.get(V1 + swap.path).content)

    def exit_kit(self, swap: Swap) -> bytes:
        get(self.api, f"{swap.path}/exit-kit")
        return bytes(self.api.get(f"{V1}{swap.path}/exit-kit").content)

    def send(self, library: str, answer: bytes, *exit_: str, secret: str = "") -> list[str]:
        """The library sends what the answer asks for, or an exit of a kit; the hashes."""
        return list(self._run(library, answer, *exit_, secret=secret))

    def sign_order(self, library: str, answer: bytes) -> str:
        """The library signs a session's order."""
        return str(self._run(f"{library}_order", answer))

    def _run(self, library: str, answer: bytes, *exit_: str, secret: str = "") -> Any:
        done = subprocess.run(
            ["node", FOLDER / f"{library}.mjs", *exit_],  # noqa: S607
            input=answer,
            env={"PATH": os.environ["PATH"], "SECRET": secret, **self._wallet(library)},
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
        assert (done.returncode, done.stderr.decode()) == (0, "")
        return json.loads(done.stdout)

    def _wallet(self, library: str) -> Mapping[str, str]:
        env = self.devnet.environment
        if library == "near":
            return {
                "RPC_URL": env["NEAR_RPC_URL"],
                "WALLET_KEY": env["MAKER_NEAR_KEY"],
                "WALLET_ACCOUNT": env["MAKER_NEAR_ACCOUNT"],
            }
        return {"RPC_URL": env["BASE_RPC_URL"], "WALLET_KEY": env["MAKER_BASE_KEY"]}

    def allow(self, token: str, amount: int) -> None:
        """The maker lets the factory take so much of a token, as an older lock may have left it."""
        factory = self.devnet.environment["BASE_ESCROW_FACTORY"]
        for value in (0, amount):
            _write(self.devnet, token, call_data("approve(address,uint256)", factory, value))

    def lock_by_us(self, terms: LockTerms) -> None:
        """Our lock account makes a native lock."""
        adapter, key = get_adapter(terms.chain), signing_keys(terms.chain, SignerRole.LOCK)[0]
        prepared = adapter.prepare(Call.LOCK, terms, key)
        signed = adapter.sign(Call.LOCK, terms, prepared, key, prepared.nonce_floor, None)
        adapter.broadcast(signed.raw)
        self.devnet.mine()


def read_lock(terms: LockTerms) -> LockReading:
    """At the head, each term of it proved."""
    adapter = get_adapter(terms.chain)
    return adapter.read_lock(terms, adapter.head())


@contextmanager
def wallet_devnet() -> Iterator[Devnet]:
    """A devnet whose service trades each coin of AMOUNTS for the other chain's native one.

    Blocks come on demand, and deadlines are those of mainnet: no slow machine misses one.
    """
    with Devnet() as devnet:
        env = devnet.environment
        tokens = [*json.loads(env["BASE_TOKENS"]), _tether(devnet)]
        env |= {
            "POLICY": "mainnet",
            "CHECK_STALE_HEADS": "false",
            "BASE_TOKENS": json.dumps(tokens),
        }
        with (
            use_environment(ChainsEnvironment.of(env)),
            use_market(build_market(_configuration(), configured_chains())),
        ):
            yield devnet


def _tether(devnet: Devnet) -> dict[str, Any]:
    """A token that behaves as USDT, some of it with the maker: how the registry declares it."""
    deployed = _write(devnet, None, constructor_data("TetherToken"))
    address = to_checksum_address(deployed["contractAddress"])
    maker = Account.from_key(devnet.environment["MAKER_BASE_KEY"])
    _write(devnet, address, call_data("mint(address,uint256)", maker.address, 10**12))
    behaviour = {"approve_zero_first": True, "no_return": True}
    return {"symbol": "USDT", "decimals": 6, "address": address, **behaviour}


def _write(devnet: Devnet, to: str | None, data: str) -> dict[str, Any]:
    """The receipt of a transaction of the maker's that no library sends."""
    sender = Sender(devnet.anvil, Account.from_key(devnet.environment["MAKER_BASE_KEY"]))
    sent = sender.send(to, data)
    devnet.anvil.mine()
    return sender.receipt(sent)


def _configuration() -> AuctionConfiguration:
    routes = [
        RouteConfiguration(
            source=coin, destination=OTHER_SIDE[coin[:4]], minimum=str(amount),
            service_maximum=str(amount), maximum=str(amount),
        )
        for coin, amount in AMOUNTS.items()
    ]  # fmt: skip
    return AuctionConfiguration(
        policy=PolicyName.MAINNET, prices=PRICES, routes=tuple(routes), resolver_profit_bps=0
    )
