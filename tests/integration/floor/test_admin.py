import pytest
from django.test import Client

from orchestrator.audit.models import AuditEntry
from orchestrator.clients.models import ApiClient, ApiKey
from orchestrator.clients.services import authenticate_key
from tests.integration.floor.conftest import caller

pytestmark = pytest.mark.django_db

KEYS, CLIENTS = "/admin/clients/apikey/", "/admin/clients/apiclient/"


def test_strangers_are_sent_to_the_login(client: Client) -> None:
    for url in ("/admin/", KEYS, CLIENTS):
        assert client.get(url)["Location"].startswith("/admin/login/")


def test_staff_see_keys_by_name_and_never_their_hash(admin_client: Client, key: str) -> None:
    stored = ApiKey.objects.get()
    pages = [admin_client.get(KEYS), admin_client.get(f"{KEYS}{stored.pk}/change/")]
    for page in pages:
        assert stored.pk in page.content.decode()
        assert bytes(stored.digest).hex() not in page.content.decode()


def do(client: Client, url: str, action: str, row: object) -> str:
    """What the list says when it was confirmed."""
    sent = {"action": action, "_selected_action": str(row), "confirmed": "yes", "reason": "leaked"}
    return client.post(url, sent, follow=True).content.decode()


def may_ask(key: str) -> bool:
    return caller(HTTP_X_API_KEY=key).post("/api/v1/auth/token").status_code == 200


def test_staff_revoke_a_key_for_ever(admin_client: Client, key: str) -> None:
    name = authenticate_key(key).pk
    assert f"Done: key {name} of frontend is revoked" in do(admin_client, KEYS, "revoke_key", name)
    assert not may_ask(key)
    assert f"Not done: key {name} is revoked already" in do(admin_client, KEYS, "revoke_key", name)
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.kind, entry.subject, entry.reason) == (
        "revoke_key", "client", name, "leaked"
    )  # fmt: skip


def test_staff_switch_a_client_off_and_on(admin_client: Client, key: str) -> None:
    row = ApiClient.objects.get().pk
    assert "Done: frontend is off" in do(admin_client, CLIENTS, "switch_client_off", row)
    assert not may_ask(key)
    assert "frontend is off already" in do(admin_client, CLIENTS, "switch_client_off", row)
    assert "Done: frontend is on" in do(admin_client, CLIENTS, "switch_client_on", row)
    assert may_ask(key)
    assert [entry.subject for entry in AuditEntry.objects.all()] == [str(row)] * 2


@pytest.mark.parametrize("url", [KEYS, CLIENTS])
def test_staff_change_no_row_by_hand(admin_client: Client, key: str, url: str) -> None:
    row = ApiKey.objects.get() if url == KEYS else ApiClient.objects.get()
    assert admin_client.post(f"{url}{row.pk}/change/", {"is_active": ""}).status_code == 403
    assert may_ask(key)


@pytest.mark.parametrize("url", [KEYS, CLIENTS])
def test_staff_neither_add_nor_delete(admin_client: Client, key: str, url: str) -> None:
    row = ApiKey.objects.get() if url == KEYS else ApiClient.objects.get()
    assert admin_client.get(f"{url}add/").status_code == 403
    assert admin_client.get(f"{url}{row.pk}/delete/").status_code == 403
