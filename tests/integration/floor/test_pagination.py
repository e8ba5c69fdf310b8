from datetime import UTC, datetime, timedelta

import pytest
from rest_framework.test import APIClient

from orchestrator.clients.models import ApiClient
from tests.integration.floor.conftest import body

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.integration.floor.api")]

URL = "/api/clients"
FIRST = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _clients(api: APIClient) -> None:
    """c0 (oldest) to c4, c1 and c2 of the same instant; and the caller, older than all."""
    ApiClient.objects.update(created_at=FIRST - timedelta(days=1))
    for number, minute in enumerate([0, 1, 1, 2, 3]):
        at = FIRST + timedelta(minutes=minute)
        ApiClient.objects.create(name=f"c{number}", scopes=[], created_at=at)


def walk(api: APIClient, limit: int) -> list[str]:
    names, cursor = [], ""
    while True:
        page = body(api.get(f"{URL}?limit={limit}{cursor}"))
        names += [item["name"] for item in page["items"]]
        if page["nextCursor"] is None:
            return names
        cursor = f"&cursor={page['nextCursor']}"


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 200])
def test_pages_together_are_the_whole_list_newest_first(api: APIClient, limit: int) -> None:
    names = walk(api, limit)
    assert (names[:2], set(names[2:4]), names[4:]) == (
        ["c4", "c3"],
        {"c1", "c2"},
        ["c0", "frontend"],
    )


def test_rows_that_come_in_between_shift_no_page(api: APIClient) -> None:
    first = body(api.get(f"{URL}?limit=2"))
    ApiClient.objects.create(name="late", scopes=[], created_at=FIRST + timedelta(days=1))
    second = body(api.get(f"{URL}?limit=2&cursor={first['nextCursor']}"))
    assert {item["name"] for item in second["items"]} == {"c1", "c2"}


@pytest.mark.parametrize("limit", ["", "0", "-1", "201", "x", "1.5", "9" * 5000, "\u0664"])
def test_a_wrong_limit_is_named(api: APIClient, limit: str) -> None:
    response = api.get(URL, {"limit": limit})
    assert response.status_code == 400
    assert [error["field"] for error in body(response)["errors"]] == ["limit"]


@pytest.mark.parametrize("cursor", ["x", "%00", "cD0=", "\u00e9", "x" * 5000, "bz0tMQ=="])
def test_a_wrong_cursor_is_named(api: APIClient, cursor: str) -> None:
    response = api.get(URL, {"cursor": cursor})
    assert response.status_code == 400
    assert [error["field"] for error in body(response)["errors"]] == ["cursor"]
