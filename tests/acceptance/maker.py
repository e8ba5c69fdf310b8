"""The demo's maker, who begins several swaps before he follows one."""

import time
from typing import Any, Final

from devnet.demo import SETTINGS, Demo

# No deadline comes while a slow machine begins many swaps, or many workers die.
PATIENT: Final = SETTINGS | {"DURATIONS": '{"time_to_lock": 120, "claim_window": 900}'}
Way = tuple[str, int]  # a route, and base units of the source's coin
TO_NEAR: Way = ("base:ETH->near:NEAR", 10**17)
TO_BASE: Way = ("near:NEAR->base:ETH", 20 * 10**24)


class Maker(Demo):
    """Creates sessions and locks their sources; his wallets and accounts are the demo's."""

    def create(self, way: Way, *, hashlock: str | None = None) -> str:
        """A session's id; with a hashlock, one in mode `maker`."""
        return str(self._create(*way, **secret_of(hashlock))["sessionId"])

    def create_gasless(self, way: Way, *, hashlock: str | None = None) -> str:
        """The same, whose order the maker has signed, with a permit for this amount."""
        session = self._create(*way, lock_mode="gasless", **secret_of(hashlock))
        self._sign_order(session, way[1])
        return str(session["sessionId"])

    def post_secret(self, session: str, secret: bytes) -> None:
        """The maker's own."""
        self._api.post(f"/sessions/{session}/secret", secret="0x" + secret.hex())

    def lock_source(self, session: str, way: Way) -> None:
        """Execute it and send what the wallet is asked for, as soon as it is."""
        self._api.post(f"/sessions/{session}/execute")
        while not (transactions := self.look_at(session)["walletTransactions"]):
            assert self.look_at(session)["status"] in ("executing", "source_locking")
            time.sleep(0.1)
        self._wallets[way[0].split(":")[0]].send_in_order(transactions)

    def look_at(self, session: str) -> dict[str, Any]:
        """The session as the API shows it now."""
        shown: dict[str, Any] = self._api.get(f"/sessions/{session}")
        return shown

    def exit_kit(self, session: str) -> dict[str, Any]:
        """What gets the money out without the service."""
        kit: dict[str, Any] = self._api.get(f"/sessions/{session}/exit-kit")
        return kit


def secret_of(hashlock: str | None) -> dict[str, Any]:
    """The fields of a session that say whose secret it is."""
    return {} if hashlock is None else {"secretMode": "maker", "hashlock": hashlock}
