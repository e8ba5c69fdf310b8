"""The demo's maker, who begins several swaps before he follows one."""

import time
from typing import Any

from devnet.demo import Demo

Way = tuple[str, str, int]  # source chain, destination chain, base units of the source's coin
TO_NEAR: Way = ("base", "near", 10**17)
TO_BASE: Way = ("near", "base", 20 * 10**24)


class Maker(Demo):
    """Creates sessions and locks their sources; his wallets and accounts are the demo's."""

    def create(self, way: Way, *, hashlock: str | None = None) -> str:
        """A session's id; with a hashlock, one in mode `maker`."""
        source, destination, amount = way
        route = self._route(source, destination)["routeId"]
        quote = self._api.post("/quote", routeId=route, amount=str(amount))
        session = self._api.post(
            "/sessions",
            quoteId=quote["quoteId"],
            makerSourceAccount=self._accounts[source],
            makerDestinationAccount=self._accounts[destination],
            **({} if hashlock is None else {"secretMode": "maker", "hashlock": hashlock}),
        )
        return str(session["sessionId"])

    def lock_source(self, session: str, way: Way) -> None:
        """Execute it and send what the wallet is asked for, as soon as it is."""
        self._api.post(f"/sessions/{session}/execute")
        while not (transactions := self.look_at(session)["walletTransactions"]):
            assert self.look_at(session)["status"] in ("executing", "source_locking")
            time.sleep(0.1)
        for transaction in transactions:
            self._wallets[way[0]].send(transaction)

    def look_at(self, session: str) -> dict[str, Any]:
        """The session as the API shows it now."""
        shown: dict[str, Any] = self._api.get(f"/sessions/{session}")
        return shown

    def exit_kit(self, session: str) -> dict[str, Any]:
        """What gets the money out without the service."""
        kit: dict[str, Any] = self._api.get(f"/sessions/{session}/exit-kit")
        return kit
