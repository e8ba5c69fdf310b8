"""A maker: a thread with wallets, a client of the API, and a way to behave."""

import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from http.client import HTTPException
from typing import Any, Final

from devnet.api import ApiError
from devnet.drill.funding import Accounts
from devnet.drill.patience import PATIENCE, PatientApi
from devnet.drill.schedule import Behaviour, Swap
from devnet.jsonrpc import JsonRpcError
from devnet.wallets import BaseWallet, NearWallet

B = Behaviour
TRIES: Final = 12
PAUSE: Final = 1.0
LAST_MOMENT: Final = 35  # seconds before the destination's timelock: our guard reveals no more
CALM: Final = (OSError, HTTPException, JsonRpcError)  # a node that is away, or will not take it


class Maker:
    """One swap of one maker. `session` is its id; `secret` is known here in both modes."""

    def __init__(
        self, swap: Swap, accounts: Accounts, api: PatientApi, nodes: Mapping[str, str]
    ) -> None:
        self.swap, self.accounts, self.api = swap, accounts, api
        self.session: str | None = None
        self.secret: bytes | None = None
        self.shown: dict[str, Any] = {}  # the session as it was last seen
        self.error: Exception | None = None
        self._base = BaseWallet(nodes["base"], accounts.base_key)
        near = NearWallet(nodes["near"], accounts.near, accounts.near_key)
        self._wallets: dict[str, BaseWallet | NearWallet] = {"base": self._base, "near": near}
        self._thread = threading.Thread(target=self._run, name=f"maker-{swap.number}", daemon=True)
        self._done = set[str]()
        self._chain_time: Callable[[str], int] = lambda _: 0

    def start(self, chain_time: Callable[[str], int]) -> None:
        """Begin; `chain_time` is the time of a chain's head."""
        self._chain_time = chain_time
        self._thread.start()

    @property
    def is_done(self) -> bool:
        """Whether this maker has seen an end, or can't go on."""
        return not self._thread.is_alive()

    def close(self) -> None:
        """Close all connections."""
        for one in (self.api, *self._wallets.values()):
            one.close()

    def _run(self) -> None:
        try:
            self._swap()
        except Exception as error:
            self.error = error

    def _swap(self) -> None:
        session = self._begin()
        for update in self.api.follow_through(session):
            self._react(update["status"])

    def _begin(self) -> dict[str, Any]:
        """A session that is executed, or called off before; another one when its quote ran out."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                session = self._create()
                self._after_creation(session)
            except ApiError as error:
                if error.code not in ("quote_expired", "session_ended", "cap_reached"):
                    raise
                if time.monotonic() > until:
                    raise
                time.sleep(PAUSE)
            else:
                return session

    def _create(self) -> dict[str, Any]:
        swap = self.swap
        own: dict[str, str] = {}
        if swap.owns_secret:
            self.secret = secrets.token_bytes(32)
            own = {
                "secretMode": "maker",
                "hashlock": "0x" + hashlib.sha256(self.secret).hexdigest(),
            }
        quote = self.api.post(
            "/quote", routeId=swap.route, amount=str(swap.amount), lockMode=swap.lock_mode
        )
        session: dict[str, Any] = self.api.post(
            "/sessions",
            quoteId=quote["quoteId"],
            makerSourceAccount=self._account(swap.source),
            makerDestinationAccount=self._account(swap.destination),
            **own,
        )
        self.session, self.shown = str(session["sessionId"]), session
        return session

    def _after_creation(self, session: dict[str, Any]) -> None:
        if self.swap.behaviour is B.CANCELS:
            self._cancel()
        elif self.swap.lock_mode == "gasless":
            self._sign_order(session)
        else:
            self.api.post(f"{self._path}/execute")

    def _sign_order(self, session: dict[str, Any]) -> None:
        source, deadline = session["legs"][0], int(time.time()) + 3600
        permit = self._base.sign_permit(
            source["token"], source["contract"], self.swap.amount, deadline
        )
        self.api.post(
            f"{self._path}/execute",
            signature=self._base.sign_typed_data(session["order"]),
            permit={
                "value": str(self.swap.amount),
                "deadline": str(deadline),
                "signature": permit,
            },
        )

    def _account(self, coin: str) -> str:
        return self.accounts.base if coin.startswith("base:") else self.accounts.near

    @property
    def _path(self) -> str:
        return f"/sessions/{self.session}"

    def _look(self) -> dict[str, Any]:
        self.shown = self.api.get(self._path)
        return self.shown

    # what a maker does as the session moves

    def _react(self, status: str) -> None:
        match status:
            case "source_locking" if "lock" not in self._done:
                self._done.add("lock")
                self._lock_source()
            case "source_locked" | "destination_locking":
                if self.swap.behaviour is B.POSTS_WRONG and self.secret is not None:
                    self._post_wrong()
                    self._takes(self.secret)  # too early, unless both locks have just become final
            case "both_locked" if self.secret is not None and "secret" not in self._done:
                self._done.add("secret")
                self._use_secret(self.secret)

    def _lock_source(self) -> None:
        behaviour = self.swap.behaviour
        if behaviour is B.NEVER_LOCKS:
            return
        if self.swap.lock_mode == "wallet":
            if behaviour is B.LOCKS_LATE:
                accept_by = seconds_of(self._look()["acceptBy"])
                self._wait_for(self.swap.source[:4], accept_by + 1)
            self._send_wallet_transactions()
        if behaviour is B.CANCELS_LOCKED:
            self._cancel()

    def _send_wallet_transactions(self) -> None:
        """Each when the one before it has taken effect; again when it got lost."""
        for _ in range(TRIES):
            waiting = self._look()["walletTransactions"]
            if not waiting or self.shown["status"] != "source_locking":
                return
            with suppress(*CALM):
                self._wallets[self.swap.source[:4]].send(waiting[0])
            self._wait_while(waiting)

    def _wait_while(self, waiting: list[Any]) -> None:
        for _ in range(TRIES):
            time.sleep(PAUSE)
            if self._look()["walletTransactions"] != waiting:
                return

    def _use_secret(self, secret: bytes) -> None:
        behaviour = self.swap.behaviour
        if not self.swap.owns_secret or behaviour is B.KEEPS_SECRET:
            return
        if behaviour is B.POSTS_WRONG:
            self._post_wrong()
        if behaviour in (B.WITHDRAWS, B.WITHDRAWS_LATE):
            if behaviour is B.WITHDRAWS_LATE:
                self._wait_for(self.swap.destination[:4], self.last_moment())
            self._withdraw(secret)
        else:
            self._post(secret)

    def last_moment(self) -> int:
        """Of the destination's chain, when its withdrawal is still taken and no secret from us."""
        legs = self.api.get(self._path)["legs"]
        (timelock,) = [leg["timelock"] for leg in legs if leg["role"] == "destination"]
        return seconds_of(timelock) - LAST_MOMENT

    def _post(self, secret: bytes) -> None:
        """Until it is taken, or the swap has turned back."""
        while not self._takes(secret):
            if self._look()["status"] not in ("destination_locking", "both_locked"):
                return
            time.sleep(PAUSE)

    def _takes(self, secret: bytes) -> bool:
        """Whether the service takes it now."""
        try:
            self.api.post(f"{self._path}/secret", secret="0x" + secret.hex())
        except ApiError as error:
            if error.code != "secret_not_taken":
                raise
            return False
        return True

    def _post_wrong(self) -> None:
        """A secret that fits another hashlock."""
        try:
            self.api.post(f"{self._path}/secret", secret="0x" + secrets.token_hex(32))
        except ApiError as error:
            if error.code not in ("invalid_secret", "secret_not_taken"):
                raise
        else:
            raise RuntimeError(f"{self.session} took a wrong secret")

    def _withdraw(self, secret: bytes) -> None:
        """On chain, until the service has seen it there."""
        for _ in range(TRIES):
            with suppress(*CALM):
                self.exit("destination", "withdraw", secret)
            for _ in range(4):
                time.sleep(PAUSE)
                if self._look()["legs"][1]["state"]["head"] == "withdrawn":
                    return

    def exit(self, role: str, call: str, secret: bytes = b"") -> None:
        """Send what the exit kit has for it, by the maker's own wallet."""
        (leg,) = [each for each in self.kit["legs"] if each["role"] == role]
        (found,) = [each["transaction"] for each in leg["exits"] if each["call"] == call]
        transaction = json.loads(json.dumps(found).replace("{secret}", secret.hex()))
        self._wallets[leg["chain"]].send(transaction)

    @property
    def kit(self) -> dict[str, Any]:
        """The session's exit kit."""
        kit: dict[str, Any] = self.api.get(f"{self._path}/exit-kit")
        return kit

    def _cancel(self) -> None:
        try:
            self.api.post(f"{self._path}/cancel")
        except ApiError as error:
            if error.code != "not_cancellable":  # the service's lock may be on its way
                raise

    def _wait_for(self, chain: str, at: int) -> None:
        while self._chain_time(chain) < at:
            time.sleep(PAUSE / 2)


def seconds_of(instant: str) -> int:
    """Of a time on the wire."""
    return int(datetime.fromisoformat(instant).timestamp())
