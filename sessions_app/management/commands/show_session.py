"""`manage.py show_session ID [--json]`: a session with its legs and its timeline.

ID may also be what a maker knows of it; where that is of several, they are listed.
"""

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError

from orchestrator.kernel.clock import iso
from sessions_app.api.answers import session_answer
from sessions_app.explaining import advice_lines, surplus_lines
from sessions_app.feed import update_of
from sessions_app.finding import WHAT, find_sessions
from sessions_app.models import Session
from sessions_app.selectors import list_events

MOST_LISTED: Final = 50


class Command(BaseCommand):
    help = "Shows a session, its legs, their transactions and its timeline."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("session", metavar="ID", help=f"its {WHAT}")
        parser.add_argument("--json", action="store_true", help="as one JSON object")

    def handle(self, *, session: str, json: bool, **_options: Any) -> None:
        """Print it; raises CommandError when there is none, or several."""
        found = self._only_one(session)
        shown = _describe(found)
        self.stdout.write(_to_json(shown) if json else "\n".join(_lines(found, shown)))

    def _only_one(self, named: str) -> Session:
        found = find_sessions(named, limit=MOST_LISTED + 1)
        if not found:
            raise CommandError(f"no session {named[:80]!r}: give its {WHAT}")
        if len(found) == 1:
            return found[0]
        for each in found[:MOST_LISTED]:
            at = iso(each.created_at)
            self.stdout.write(f"{each.pk} {each.status} {each.quote.route_id} of {at}")
        many = len(found) if len(found) <= MOST_LISTED else f"more than {MOST_LISTED}"
        raise CommandError(f"{many} sessions, the newest first: give the id of one")


def _describe(session: Session) -> dict[str, Any]:
    events = [update_of(event) for event in list_events(session)]
    return {**session_answer(session), "client": session.client.name, "events": events}


def _to_json(shown: dict[str, Any]) -> str:
    return json.dumps(shown, indent=2)


def _lines(session: Session, shown: dict[str, Any]) -> Iterator[str]:
    yield f"session {shown['sessionId']}: {shown['status']}"
    yield f"client {shown['client']}, {shown['routeId']}, secret mode {shown['secretMode']}"
    yield f"hashlock {shown['hashlock']}"
    if attention := shown["attention"]:
        yield f"needs a person since {attention['since']}: {attention['reason']}"
        yield from advice_lines(session)
    for leg in shown["legs"]:
        yield from _leg_lines(leg)
    yield from surplus_lines(session)
    yield "timeline"
    for event in shown["events"]:
        data = event["data"]
        yield f"  {event['seq']:>2} {data['at']} {event['status']:<20} {data['reason']}"


def _leg_lines(leg: dict[str, Any]) -> Iterator[str]:
    yield f"{leg['role']} on {leg['chain']}: {leg['amount']} base units of {leg['symbol']}"
    yield f"  from {leg['depositor']} to {leg['beneficiary']}, lock {leg['lockId']}"
    state = leg["state"]
    yield f"  {state['head']} at the head, {state['final']} when final ({leg['finalityTier']})"
    yield f"  lock by {leg['lockBy']}, refundable from {leg['timelock']}"
    for transaction in leg["transactions"]:
        call = transaction["call"] or "seen on chain"
        yield f"  {call} {transaction['hash']} {transaction['status']}"
