import pytest
from django.test import Client

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


def test_staff_revoke_a_key(admin_client: Client, key: str) -> None:
    name = authenticate_key(key).pk
    page = admin_client.post(KEYS, {"action": "revoke", "_selected_action": name}, follow=True)
    assert "1 keys revoked" in page.content.decode()
    assert caller(HTTP_X_API_KEY=key).post("/api/v1/auth/token").status_code == 401


def test_staff_switch_a_client_off(admin_client: Client, key: str) -> None:
    row = ApiClient.objects.get()
    admin_client.post(f"{CLIENTS}{row.pk}/change/", {})
    assert caller(HTTP_X_API_KEY=key).post("/api/v1/auth/token").status_code == 401


@pytest.mark.parametrize("url", [KEYS, CLIENTS])
def test_staff_neither_add_nor_delete(admin_client: Client, key: str, url: str) -> None:
    row = ApiKey.objects.get() if url == KEYS else ApiClient.objects.get()
    assert admin_client.get(f"{url}add/").status_code == 403
    assert admin_client.get(f"{url}{row.pk}/delete/").status_code == 403
