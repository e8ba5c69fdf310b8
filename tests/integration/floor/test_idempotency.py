from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone
from rest_framework.test import APIClient

from orchestrator.clients.models import ApiClient, Scope
from orchestrator.clients.services import create_client
from orchestrator.http.idempotency import KEPT, forget_old_answers
from orchestrator.http.models import StoredAnswer
from tests.integration.floor.api import Rename
from tests.integration.floor.conftest import body, caller
from tests.integration.floor.rivals import in_thread, wait_for_a_blocked_statement

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.integration.floor.api")]


@pytest.fixture(autouse=True)
def _count_anew() -> None:
    Rename.calls = Rename.prepared = 0


def send(api: APIClient, key: str | None = "k-1", **sent: Any) -> Any:
    headers = {} if key is None else {"Idempotency-Key": key}
    return api.post("/api/rename", {"name": "new", **sent}, format="json", headers=headers)


def test_the_same_request_answers_the_same_and_acts_once(api: APIClient) -> None:
    first, second = send(api), send(api)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    assert (Rename.calls, Rename.prepared) == (1, 1)
    assert "Idempotency-Replayed" not in first
    assert second["Idempotency-Replayed"] == "true"


def test_without_a_key_each_request_acts(api: APIClient) -> None:
    send(api, None)
    send(api, None)
    assert Rename.calls == 2
    assert not StoredAnswer.objects.exists()


def test_another_body_under_the_same_key_is_refused(api: APIClient) -> None:
    send(api)
    response = send(api, name="other")
    assert (response.status_code, body(response)["code"]) == (422, "idempotency_key_reused")
    assert Rename.calls == 1


def test_the_order_of_a_bodys_names_does_not_matter(api: APIClient) -> None:
    send(api, a=1, b=2)
    assert send(api, b=2, a=1)["Idempotency-Replayed"] == "true"


def test_a_key_belongs_to_its_client(api: APIClient) -> None:
    send(api)
    other = caller(HTTP_X_API_KEY=create_client(name="b", scopes=[Scope.WRITE])[1])
    assert "Idempotency-Replayed" not in send(other, name="another")


def test_a_refused_request_leaves_nothing_and_may_be_corrected(api: APIClient) -> None:
    assert send(api, refuse=True).status_code == 409
    assert ApiClient.objects.get().name == "frontend"
    assert not StoredAnswer.objects.exists()
    assert send(api).status_code == 201


@pytest.mark.parametrize("malformed", ["", " ", "a b", "\u00e9", "x" * 129, "a\tb"])
def test_a_malformed_key_is_refused(api: APIClient, malformed: str) -> None:
    response = send(api, malformed)
    assert response.status_code == 400
    assert [error["field"] for error in body(response)["errors"]] == ["Idempotency-Key"]
    assert Rename.calls == 0


def test_old_answers_are_forgotten(api: APIClient) -> None:
    send(api)
    send(api, "k-2")
    StoredAnswer.objects.filter(key="k-1").update(created_at=timezone.now() - KEPT)
    assert forget_old_answers() == 1
    assert StoredAnswer.objects.get().key == "k-2"


@pytest.mark.django_db(transaction=True)
def test_the_second_of_two_at_once_waits_and_gets_the_firsts_answer(api: APIClient) -> None:
    with transaction.atomic():
        first = send(api)
        thread, results = in_thread(lambda: send(api))
        wait_for_a_blocked_statement()
    thread.join()
    assert results[0].content == first.content
    assert results[0]["Idempotency-Replayed"] == "true"
    assert Rename.calls == 1


@pytest.mark.django_db(transaction=True)
def test_the_second_of_two_at_once_acts_when_the_first_fails(api: APIClient) -> None:
    with transaction.atomic():
        send(api)
        thread, results = in_thread(lambda: send(api))
        wait_for_a_blocked_statement()
        transaction.set_rollback(True)
    thread.join()
    assert "Idempotency-Replayed" not in results[0]
    assert (results[0].status_code, Rename.calls) == (201, 2)


@pytest.mark.django_db(transaction=True)
def test_who_waits_too_long_is_told_that_it_is_in_progress(api: APIClient) -> None:
    def impatient() -> Any:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '100ms'")
        return send(api)

    with transaction.atomic():
        send(api)
        thread, results = in_thread(impatient)
        thread.join()
    assert (results[0].status_code, body(results[0])["code"]) == (409, "request_in_progress")
