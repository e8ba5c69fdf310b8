import io
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken

from orchestrator.audit.models import AuditEntry
from orchestrator.clients.models import ApiClient, ApiKey, Scope
from orchestrator.clients.services import (
    authenticate_key,
    create_client,
    create_token,
    issue_key,
    revoke_keys,
)
from tests.integration.floor.conftest import body, caller

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.integration.floor.api")]

WHY = "a new frontend"
TOKEN_URL, READ_URL, WRITE_URL = "/api/token", "/api/sessions/7", "/api/rename"


def create(*arguments: str) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("create_api_client", *arguments, "--reason", WHY, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def key_with(*scopes: Scope) -> str:
    return create_client(name="other", scopes=scopes)[1]


def bearer(key: str, **changes: Any) -> str:
    token = create_token(authenticate_key(key))
    token.payload.update(changes)
    return f"Bearer {token}"


def read(**headers: str) -> int:
    return int(caller(**headers).get(READ_URL).status_code)


def write(**headers: str) -> int:
    return int(caller(**headers).post(WRITE_URL, {"name": "n"}, format="json").status_code)


def test_the_command_prints_a_key_that_works() -> None:
    out, err = create("frontend", "--scopes", "write", "read")
    response = caller(HTTP_X_API_KEY=out.strip()).post(TOKEN_URL)
    assert body(response)["scopes"] == ["read", "write"]
    assert "frontend (read, write)" in err
    assert out.strip() not in err


def test_only_a_hash_of_the_key_is_stored() -> None:
    key = create("frontend", "--scopes", "read")[0].strip()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clients_apikey::text FROM clients_apikey")
        (row,) = cursor.fetchone()
    _, key_id, secret = key.split("_", 2)
    assert key_id in row
    assert secret not in row
    assert secret.encode().hex() not in row


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["frontend"], "one of the arguments --scopes --another-key is required"),
        (["frontend", "--another-key"], "no API client is named 'frontend'"),
        (["frontend", "--another-key", "--scopes", "read"], "not allowed with argument"),
        (["frontend", "--scopes", "root"], "invalid choice: 'root'"),
        (["", "--scopes", "read"], "'' is not a name: give 1 to 100 printable characters"),
        (["two\nlines", "--scopes", "read"], r"'two\\nlines' is not a name"),
        (["front\u202edne", "--scopes", "read"], r"'front\\u202edne' is not a name"),
        (["x" * 101, "--scopes", "read"], "is not a name"),
    ],
)
def test_the_command_refuses_what_is_wrong(arguments: list[str], error: str) -> None:
    with pytest.raises(CommandError, match=error):
        create(*arguments)
    assert not ApiClient.objects.exists()
    assert not AuditEntry.objects.exists()


def test_the_command_wants_to_know_why() -> None:
    with pytest.raises(CommandError, match="no reason: give 1 to 500 characters"):
        call_command("create_api_client", "frontend", "--scopes", "read", "--reason", " ")
    assert not ApiClient.objects.exists()


def test_a_client_goes_over_to_another_key() -> None:
    first = create("frontend", "--scopes", "read")[0].strip()
    second = create("frontend", "--another-key")[0].strip()
    revoke_keys([authenticate_key(first).pk])
    assert authenticate_key(second).client == ApiClient.objects.get()
    rows = AuditEntry.objects.order_by("pk").values_list("action", "kind", "reason", "done")
    assert list(rows) == [
        ("create_api_client", "client", WHY, f"frontend has the key {key.split('_')[1]}")
        for key in (first, second)
    ]


def test_the_command_refuses_a_name_that_is_taken() -> None:
    create("frontend", "--scopes", "read")
    with pytest.raises(CommandError, match="an API client named 'frontend' exists"):
        create("frontend", "--scopes", "write")
    assert ApiKey.objects.count() == 1


def test_a_token_opens_what_its_key_opens(api: APIClient) -> None:
    response = api.post(TOKEN_URL)
    answer = body(response)
    assert (answer["tokenType"], answer["expiresIn"]) == ("Bearer", 900)
    assert response["Cache-Control"] == "no-store"
    header = f"Bearer {answer['accessToken']}"
    assert (read(HTTP_AUTHORIZATION=header), write(HTTP_AUTHORIZATION=header)) == (200, 201)


def test_a_token_does_not_prolong_itself(key: str) -> None:
    refused = caller(HTTP_AUTHORIZATION=bearer(key)).post(TOKEN_URL)
    assert refused.status_code == 401
    assert "a new token is made with a key only" in body(refused)["detail"]


@pytest.mark.parametrize(
    ("scopes", "statuses"),
    [((Scope.READ,), (200, 403)), ((Scope.WRITE,), (403, 201)), ((), (403, 403))],
)
def test_scopes_bound_what_a_client_may(
    scopes: tuple[Scope, ...], statuses: tuple[int, int]
) -> None:
    key = key_with(*scopes)
    assert (read(HTTP_X_API_KEY=key), write(HTTP_X_API_KEY=key)) == statuses


def test_a_write_without_the_scope_changes_nothing() -> None:
    write(HTTP_X_API_KEY=key_with(Scope.READ))
    assert ApiClient.objects.get().name == "other"


def test_a_revoked_key_and_its_tokens_open_nothing(key: str) -> None:
    token = bearer(key)
    assert revoke_keys([authenticate_key(key).pk]) == 1
    assert (read(HTTP_X_API_KEY=key), read(HTTP_AUTHORIZATION=token)) == (401, 401)


def test_another_key_of_the_client_goes_on_when_one_is_revoked(key: str) -> None:
    other = issue_key(ApiClient.objects.get())
    revoke_keys([authenticate_key(key).pk])
    assert read(HTTP_X_API_KEY=other) == 200


def test_an_inactive_client_opens_nothing(key: str) -> None:
    token = bearer(key)
    ApiClient.objects.update(is_active=False)
    assert (read(HTTP_X_API_KEY=key), read(HTTP_AUTHORIZATION=token)) == (401, 401)


@pytest.mark.parametrize(
    "wrong",
    ["", "x", "1b_", "demo-api-key", "1b_0123456789abcdef_" + "A" * 43, "1b_\u00e9", "x" * 10_000],
)
def test_a_wrong_key_opens_nothing(key: str, wrong: str) -> None:
    assert read(HTTP_X_API_KEY=wrong) == 401


def test_a_key_that_was_not_copied_whole_is_told_so(key: str) -> None:
    assert len(key) == 63
    refused = caller(HTTP_X_API_KEY=key[:-1]).get(READ_URL)
    said = "this is no whole API key: give all 63 characters, 1b_ first"
    assert (refused.status_code, body(refused)["detail"]) == (401, said)


def test_the_name_of_a_key_with_another_secret_opens_nothing(key: str) -> None:
    assert read(HTTP_X_API_KEY=key[:-1] + ("A" if key[-1] != "A" else "B")) == 401


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Bearer x.y.z", "Basic dXNlcjpwYXNz", "Bearer a b"]
)
def test_a_wrong_authorization_opens_nothing(key: str, header: str) -> None:
    assert read(HTTP_AUTHORIZATION=header) == 401


def test_a_wrong_key_beside_a_right_token_opens_nothing(key: str) -> None:
    assert read(HTTP_X_API_KEY="x", HTTP_AUTHORIZATION=bearer(key)) == 401


def test_an_expired_token_opens_nothing(key: str) -> None:
    token = create_token(authenticate_key(key))
    token.set_exp(lifetime=timedelta(seconds=-1))
    assert read(HTTP_AUTHORIZATION=f"Bearer {token}") == 401


def test_a_token_without_its_key_opens_nothing(key: str) -> None:
    assert read(HTTP_AUTHORIZATION=f"Bearer {AccessToken()}") == 401


def test_a_token_that_another_secret_signed_opens_nothing(key: str) -> None:
    header, payload, _ = bearer(key).split(".")
    assert read(HTTP_AUTHORIZATION=f"{header}.{payload}.AAAA") == 401
