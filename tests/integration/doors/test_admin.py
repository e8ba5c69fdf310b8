"""The admin: sessions to look at, not to touch."""

from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from chains_app.models import Watch
from orchestrator.audit.acts import Who, perform
from orchestrator.audit.models import Door
from sessions_app.models import Session
from sessions_app.staff import retry_session
from tests.integration.sessions.test_swaps import SWAPPED
from tests.integration.sessions.world import World

LIST = "/admin/sessions_app/session/"


@pytest.fixture
def staff(world: World) -> Client:
    """Somebody with every right."""
    client = Client()
    client.force_login(User.objects.create_superuser("staff"))
    return client


def page(client: Client, path: str) -> str:
    """A page that is there."""
    response = client.get(path)
    assert response.status_code == 200, response.status_code
    return response.content.decode()


@pytest.mark.django_db(transaction=True)
def test_rule_13_a_session_shows_legs_and_timeline_and_no_secret(
    world: World, staff: Client
) -> None:
    session = world.start()
    world.lock_source(session)
    world.live(14)
    shown = page(staff, f"{LIST}{session.pk}/change/")
    for status in SWAPPED:
        assert f"<td>{status}</td>" in shown
    assert "source leg: 1 COIN on base" in shown
    assert "1000000000000000000 base units" in shown
    assert "yes, agreed" in shown
    for watch in Watch.objects.all():
        assert watch.preimage is not None
        assert bytes(watch.preimage).hex() not in shown
        assert str(session.secret_id) not in shown


def test_a_session_without_legs_is_shown(world: World, staff: Client) -> None:
    assert "no guard was asked yet" in page(staff, f"{LIST}{world.create().pk}/change/")


def test_the_list_is_found_by_id_and_by_status(world: World, staff: Client) -> None:
    first, second = world.create(), world.execute(world.create())
    assert str(first.pk) in page(staff, LIST)
    assert str(second.pk) not in page(staff, f"{LIST}?q={first.pk}")
    assert str(first.pk) not in page(staff, f"{LIST}?status__exact=source_locking")
    for nonsense in ("7", "x" * 300, str(uuid4()), "%27"):
        assert str(first.pk) not in page(staff, f"{LIST}?q={nonsense}")


def test_those_that_need_a_person_are_found(world: World, staff: Client) -> None:
    calm, in_need = world.create(), world.create()
    Session.objects.filter(pk=in_need.pk).update(
        attention="lost_race", attention_since="2026-11-22T10:00Z"
    )
    assert str(calm.pk) in page(staff, LIST)
    shown = page(staff, f"{LIST}?attention=yes")
    assert str(in_need.pk) in shown
    assert str(calm.pk) not in shown
    assert "2026-11-22T10:00:00Z" in page(staff, f"{LIST}{in_need.pk}/change/")


def test_what_people_did_is_shown_with_who_and_why(world: World, staff: Client) -> None:
    session = world.create()
    who = Who("ada", Door.ADMIN)
    perform(retry_session(), str(session.pk), who=who, reason="the customer waits")
    shown = page(staff, f"{LIST}{session.pk}/change/")
    assert "<td>retry_session</td><td>ada</td><td>the customer waits</td>" in shown


def test_nothing_can_be_changed(world: World, staff: Client) -> None:
    session = world.create()
    for path in (f"{session.pk}/change/", f"{session.pk}/delete/", "add/"):
        assert staff.post(LIST + path, {"status": "completed"}).status_code == 403
    action = {"action": "delete_selected", "_selected_action": [str(session.pk)]}
    staff.post(LIST, action)
    assert Session.objects.get().status == "initialized"


def test_an_unknown_session_leads_back(world: World, staff: Client) -> None:
    assert staff.get(f"{LIST}{uuid4()}/change/").status_code == 302


def test_without_the_right_nobody_looks(world: World) -> None:
    session = world.create()
    user = User.objects.create_user("new", is_staff=True)
    client = Client()
    client.force_login(user)
    assert client.get(f"{LIST}{session.pk}/change/").status_code == 403
    may_view = {"content_type__app_label": "sessions_app", "codename": "view_session"}
    user.user_permissions.add(Permission.objects.get(**may_view))
    assert page(client, f"{LIST}{session.pk}/change/")


def test_a_stranger_is_asked_to_log_in(world: World) -> None:
    answer = Client().get(LIST)
    assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (302, "/admin/login/")
