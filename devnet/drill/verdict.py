"""What became of the swaps, from both chains themselves and to the last unit."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, LiteralString

import psycopg

from devnet.drill.funding import Accounts
from devnet.drill.makers import Maker
from devnet.evm import call_data
from devnet.ledger import CANCELLED, CREATED, WITHDRAWN, Holding, Parts, base_changes, near_changes
from devnet.network import Devnet

ENDED: Final = ("completed", "refunded", "cancelled", "failed")
RETURNED: Final = (set[str](), {"refunded"}, {"absent"}, {"refunded", "absent"})
STORAGE: Final = 10**22  # yocto: more than a lock's storage and a receiver's registration cost
Balances = dict[tuple[str, Holding], int]

SESSIONS: LiteralString = "SELECT id::text, status, attention FROM sessions_app_session"
MOVES: LiteralString = """
    SELECT session_id::text, after, reason FROM sessions_app_transition ORDER BY session_id, seq
"""
CURSORS: LiteralString = "SELECT chain, time FROM chains_app_chaincursor"
OPEN_WORK: LiteralString = """
    SELECT (SELECT count(*) FROM chains_app_intent WHERE status IN ('planned', 'active'))
         + (SELECT count(*) FROM chains_app_attempt
            WHERE status IN ('signed', 'left', 'sent', 'included'))
"""


def ask(devnet: Devnet, query: LiteralString) -> list[tuple[Any, ...]]:
    """Rows of the service's database."""
    with psycopg.connect(devnet.postgres.url) as connection:
        return connection.execute(query).fetchall()


@dataclass(frozen=True)
class Lock:
    """A leg, and how its lock stands on its chain."""

    chain: str
    token: str | None
    amount: int
    end: str


class Books:
    """All balances that a drill explains, from the moment it is made."""

    def __init__(self, devnet: Devnet, accounts: Sequence[Accounts], ours: Mapping[str, list[str]],
                 usdc: Mapping[str, str]) -> None:  # fmt: skip
        self._devnet, self._ours, self._usdc = devnet, ours, usdc
        self._holdings: dict[str, list[Holding]] = {
            chain: [
                (account, token)
                for account in (*(getattr(each, chain) for each in accounts), *ours[chain])
                for token in (None, usdc[chain])
            ]
            for chain in ("base", "near")
        }
        self._heights, self._before = devnet.heights(), self._balances()

    def errors(self) -> list[str]:
        """Each balance that the blocks since then do not explain."""
        after, parts = self._balances(), self.parts()
        return [
            f"{chain} {account} {token or 'native'}: changed by {after[chain, holding] - before}, "
            f"explained {sum(parts[holding].values())}"
            for (chain, holding), before in self._before.items()
            for account, token in [holding]
            if sum(parts[holding].values()) != after[chain, holding] - before
        ]

    def parts(self) -> Parts:
        """What changed each, by reason."""
        base = base_changes(self._devnet.anvil.rpc, self._holdings["base"], self._heights[0])
        near = near_changes(self._devnet.near.client.rpc, self._holdings["near"], self._heights[1])
        return base | near

    @property
    def first_block(self) -> int:
        """Of BASE: what was made later belongs to the drill."""
        return self._heights[0] + 1

    def _balances(self) -> Balances:
        return {
            (chain, holding): self._balance(chain, *holding)
            for chain, holdings in self._holdings.items()
            for holding in holdings
        }

    def _balance(self, chain: str, account: str, token: str | None) -> int:
        near, rpc = self._devnet.near.client, self._devnet.anvil.rpc
        if chain == "near" and token is None:
            return near.balance(account)
        if chain == "near":
            return int(near.view(str(token), "ft_balance_of", {"account_id": account}))
        if token is None:
            return int(rpc.call("eth_getBalance", account, "latest"), 16)
        data = call_data("balanceOf(address)", account)
        return int(rpc.call("eth_call", {"to": token, "data": data}, "latest"), 16)


def read_locks(
    devnet: Devnet, first_block: int, sessions: Iterable[Mapping[str, Any]]
) -> dict[str, list[Lock]]:
    """Each session's locks, source first, as the chains show them; none before a fill."""
    on_base = _ends_on_base(devnet, first_block)
    return {
        session["sessionId"]: [
            Lock(
                leg["chain"],
                leg["token"],
                int(leg["amount"]),
                on_base[leg["lockId"].lower()]
                if leg["chain"] == "base"
                else _end_on_near(devnet, leg["contract"], leg["lockId"]),
            )
            for leg in session["legs"]
            if leg["lockId"]
        ]
        for session in sessions
    }


def _ends_on_base(devnet: Devnet, first_block: int) -> Mapping[str, str]:
    """Escrow (lower case) to how it stands, by the events of all blocks since."""
    ends: dict[str, str] = defaultdict(lambda: "absent")
    for log in devnet.anvil.rpc.call("eth_getLogs", {"fromBlock": hex(first_block)}):
        event, is_paid = log["topics"][0], int(log["data"][-64:] or "0", 16) == 1
        if event in CREATED:
            ends["0x" + log["topics"][1][-40:]] = "open"
        elif event == WITHDRAWN:
            ends[log["address"].lower()] = "withdrawn" if is_paid else "owed"
        elif event == CANCELLED:
            ends[log["address"].lower()] = "refunded" if is_paid else "owed"
    return ends


def _end_on_near(devnet: Devnet, contract: str, lock: str) -> str:
    record = devnet.near.client.view(contract, "get_lock", {"id": lock})
    state = "absent" if record is None else str(record["state"])
    return {"prepared": "absent"}.get(state, "owed" if state.startswith("owed") else state)


def is_atomic(locks: Sequence[Lock]) -> bool:
    """Rule 1: both paid, both given back, or never locked. An order that was never filled has one
    leg, which nobody but its maker may have.
    """
    ends = {lock.end for lock in locks}
    return ends in RETURNED or (ends == {"withdrawn"} and len(locks) == 2)


def is_stuck(status: str, attention: str, locks: Sequence[Lock]) -> bool:
    """Not at an end, or money still in an escrow, or somebody has to look at it."""
    left = any(lock.end in ("open", "owed") for lock in locks)
    return status not in ENDED or left or attention not in ("", "lost_race")


def misplaced(maker: Maker, locks: Sequence[Lock], parts: Parts) -> str | None:
    """How a maker's coins moved otherwise than the locks say; None when they did not."""
    for role, lock in zip(("source", "destination"), locks, strict=False):
        account = getattr(maker.accounts, lock.chain)
        moved = parts[account, lock.token]
        change = moved["locked"] + moved["received"]
        if moved_wrongly(role, lock, change):
            return f"{account}: {change} of {lock.token or 'native'}, and its {role} is {lock.end}"
    return None


def moved_wrongly(role: str, lock: Lock, change: int) -> bool:
    """Whether a maker's coins changed otherwise than by the amount of a leg that was paid, or not
    at all; on NEAR whoever makes a lock pays for its storage as well.
    """
    paid = lock.amount if lock.end == "withdrawn" else 0
    if role == "destination":
        return change != paid
    stored = lock.chain == "near" and lock.token is None and lock.end != "absent"
    return not -paid - (STORAGE if stored else 0) <= change <= -paid


def misplaced_by_us(
    ours: Mapping[str, list[str]], locks: Iterable[Sequence[Lock]], parts: Parts
) -> list[str]:
    """Coins of ours that moved otherwise than all locks together say, beside gas and storage."""
    wanted, most_storage = Counter[tuple[str, str | None]](), 0
    for legs in locks:
        for sign, lock in zip((1, -1), legs, strict=False):
            wanted[lock.chain, lock.token] += sign * (lock.amount if lock.end == "withdrawn" else 0)
            most_storage += STORAGE if lock.chain == "near" else 0
    moved = Counter[tuple[str, str | None]]()
    for chain, accounts in ours.items():
        for account, token in parts:
            if account in accounts:
                moved[chain, token] += (
                    parts[account, token]["locked"] + parts[account, token]["received"]
                )
    return [
        f"ours on {chain}: {moved[chain, token]} of {token or 'native'} instead of {change}"
        for (chain, token), change in wanted.items()
        if not change - (most_storage if (chain, token) == ("near", None) else 0)
        <= moved[chain, token]
        <= change
    ]
