"""The page at /: what it shows to anybody, under a policy that allows no inline script."""

import re

import pytest
from django.test import Client

from auctions_app.market import current_market
from auctions_app.routes import TRUST_OF_SERVICE_MODE
from sessions_app.api.answers import route_answers
from tests.integration.sessions.world import ETHER, THERE, World

FILES = ["/static/sessions_app/swap.js", "/static/sessions_app/swap.css"]


def test_the_page_shows_the_routes_and_their_trust(world: World) -> None:
    response = Client().get("/")
    shown = response.content.decode()
    assert response.status_code == 200
    assert "<b>COIN</b> on base" in shown
    assert f'data-amount="{ETHER // 100}"' in shown
    assert TRUST_OF_SERVICE_MODE.split("`")[0] in shown


def test_the_page_promises_no_more_than_a_route_does(world: World) -> None:
    """Our fee is not all that is paid, and a timelock is when a refund begins to be possible."""
    shown = Client().get("/").content.decode()
    route = current_market().route(THERE)
    latest = route_answers()[0]["timelocks"]["sourceTimelock"]
    assert "<th>Our fee, at most</th><th>Refundable from</th>" in shown
    assert f"<td>{route.fees.maximum_bps} bps + gas</td>" in shown
    assert f"<td>{latest} s after the fill</td>" in shown


def test_the_page_has_nothing_that_its_policy_forbids(world: World) -> None:
    response = Client().get("/")
    assert "default-src 'self'" in response.headers["Content-Security-Policy"]
    assert "unsafe" not in response.headers["Content-Security-Policy"]
    shown = response.content.decode()
    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=|javascript:", shown)
    assert re.findall(r'(?:src|href)="(/static/[^"]+)"', shown) == FILES[::-1]


@pytest.mark.parametrize("path", FILES)
def test_its_files_are_served(path: str) -> None:
    response = Client().get(path)
    assert response.status_code == 200
    assert sum(len(part) for part in response) > 1000


def test_the_page_takes_no_post(world: World) -> None:
    assert Client().post("/").status_code == 405
