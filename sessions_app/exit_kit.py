"""The exit kit: all that a maker needs to get the money out of both contracts without us."""

from typing import Any, Final

from auctions_app.routes import SecretMode
from chains_app.adapters.interface import SECRET_PLACE
from chains_app.locks import Call, LockTerms
from chains_app.registry import get_adapter, get_chain
from orchestrator.kernel.clock import Seconds, iso
from orchestrator.kernel.errors import ConflictError
from sessions_app.models import Leg, Role, Session
from sessions_app.selectors import list_legs

VERSION: Final = 1
SECRET_INSTRUCTIONS: Final = {
    SecretMode.SERVICE: (
        "The secret is ours. Without it the destination can't be withdrawn: if it was not paid by "
        "its timelock, refund the source from the source's timelock on."
    ),
    SecretMode.MAKER: (
        "The secret is yours. See that the destination's lock stands open, and withdraw it before "
        f"`sendBy`: put the 64 hex digits of your secret in the place of {SECRET_PLACE}. A "
        "withdrawal shows the secret, also one that comes too late or finds no lock, and with it "
        "the source can be taken. If you never show it, refund the source from its timelock on."
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
        "check": get_adapter(terms.chain).open_lock_question(terms),
        "exits": _exits(leg, terms, mode),
    }


def _exits(leg: Leg, terms: LockTerms, mode: SecretMode) -> list[dict[str, Any]]:
    """What pays the maker: each can be sent by anybody, and pays nobody else."""
    if leg.role == Role.SOURCE:
        return [_exit(terms, Call.REFUND, not_before=terms.timelock), _exit(terms, Call.PAY)]
    if mode is SecretMode.SERVICE:
        return [_exit(terms, Call.PAY)]
    send_by = Seconds(terms.timelock - leg.session.timelock_policy.inclusion)
    withdrawal = _exit(terms, Call.WITHDRAW, send_by=send_by, before=terms.timelock)
    return [withdrawal, _exit(terms, Call.PAY)]


def _exit(
    terms: LockTerms,
    call: Call,
    *,
    not_before: Seconds | None = None,
    send_by: Seconds | None = None,
    before: Seconds | None = None,
) -> dict[str, Any]:
    """Bounds are chain time, null without one: `sendBy` leaves a transaction its time before
    `before`, at which the contract refuses it. `pay`: after a payout failed.
    """
    bounds = {"notBefore": not_before, "sendBy": send_by, "before": before}
    return {
        "call": call.value,
        **{name: None if at is None else iso(at) for name, at in bounds.items()},
        "transaction": get_adapter(terms.chain).exit_transaction(call, terms),
    }
