"""The exit kit as a page: all that its JSON says, for those alone who may read that."""

import base64
import copy
import hashlib
import html
import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from rest_framework.test import APIClient

from orchestrator.clients.models import Scope
from orchestrator.clients.services import create_client
from sessions_app.api import examples
from sessions_app.api.exit_page import ExitKitPage
from tests.integration.doors.calls import V1, create_session, execute, get
from tests.integration.doors.test_maker_api import create
from tests.integration.doors.test_tenancy import NOBODYS_ID
from tests.integration.floor.conftest import caller
from tests.integration.sessions.world import World

PAGE = {"Accept": "text/html"}
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
KIT: dict[str, Any] = examples.EXIT_KIT[0].value
INSTANT = r"\d{4}-\d\d-\d\dT[0-9:]+Z"
WORD = r'[^\s"\[\],{}]+'


class Answered(dict[str, str]):
    """What the renderer needs of a response."""

    exception = False


def page_of(kit: dict[str, Any]) -> str:
    """The page of a kit, whoever made it."""
    return str(ExitKitPage().render(kit, "text/html", {"response": Answered()}))


def text_of(page: str) -> str:
    """What a person reads on paper: without the JSON, which is not printed."""
    body = re.sub(r"<details>.*?</details>", "", page.partition("<body>")[2], flags=re.DOTALL)
    return html.unescape(re.sub(r"<[^>]+>", " ", body))


def leaves(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Each value of the JSON with the name that it stands under."""
    if isinstance(value, dict):
        for inner in value:
            yield from leaves(value[inner], inner)
    elif isinstance(value, list):
        for each in value:
            yield from leaves(each, name)
    elif value is not None:
        yield name, str(value)


def assert_shows(page: str, kit: dict[str, Any]) -> None:
    text = text_of(page)
    words = set(re.findall(WORD, text))
    for name, value in leaves(kit):
        plain = value.replace("`", "")
        assert plain in (words if re.fullmatch(WORD, plain) else text), (name, value)
        if re.fullmatch(INSTANT, value):
            assert str(int(datetime.fromisoformat(value).timestamp())) in words, (name, value)


def filled(api: APIClient, *, by_maker: bool) -> str:
    """The path of the kit of a session that waits for its lock."""
    session = create(api) if by_maker else create_session(api)
    return f"/sessions/{execute(api, session['sessionId'])['sessionId']}/exit-kit"


def ask(api: APIClient, path: str, **headers: str) -> Any:
    return api.get(V1 + path, headers=headers)


@pytest.mark.parametrize("by_maker", [True, False])
def test_every_value_of_the_json_is_on_the_page(api: APIClient, *, by_maker: bool) -> None:
    path = filled(api, by_maker=by_maker)
    kit = get(api, path)
    answer = ask(api, path, **PAGE)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert_shows(answer.content.decode(), kit)


def test_every_value_of_both_chains_forms_is_on_the_page() -> None:
    assert_shows(page_of(KIT), KIT)


def test_a_kit_of_the_source_alone_is_a_page_too() -> None:
    """As where the source is fixed with the session, and the destination by the auction's fill."""
    kit = KIT | {"legs": KIT["legs"][:1]}
    page = page_of(kit)
    assert_shows(page, kit)
    assert "Ask for this kit again after the auction" in page
    assert "Destination:" not in page
    assert f"From {KIT['legs'][0]['timelock']} on: send call S1." in " ".join(text_of(page).split())


@pytest.mark.parametrize("by_maker", [True, False])
def test_the_page_holds_the_kit_itself_for_the_script(api: APIClient, *, by_maker: bool) -> None:
    path = filled(api, by_maker=by_maker)
    found = re.search(r"<pre>(.*?)</pre>", ask(api, path, **PAGE).content.decode(), re.DOTALL)
    assert found is not None
    assert json.loads(html.unescape(found[1])) == get(api, path)


def test_the_page_says_what_to_do_in_each_mode(api: APIClient) -> None:
    ours = text_of(ask(api, filled(api, by_maker=False), **PAGE).content.decode())
    makers = text_of(ask(api, filled(api, by_maker=True), **PAGE).content.decode())
    assert "send call S1" in " ".join(ours.split())
    assert "D1: withdraw" in makers
    assert "withdraw" not in ours.partition("Source:")[2].replace("withdrawn", "")
    assert "D1: pay" in ours


def test_what_a_value_holds_is_never_markup() -> None:
    kit = copy.deepcopy(KIT)
    hostile = """<script>alert("1")</script>'&amp;"""
    for leg in kit["legs"]:
        leg |= {"symbol": hostile, "chain": hostile, "depositor": hostile, "beneficiary": hostile}
        leg["check"]["open"] = leg["exits"][0]["transaction"]["data"] = hostile
    page = page_of(kit)
    assert "<script" not in page
    assert hostile in text_of(page)
    assert page.count("alert(") == page.count("&lt;script&gt;alert(") > 10


def test_who_may_not_read_the_json_gets_its_problem(api: APIClient, stranger: APIClient) -> None:
    theirs = filled(api, by_maker=True)
    unfilled = f"/sessions/{create_session(api)['sessionId']}/exit-kit"
    _, key = create_client(name="writer", scopes=[Scope.WRITE])
    cases = [
        (stranger, theirs, 404),
        (api, f"/sessions/{NOBODYS_ID}/exit-kit", 404),
        (api, unfilled, 409),
        (caller(), theirs, 401),
        (caller(HTTP_X_API_KEY=key), theirs, 403),
    ]
    for client, path, status in cases:
        page, answer = ask(client, path, **PAGE), ask(client, path)
        assert (page.status_code, answer.status_code) == (status, status)
        assert page.headers["Content-Type"] == "application/problem+json"
        assert page.content == answer.content


def test_who_does_not_ask_for_a_page_gets_the_json(api: APIClient, world: World) -> None:
    path = filled(api, by_maker=True)
    for accepted in ({}, {"Accept": "*/*"}, {"Accept": "application/json"}):
        answer = ask(api, path, **accepted)
        assert answer.headers["Content-Type"] == "application/json"
        assert "Accept" in answer.headers["Vary"]
    assert ask(api, path, **BROWSER).headers["Content-Type"] == "text/html; charset=utf-8"
    assert ask(api, path, Accept="image/png").status_code == 406
    assert ask(api, path.removesuffix("/exit-kit"), **PAGE).status_code == 406


def test_the_page_needs_nothing_but_itself(api: APIClient) -> None:
    answer = ask(api, filled(api, by_maker=True), **PAGE)
    page = answer.content.decode()
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}'; ")
    assert not re.search(r"<script|\ssrc=|\sstyle=|\son\w+=|url\(|@import", page)
    assert re.findall(r'href="([^"]*)"', page) == ["data:,"]
