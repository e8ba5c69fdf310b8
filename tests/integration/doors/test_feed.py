"""The WebSocket feed, through the process that serves it."""

import json
import time
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
import urllib3
from rest_framework.test import APIClient

from devnet.processes import Child
from orchestrator.clients.models import Scope
from orchestrator.clients.services import create_client, issue_key, revoke_keys
from orchestrator.kernel.amounts import Rounding
from sessions_app.models import Session
from tests.integration.doors.calls import create_session, execute, get, post
from tests.integration.doors.feed import Client, client_of
from tests.integration.doors.refusals import SAYS_WHAT_TO_DO, nothing_changes
from tests.integration.sessions.test_swaps import SWAPPED
from tests.integration.sessions.world import World

pytestmark = pytest.mark.django_db(transaction=True)


def swap(api: APIClient, world: World, session_id: str) -> None:
    """Drive a session from its execution to its end."""
    execute(api, session_id)
    world.lock_source(Session.objects.get(pk=session_id))
    world.live(14)


def test_every_move_is_heard_once_and_in_order(
    api: APIClient, world: World, key: str, client: Client
) -> None:
    session_id = create_session(api)["sessionId"]
    client.authenticate(key)
    subscribed = client.follow(session_id, after=0)
    assert subscribed == {
        "type": "subscribed", "channel": "session", "sessionId": session_id, "seq": 1
    }  # fmt: skip
    swap(api, world, session_id)
    heard = client.hear_all(until="completed")
    assert [update["status"] for update in heard] == SWAPPED
    assert [update["seq"] for update in heard] == list(range(1, len(SWAPPED) + 1))
    assert heard == get(api, f"/sessions/{session_id}/events")["items"]


def test_a_client_that_comes_back_hears_what_it_missed(
    api: APIClient, world: World, key: str, feed_url: str
) -> None:
    session_id = create_session(api)["sessionId"]
    swap(api, world, session_id)
    with client_of(feed_url) as client:
        client.authenticate(key)
        client.follow(session_id, after=3)
        heard = client.hear_all(until="completed")
        assert [update["seq"] for update in heard] == [4, 5, 6, 7, 8]
        assert client.ask(type="ping") == {"type": "pong"}


def test_without_after_the_newest_update_comes_first(
    api: APIClient, world: World, key: str, client: Client
) -> None:
    session_id = create_session(api)["sessionId"]
    client.authenticate(key)
    execute(api, session_id)
    assert client.follow(session_id)["seq"] == 3
    assert (client.hear()["seq"], client.ask(type="ping")) == (3, {"type": "pong"})


def test_all_who_follow_a_session_hear_it(
    api: APIClient, key: str, client: Client, feed_url: str
) -> None:
    session_id = create_session(api)["sessionId"]
    with client_of(feed_url) as other:
        for each in (client, other):
            each.authenticate(key)
            each.follow(session_id, after=1)
        execute(api, session_id)
        assert client.hear_all(until="source_locking") == other.hear_all(until="source_locking")


def test_a_lost_doorbell_is_made_good(
    api: APIClient, key: str, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = create_session(api)["sessionId"]
    client.authenticate(key)
    client.follow(session_id, after=1)
    monkeypatch.setattr("sessions_app.lifecycle.ring", lambda _moved: None)
    execute(api, session_id)
    assert [update["seq"] for update in client.hear_all(until="source_locking")] == [2, 3]


def test_who_follows_hears_that_a_session_needs_a_person_and_no_longer_does(
    api: APIClient, key: str, client: Client
) -> None:
    session_id = create_session(api)["sessionId"]
    client.authenticate(key)
    client.follow(session_id, after=1)
    row = Session.objects.filter(pk=session_id)
    about = {"channel": "session", "sessionId": session_id}
    row.update(attention="lost_race", attention_since="2026-11-22T10:00Z")
    alert = {"type": "alert", **about, "attention": "lost_race"}
    alert["detail"] = "the maker has both legs for good"
    assert client.hear() == alert
    client.ask(type="unsubscribe", **about)
    client.follow(session_id, after=1)
    assert client.hear() == alert
    row.update(attention="", attention_since=None)
    assert client.hear() == {"type": "alert", **about, "attention": None, "detail": None}


def test_who_follows_an_auction_hears_its_price_fall(
    api: APIClient, world: World, key: str, client: Client
) -> None:
    session_id = create_session(api)["sessionId"]
    world.chains["near"].is_unreachable = True  # so that nobody can fill it
    assert execute(api, session_id)["status"] == "executing"
    began = int(time.time())  # the feed's own wall clock
    Session.objects.update(auction_started_at=began)
    quote = Session.objects.select_related("quote").get().quote
    client.authenticate(key)
    client.follow(session_id, after=2)
    first, second = client.hear(), client.hear()
    assert first.keys() == {"type", "channel", "sessionId", "data"}
    assert (first["type"], first["sessionId"]) == ("price_update", session_id)
    for heard in (first, second):
        at = datetime.fromisoformat(heard["data"]["at"])
        since = min(int(at.timestamp()) - began, quote.curve.duration)
        amount = quote.curve.amount_at(quote.end_amount, since, rounding=Rounding.DOWN)
        assert heard["data"]["destinationAmount"] == str(amount)
    assert int(second["data"]["destinationAmount"]) < quote.start_amount


def test_a_token_opens_the_feed(api: APIClient, client: Client) -> None:
    session_id = create_session(api)["sessionId"]
    token = post(api, "/auth/token")["accessToken"]
    assert client.ask(type="auth", token=token) == {"type": "authenticated"}
    assert client.follow(session_id)["type"] == "subscribed"


def test_anothers_session_is_like_none(api: APIClient, client: Client) -> None:
    session_id = create_session(api)["sessionId"]
    _, key = create_client(name="stranger", scopes=[Scope.READ])
    client.authenticate(key)
    for unknown in (session_id, str(uuid4())):
        assert client.follow(unknown, after=0) == {
            "type": "error", "code": "session_not_found", "detail": f"no session {unknown}",
            "sessionId": unknown,
        }  # fmt: skip
    execute(api, session_id)
    assert client.ask(type="ping") == {"type": "pong"}


def test_who_says_nothing_is_let_go(client: Client) -> None:
    assert client.hear()["code"] == "auth_timeout"
    assert client.wait_for_close() == 4401


@pytest.mark.parametrize("credential", [{"apiKey": "1b_x"}, {"token": "eyJ.x.y"}, {"token": ""}])
def test_a_wrong_credential_closes(client: Client, credential: dict[str, str]) -> None:
    assert client.ask(type="auth", **credential)["code"] == "unauthenticated"
    assert client.wait_for_close() == 4401


def test_a_client_without_the_scope_read_is_refused(world: World, client: Client) -> None:
    _, key = create_client(name="writer", scopes=[Scope.WRITE])
    assert client.ask(type="auth", apiKey=key)["code"] == "forbidden"
    assert client.wait_for_close() == 4403


def test_a_revoked_key_ends_its_connection(world: World, key: str, client: Client) -> None:
    client.authenticate(key)
    revoke_keys([key.split("_")[1]])
    assert client.hear()["code"] == "unauthenticated"
    assert client.wait_for_close() == 4401


def test_a_connection_does_not_change_its_client(world: World, key: str, client: Client) -> None:
    client.authenticate(key)
    client.authenticate(issue_key(world.client))
    _, other = create_client(name="other", scopes=[Scope.READ])
    assert client.ask(type="auth", apiKey=other)["code"] == "forbidden"


def test_unsubscribed_is_silent(api: APIClient, key: str, client: Client) -> None:
    session_id = create_session(api)["sessionId"]
    client.authenticate(key)
    client.follow(session_id, after=1)
    named = {"channel": "session", "sessionId": session_id}
    assert client.ask(type="unsubscribe", **named) == {"type": "unsubscribed", **named}
    execute(api, session_id)
    assert client.ask(type="ping") == {"type": "pong"}
    assert client.ask(type="unsubscribe", **named)["code"] == "not_subscribed"


FOLLOW = {"type": "subscribe", "channel": "session", "sessionId": str(uuid4())}


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("", "malformed_message"),
        ("{", "malformed_message"),
        ("[]", "malformed_message"),
        ("[" * 4000, "malformed_message"),
        ('"' + "x" * 4096 + '"', "malformed_message"),
        (b"\x00", "malformed_message"),
        ({}, "unknown_type"),
        ({"type": 7}, "unknown_type"),
        ({"type": ["ping"]}, "unknown_type"),
        ({"type": "session.moved"}, "unknown_type"),
        ({"type": "ping", "more": 1}, "unknown_field"),
        ({"type": "auth"}, "invalid_auth"),
        ({"type": "auth", "apiKey": 7}, "invalid_auth"),
        ({"type": "auth", "apiKey": "a", "token": "b"}, "invalid_auth"),
        ({"type": "auth", "key": "a"}, "unknown_field"),
        (FOLLOW, "unauthenticated"),
        ({**FOLLOW, "channel": "prices"}, "unknown_channel"),
        ({**FOLLOW, "channel": None}, "unknown_channel"),
        ({**FOLLOW, "sessionId": "7"}, "invalid_session_id"),
        ({**FOLLOW, "sessionId": 7}, "invalid_session_id"),
        ({**FOLLOW, "sessionId": str(uuid4()).upper()}, "invalid_session_id"),
        ({**FOLLOW, "after": -1}, "invalid_after"),
        ({**FOLLOW, "after": "1"}, "invalid_after"),
        ({**FOLLOW, "after": True}, "invalid_after"),
        ({**FOLLOW, "after": None}, "invalid_after"),
        ({**FOLLOW, "after": 1e3}, "invalid_after"),
        ({**FOLLOW, "after": 2**31}, "invalid_after"),
        ({**FOLLOW, "token": "x"}, "unknown_field"),
        ({"type": "unsubscribe", "channel": "session"}, "invalid_session_id"),
    ],
)
def test_a_wrong_message_is_said_so_and_changes_nothing(
    client: Client, message: Any, code: str
) -> None:
    with nothing_changes():
        client.socket.send(json.dumps(message) if isinstance(message, dict) else message)
        answer = client.hear()
        assert client.ask(type="ping") == {"type": "pong"}
    assert (answer["type"], answer["code"]) == ("error", code)
    assert SAYS_WHAT_TO_DO.search(answer["detail"]), answer


@pytest.mark.parametrize(
    ("message", "value"),
    [
        ({"type": "session.moved"}, '"session.moved"'),
        ({"type": "ping", "more": 1}, '"more"'),
        ({**FOLLOW, "channel": "prices"}, '"prices"'),
        ({**FOLLOW, "sessionId": 7}, "7"),
        ({**FOLLOW, "after": -1}, "-1"),
    ],
)
def test_an_error_repeats_the_wrong_value(client: Client, message: Any, value: str) -> None:
    assert value in client.ask(**message)["detail"]


def test_an_error_repeats_no_credential(key: str, client: Client) -> None:
    for wrong in ({"type": key}, {"type": "ping", key: 1}, {**FOLLOW, "channel": key}):
        client.socket.send(json.dumps(wrong))
        assert key not in json.dumps(client.hear())


def test_an_after_beyond_the_newest_is_refused(api: APIClient, key: str, client: Client) -> None:
    session_id = create_session(api)["sessionId"]
    client.authenticate(key)
    assert client.follow(session_id, after=2)["code"] == "invalid_after"


def test_a_flood_closes(key: str, client: Client) -> None:
    client.authenticate(key)  # who does not has only some seconds
    answers = (client.ask(type="ping") for _ in range(601))  # 600 may fall into two windows
    refused = next(answer for answer in answers if answer["type"] != "pong")
    assert refused["code"] == "too_many_messages"
    assert client.wait_for_close() == 4429


@pytest.mark.parametrize("path", ["/", "/ws/", "/wss", "/x/ws"])
def test_another_path_is_closed_with_the_reason_and_is_no_error_of_ours(
    feed: tuple[str, Child], path: str
) -> None:
    url, process = feed
    before = len(process.log.read_bytes())
    with client_of(url.removesuffix("/ws") + path) as lost:
        heard = {"type": "error", "code": "not_found", "detail": "only the feed is here: /ws"}
        assert lost.hear() == heard
        assert lost.wait_for_close() == 4404
    assert process.log.read_bytes()[before:] == b""


def test_its_port_has_nothing_but_the_feed(feed_url: str) -> None:
    place = urlsplit(feed_url).netloc
    for path in ("/", "/admin/", "/metrics", "/health", "/ws"):
        answer = urllib3.request("GET", f"http://{place}{path}", retries=False)
        assert (answer.status, answer.data) == (404, b"only the WebSocket feed is here: /ws\n")
