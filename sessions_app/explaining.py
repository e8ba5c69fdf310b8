"""Why a session is where it is, in words: its moves, and what its guards saw and said (rule 3)."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from chains_app.selectors import StoredVerdict, stored_verdicts
from orchestrator.kernel.clock import Seconds, iso
from sessions_app.domain.attention import advice_for
from sessions_app.models import Role, Session
from sessions_app.staff import what_people_did

_MOMENTS: Final = {
    "sign": "before it was signed",
    "send": "before it first left us",
    "refused": "at the newest refusal",
}
_YES_OR_NO: Final = {
    "chains_are_fresh": "both chains' heads were fresh",
    "source_seen_in_time": "the source lock was first seen by accept_by",
    "cancel_requested": "the client had asked to cancel",
    "liquidity_is_reserved": "our liquidity was reserved",
    "destination_lock_left": "our lock had left us",
    "secret_is_held": "we held the secret",
    "secret_left": "the secret had left us",
    "secret_is_shown": "a chain had shown the secret",
    "source_is_repaid": "what had reached us was repaid",
}  # of the snapshot; none says what the secret is


def explain(session: Session) -> Iterator[str]:
    """Line by line."""
    yield f"session {session.pk} is {session.status}"
    if session.attention_since is not None:
        yield f"it needs a person since {iso(session.attention_since)}: {session.attention}"
        yield from advice_lines(session)
    yield from (
        f"  {move.seq}. {iso(move.at)} {move.after}: {move.reason}"
        f"{' (a reorganisation)' if move.by_reorganisation else ''}"
        for move in session.transitions.order_by("seq")
    )
    yield from explain_verdicts(session)
    for deed in what_people_did(session):
        yield f"{iso(deed.at)} {deed.action} by {deed.by}: {deed.reason} ({deed.done})"


def advice_lines(session: Session) -> Iterator[str]:
    """What its attention means, what to do, and where that is written; nothing without one."""
    advice = advice_for(session.attention)
    if advice is not None:
        yield f"  what: {advice.title}"
        yield f"  to do: {advice.to_do}"
        yield f"  page: {advice.page}"


def surplus_lines(session: Session) -> list[str]:
    """The locks for us under its hashlock that it did not agree on."""
    return [
        f"surplus {each.pk} on {each.chain}: {each.lock_terms.amount} base units of "
        f"{each.lock_terms.token or 'the native coin'} from {each.lock_terms.depositor}, "
        f"{each.state}: {each.reason}"
        for each in session.surplus.order_by("pk")
    ]


def explain_verdicts(session: Session) -> Iterator[str]:
    """What each guard saw and said, line by line."""
    roles = dict(session.legs.values_list("pk", "role"))
    verdicts = stored_verdicts(roles)
    if not verdicts:
        yield "no guard was asked yet"
    for verdict in verdicts:
        yield from _explain_verdict(verdict, roles[verdict.reference])


def _explain_verdict(stored: StoredVerdict, role: str) -> Iterator[str]:
    verdict = stored.verdict
    at = "" if stored.at is None else f" ({iso(stored.at)})"
    said = "yes" if verdict["ok"] else "no"
    yield (
        f"{stored.call} of the {role} leg{f' {stored.hash}' if stored.hash else ''}, "
        f"{_MOMENTS[stored.moment]}{at}: {said}, {verdict['reason']}"
    )
    facts = verdict["inputs"].get("facts")
    if facts:
        yield from (f"    {line}" for line in _explain_facts(facts))


def _explain_facts(facts: Mapping[str, Any]) -> Iterator[str]:
    clocks = facts["clocks"]
    yield f"the session was {facts['status']}; wall clock {iso(Seconds(clocks['wall']))}"
    for role in (each for each in Role if facts[each.value] is not None):
        leg, head = facts[role.value], Seconds(clocks[f"{role.value}_head"])
        if leg is None:  # before the fill
            continue
        yield (
            f"{role.value} lock: {leg['head']} at the head of {iso(head)}, {leg['final']} when "
            f"final; lock_by {iso(leg['lock_by'])}, timelock {iso(leg['timelock'])}, "
            f"{leg['timelock'] - max(head, clocks['wall'])} s away"
        )
    yield (
        f"it wants {facts['guard_distance']} s to the destination's timelock and a margin of "
        f"{facts['margin']} s between both"
    )
    for name, words in _YES_OR_NO.items():
        yield f"{words}: {'yes' if facts[name] else 'no'}"
