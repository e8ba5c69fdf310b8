"""Acts in the admin: a page that says what would be done asks for a reason, then it is done."""

import re

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from auctions_app.models import RouteSwitch
from chains_app.models import ChainCursor, Intent, Signer
from chains_app.outbox.nonces import sync_signers
from orchestrator.audit.models import AuditEntry
from sessions_app.models import Session
from tests.integration.doors.staff import signer_of
from tests.integration.sessions.test_repayments import taken_before_our_lock
from tests.integration.sessions.world import THERE, World, reload

SESSIONS = "/admin/sessions_app/session/"
SIGNERS = "/admin/chains_app/signer/"
CHAINS = "/admin/chains_app/chaincursor/"
ROUTES = "/admin/auctions_app/routeswitch/"
WHY = "the customer waits"


def person(*rights: str) -> Client:
    """Staff with these permissions, `app.codename` each; Django checks its CSRF tokens."""
    user = User.objects.create_user("ada", is_staff=True)
    for right in rights:
        app, codename = right.split(".")
        user.user_permissions.add(
            Permission.objects.get(content_type__app_label=app, codename=codename)
        )
    client = Client()
    client.force_login(user)
    return client


def ask(client: Client, url: str, action: str, *ids: object, **more: str) -> str:
    """What the page says to an action."""
    sent = {"action": action, "_selected_action": [str(each) for each in ids], **more}
    return client.post(url, sent, follow=True).content.decode()


def confirm(client: Client, url: str, action: str, *ids: object, **more: str) -> str:
    return ask(client, url, action, *ids, confirmed="yes", **{"reason": WHY, **more})


@pytest.mark.django_db(transaction=True)
def test_the_page_says_what_would_be_done_and_only_the_confirmed_one_does_it(world: World) -> None:
    client = person("sessions_app.view_session", "sessions_app.refund_session")
    session, other = world.start(), world.create()
    shown = ask(client, SESSIONS, "refund_session", session.pk, other.pk)
    assert f"make no lock of ours for {session.pk} (source_locking)" in shown
    assert "nothing is locked; `cancel_session` ends it" in shown
    assert 'name="reason"' in shown
    assert "csrfmiddlewaretoken" in shown
    assert not AuditEntry.objects.exists()
    done = confirm(client, SESSIONS, "refund_session", session.pk, other.pk)
    assert f"Done: {session.pk} was source_locking, is source_locking" in done
    assert "Not done: session" in done  # Django begins it so
    assert (reload(session).cancel_requested, reload(other).cancel_requested) == (True, False)
    entry = AuditEntry.objects.get()
    assert (entry.by, entry.door, entry.action, entry.subject, entry.reason) == (
        "ada", "admin", "refund_session", str(session.pk), WHY
    )  # fmt: skip


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501])
def test_without_a_reason_nothing_is_done(world: World, reason: str) -> None:
    client = person("sessions_app.view_session", "sessions_app.cancel_session")
    session = world.create()
    shown = confirm(client, SESSIONS, "cancel_session", session.pk, reason=reason)
    assert "errorlist" in shown
    assert (reload(session).status, AuditEntry.objects.count()) == ("initialized", 0)


def test_each_kind_of_act_has_its_own_permission(world: World) -> None:
    client = person("sessions_app.view_session", "sessions_app.cancel_session")
    session = world.create()
    page = client.get(f"{SESSIONS}{session.pk}/change/").content.decode()
    assert 'value="cancel_session"' in page
    for action in ("refund_session", "retry_session", "rebroadcast"):
        assert f'value="{action}"' not in page
        confirm(client, SESSIONS, action, session.pk)
    assert not AuditEntry.objects.exists()
    confirm(client, SESSIONS, "cancel_session", session.pk)
    assert reload(session).status == "cancelled"


def test_an_act_that_the_form_names_beside_the_permitted_one_is_not_done(world: World) -> None:
    client = person("sessions_app.view_session", "sessions_app.retry_session")
    session = world.create()
    sent = {
        "action": ["retry_session", "cancel_session"],
        "_selected_action": str(session.pk), "confirmed": "yes", "reason": WHY,
    }  # fmt: skip
    for index in ("0", "1"):
        client.post(SESSIONS, {**sent, "index": index})
    assert reload(session).status == "initialized"
    assert [entry.action for entry in AuditEntry.objects.all()] == ["retry_session"]


def test_what_is_too_much_for_one_act_is_said(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.audit.confirming.MOST_AT_ONCE", 1)
    client = person("sessions_app.view_session", "sessions_app.cancel_session")
    ids = [world.create().pk, world.create().pk]
    assert "1 at once: 1 more that you chose" in ask(client, SESSIONS, "cancel_session", *ids)
    assert "more that you chose" not in ask(client, SESSIONS, "cancel_session", ids[0])


def test_staff_without_any_permission_do_nothing(world: World) -> None:
    client, session = person(), world.create()
    sync_signers("near")
    for url, action, row in (
        (SESSIONS, "cancel_session", session.pk),
        (SIGNERS, "pause_signer", signer_of("near", "lock").pk),
        (CHAINS, "rewind_cursor", ChainCursor.objects.get(chain="near").pk),
    ):
        sent = {"action": action, "_selected_action": str(row), "confirmed": "y", "reason": WHY}
        assert client.post(url, sent).status_code == 403
    assert not AuditEntry.objects.exists()


def test_a_form_of_another_site_does_nothing(world: World) -> None:
    session = world.create()
    user = User.objects.create_superuser("root")
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    sent = {
        "action": "cancel_session",
        "_selected_action": str(session.pk),
        "confirmed": "yes",
        "reason": WHY,
    }
    assert client.post(SESSIONS, sent).status_code == 403
    assert reload(session).status == "initialized"


def test_a_signer_is_paused_and_resumed(world: World) -> None:
    client = person("chains_app.view_signer", "chains_app.pause_signer")
    sync_signers("near")
    signer = signer_of("near", "lock")
    assert "it signs and first sends nothing more" in ask(
        client, SIGNERS, "pause_signer", signer.pk
    )
    confirm(client, SIGNERS, "pause_signer", signer.pk)
    assert not Signer.objects.get(pk=signer.pk).is_enabled
    confirm(client, SIGNERS, "resume_signer", signer.pk)
    assert Signer.objects.get(pk=signer.pk).is_enabled
    rows = AuditEntry.objects.order_by("pk").values_list("action", "subject", "by")
    assert list(rows) == [
        ("pause_signer", str(signer.pk), "ada"),
        ("resume_signer", str(signer.pk), "ada"),
    ]


def test_a_chain_is_read_again_after_the_block_that_is_given(world: World) -> None:
    client = person("chains_app.view_chaincursor", "chains_app.rewind_cursor")
    for _ in range(2):
        world.block()
        world.poll()
    cursor = ChainCursor.objects.get(chain="near")
    assert "After block" in ask(client, CHAINS, "rewind_cursor", cursor.pk)
    confirm(client, CHAINS, "rewind_cursor", cursor.pk)  # no number
    confirm(client, CHAINS, "rewind_cursor", cursor.pk, number=str(cursor.height))
    assert not AuditEntry.objects.exists()
    confirm(client, CHAINS, "rewind_cursor", cursor.pk, number=str(cursor.height - 1))
    assert ChainCursor.objects.get(chain="near").reread_after == cursor.height - 1
    assert AuditEntry.objects.get().subject == "near"


def test_the_list_of_chains_says_when_each_head_advanced_to_the_second_in_utc(world: World) -> None:
    client = person("chains_app.view_chaincursor")
    ChainCursor.objects.filter(chain="base").update(advanced_at="2026-11-22T10:09:08.7+02:00")
    ChainCursor.objects.filter(chain="near").update(advanced_at=None)
    shown = re.findall('"field-advanced">(.*?)</td>', client.get(CHAINS).content.decode())
    assert shown == ["-", "2026-11-22T08:09:08Z"]
    page = f"{CHAINS}{ChainCursor.objects.get(chain='base').pk}/change/"
    assert "2026-11-22T08:09:08Z" in client.get(page).content.decode()


def test_a_route_is_paused_in_a_list_of_those_that_are_configured(world: World) -> None:
    client = person("auctions_app.view_routeswitch", "auctions_app.pause_route")
    RouteSwitch.objects.create(route_id="gone:A->gone:B")
    page = client.get(ROUTES).content.decode()
    assert THERE.replace(">", "&gt;") in page
    assert "gone:A" not in page
    switch = RouteSwitch.objects.get(route_id=THERE)
    confirm(client, ROUTES, "pause_route", switch.pk)
    assert RouteSwitch.objects.get(route_id=THERE).is_paused
    assert AuditEntry.objects.get().subject == THERE


def test_nobody_adds_changes_or_deletes_a_row(world: World) -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    world.cancel(world.create())
    confirm(client, SESSIONS, "retry_session", world.create().pk)
    sync_signers("near")
    for url, row in (
        (SIGNERS, signer_of("near", "lock").pk),
        (CHAINS, ChainCursor.objects.get(chain="near").pk),
        ("/admin/audit/auditentry/", AuditEntry.objects.get().pk),
        (SESSIONS, Session.objects.first().pk),  # type: ignore[union-attr]
    ):
        assert client.get(f"{url}{row}/change/").status_code == 200
        for path in (f"{row}/change/", f"{row}/delete/", "add/"):
            assert client.post(url + path, {"is_enabled": ""}).status_code == 403
        client.post(url, {"action": "delete_selected", "_selected_action": str(row)})
    assert AuditEntry.objects.count() == 1
    assert signer_of("near", "lock").is_enabled


def test_the_audit_is_read_and_searched(world: World) -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    session = world.create()
    confirm(client, SESSIONS, "cancel_session", session.pk)
    url = "/admin/audit/auditentry/"
    assert WHY in client.get(url).content.decode()
    assert WHY in client.get(f"{url}?q={session.pk}").content.decode()
    assert WHY not in client.get(f"{url}?q=nobody").content.decode()
    assert WHY in client.get(f"{SESSIONS}{session.pk}/change/").content.decode()


def test_what_needs_a_person_says_so_in_the_list(world: World) -> None:
    client = person("sessions_app.view_session")
    session = world.create()
    Session.objects.filter(pk=session.pk).update(
        attention="lost_race", attention_since="2026-11-22T10:00Z"
    )
    pages = [
        client.get(url).content.decode() for url in (SESSIONS, f"{SESSIONS}{session.pk}/change/")
    ]
    for page in pages:
        assert "lost_race since 2026-11-22T10:00:00Z" in page
    assert "the maker has both legs for good: book the loss" in pages[1]
    assert "docs/runbook/lost_race.md" in pages[1]


@pytest.mark.django_db(transaction=True)
def test_a_repayment_is_released_on_its_page(world: World) -> None:
    session = taken_before_our_lock(world)
    client = person("sessions_app.view_session", "sessions_app.repay_session")
    assert 'value="repay_session"' in client.get(f"{SESSIONS}{session.pk}/change/").content.decode()
    shown = ask(client, SESSIONS, "repay_session", session.pk)
    assert "from lock to maker, once: they reached us" in shown
    assert not Intent.objects.filter(call="repay").exists()
    assert "are to be repaid to maker" in confirm(client, SESSIONS, "repay_session", session.pk)
    world.live(6)
    assert reload(session).status == "refunded"
    assert AuditEntry.objects.get().action == "repay_session"
