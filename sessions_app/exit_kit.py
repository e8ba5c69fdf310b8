"""The exit kit: all that a maker needs to get the money out of both contracts without us."""

from typing import Any, Final

from auctions_app.routes import SecretMode
from chains_app.adapters.interface import SECRET_PLACE
from chains_app.locks import Call, LockTerms
from chains_app.registry import get_adapter, get_chain
from orchestrator.kernel.errors import ConflictError
from sessions_app.models import Leg, Role, Session
from sessions_app.selectors import list_legs
from sessions_app.wall import iso

VERSION: Final = 1
SECRET_INSTRUCTIONS: Final = {
    SecretMode.SERVICE: (
        "The secret is ours. Without it the destination can't be withdrawn: if it was not paid by "
        "its timelock, refund the source from the source's timelock on."
    ),
    SecretMode.MAKER: (
        f"The secret is yours. Withdraw the destination before its timelock: put the 64 hex digits "
        f"of your secret in the place of {SECRET_PLACE}. If you never show it, refund the source "
        "from the source's timelock on."
    ),
}


class NothingLockedError(ConflictError):
    """No lock is fixed yet, so there is nothing to get out."""

    code = "nothing_to_exit"


def exit_kit(session: Session) -> dict[str, Any]:
    """Both legs: contracts, terms, deadlines, unsigned transactions; raises NothingLockedError.

    All of it follows from the session's snapshot: no chain is asked, and it stays true for ever.
    """
    legs = list_legs(session)
    if not legs:
        raise NothingLockedError(
            f"session {session.id} is {session.status}: its locks are fixed by the auction's fill, "
            "ask again then"
        )
    mode = SecretMode(session.secret_mode)
    return {
        "version": VERSION,
        "sessionId": str(session.id),
        "hashlock": "0x" + bytes(session.hashlock).hex(),
        "secretMode": mode.value,
        "instructions": SECRET_INSTRUCTIONS[mode],
        "legs": [
            _leg(legs[role][0], mode) for role in (Role.SOURCE, Role.DESTINATION) if role in legs
        ],
    }


def _leg(leg: Leg, mode: SecretMode) -> dict[str, Any]:
    terms = leg.lock_terms
    chain = get_chain(terms.chain)
    coin = chain.asset(terms.token)
    return {
        "role": leg.role,
        "chain": terms.chain,
        "caip2": chain.caip2,
        "hashFunction": chain.hash_function.value,
        "contract": terms.contract,
        "lockId": get_adapter(terms.chain).lock_id(terms),
        "symbol": coin.symbol,
        "token": terms.token,
        "decimals": coin.decimals,
        "amount": str(terms.amount),
        "depositor": terms.depositor,
        "beneficiary": terms.beneficiary,
        "lockBy": iso(terms.lock_by),
        "timelock": iso(terms.timelock),
        "exits": _exits(Role(leg.role), terms, mode),
    }


def _exits(role: Role, terms: LockTerms, mode: SecretMode) -> list[dict[str, Any]]:
    """What pays the maker: each can be sent by anybody, and pays nobody else."""
    if role is Role.SOURCE:
        return [_exit(terms, Call.REFUND, after=terms.timelock), _exit(terms, Call.PAY)]
    own = [_exit(terms, Call.WITHDRAW, before=terms.timelock)] if mode is SecretMode.MAKER else []
    return [*own, _exit(terms, Call.PAY)]


def _exit(terms: LockTerms, call: Call, **bounds: Any) -> dict[str, Any]:
    """`notBefore` and `before`: chain time, null without a bound. `pay`: after a payout failed."""
    after, before = bounds.get("after"), bounds.get("before")
    return {
        "call": call.value,
        "notBefore": None if after is None else iso(after),
        "before": None if before is None else iso(before),
        "transaction": get_adapter(terms.chain).exit_transaction(call, terms),
    }
