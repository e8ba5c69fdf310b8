"""The page at / as a person sees it: a swap followed live, in a real browser."""

from pathlib import Path

import pytest
from django.test import override_settings
from pytest_django.live_server_helper import LiveServer
from rest_framework.test import APIClient

from sessions_app.models import Session
from tests.integration.doors.calls import create_session, execute
from tests.integration.doors.chromium import Page, open_page
from tests.integration.sessions.test_swaps import SWAPPED
from tests.integration.sessions.world import World

pytestmark = pytest.mark.django_db(transaction=True)


def follow(page: Page, key: str, session_id: str) -> None:
    """Fill in the form and send it."""
    page.run(f"document.getElementById('key').value = '{key}'")
    page.run(f"document.getElementById('session').value = '{session_id}'")
    page.run("document.querySelector('#follow button').click()")


def timeline(page: Page) -> list[str]:
    rows = "Array.from(document.querySelectorAll('#timeline b'), each => each.textContent)"
    return list(page.run(rows))


def test_a_swap_is_followed_live(
    api: APIClient,
    world: World,
    key: str,
    feed_url: str,
    live_server: LiveServer,
    tmp_path: Path,
) -> None:
    session_id = create_session(api)["sessionId"]
    with override_settings(FEED_URL=feed_url), open_page(tmp_path) as page:
        page.open(f"{live_server.url}/")
        assert page.run("document.querySelectorAll('#routes tbody tr').length") == 4
        follow(page, key, session_id)
        page.wait_for("document.getElementById('live').textContent === 'live'")
        execute(api, session_id)
        world.lock_source(Session.objects.get(pk=session_id))
        world.live(14)
        page.wait_for("document.querySelectorAll('#timeline li').length === 8")
        page.wait_for("document.getElementById('status').textContent === 'completed'")
        assert timeline(page) == [status.replace("_", " ") for status in SWAPPED]
        assert page.run("document.querySelectorAll('.leg').length") == 2
        assert page.run("document.getElementById('progress').value") == 100
        page.photograph(tmp_path / "swap.png")
        assert page.complaints == []


def test_a_wrong_key_is_said_so(world: World, live_server: LiveServer, tmp_path: Path) -> None:
    with open_page(tmp_path) as page:
        page.open(f"{live_server.url}/")
        follow(page, "1b_0_wrong", str(world.create().pk))
        page.wait_for("document.getElementById('message').textContent.includes('API key')")
        assert page.run("document.getElementById('swap').hidden")


IS_STYLED = "getComputedStyle(document.querySelector('section')).borderTopStyle === 'solid'"


def test_the_exit_kit_is_saved_as_a_page_that_needs_nothing_of_ours(
    api: APIClient, world: World, key: str, live_server: LiveServer, tmp_path: Path
) -> None:
    session_id = create_session(api)["sessionId"]
    execute(api, session_id)
    saved = tmp_path / f"exit-kit-{session_id}.html"
    with open_page(tmp_path) as page:
        page.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
        page.open(f"{live_server.url}/")
        follow(page, key, session_id)
        page.wait_for("!document.getElementById('exit').hidden")
        page.run("document.querySelector('#exit button').click()")
        page.wait_for_file(saved)
        page.open(saved.as_uri())
        assert page.run(IS_STYLED)
        assert session_id in page.run("document.body.innerText")
        assert page.print(tmp_path / "exit-kit.pdf") >= 3  # what to do, then each leg on its own
        page.photograph(tmp_path / "exit-kit.png")


def test_the_exit_kits_own_policy_lets_its_style_in(
    api: APIClient, world: World, key: str, live_server: LiveServer, tmp_path: Path
) -> None:
    session_id = create_session(api)["sessionId"]
    execute(api, session_id)
    with open_page(tmp_path) as page:
        page.call("Network.enable")
        page.call("Network.setExtraHTTPHeaders", headers={"X-API-Key": key})
        page.open(f"{live_server.url}/api/v1/sessions/{session_id}/exit-kit")
        assert page.run(IS_STYLED)
        assert page.complaints == []
