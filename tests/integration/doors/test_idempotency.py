"""Writes that are sent again under their Idempotency-Key."""

import pytest
from rest_framework.test import APIClient

from auctions_app.models import Quote
from sessions_app.models import Session, Transition
from tests.integration.doors.calls import create_session, post, quote, session_fields
from tests.integration.sessions.world import AMOUNTS, THERE, World

ONCE = "once"


def test_a_quote_asked_for_twice_is_one(api: APIClient) -> None:
    fields = {"routeId": THERE, "amount": str(AMOUNTS[THERE])}
    assert post(api, "/quote", fields, 201, key=ONCE) == post(api, "/quote", fields, 201, key=ONCE)
    assert Quote.objects.count() == 1


def test_a_session_made_twice_is_one(api: APIClient) -> None:
    fields = session_fields(quote(api)["quoteId"])
    first = post(api, "/sessions", fields, 201, key=ONCE)
    assert post(api, "/sessions", fields, 201, key=ONCE) == first
    assert Session.objects.count() == 1


def test_a_replay_asks_no_chain(api: APIClient, world: World) -> None:
    fields = session_fields(quote(api)["quoteId"])
    first = post(api, "/sessions", fields, 201, key=ONCE)
    for chain in world.chains.values():
        chain.is_unreachable = True
    assert post(api, "/sessions", fields, 201, key=ONCE) == first


@pytest.mark.parametrize("action", ["execute", "cancel"])
def test_an_action_sent_twice_happens_once(api: APIClient, action: str) -> None:
    path = f"/sessions/{create_session(api)['sessionId']}/{action}"
    first = post(api, path, key=ONCE)
    moves = Transition.objects.count()
    assert post(api, path, key=ONCE) == first
    assert Transition.objects.count() == moves


def test_one_key_for_two_requests_is_refused(api: APIClient) -> None:
    session_id = create_session(api)["sessionId"]
    post(api, f"/sessions/{session_id}/execute", key=ONCE)
    refused = post(api, f"/sessions/{session_id}/cancel", status=422, key=ONCE)
    assert refused["code"] == "idempotency_key_reused"
