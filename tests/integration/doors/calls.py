"""The API's calls, as a frontend makes them."""

import json
from typing import Any

from rest_framework.test import APIClient

from tests.integration.floor.conftest import body
from tests.integration.sessions.world import AMOUNTS, MAKER, THERE

V1 = "/api/v1"
NOTHING = object()


def get(api: APIClient, path: str, status: int = 200) -> dict[str, Any]:
    """The answer to a GET, which has that status."""
    return _answer(api.get(V1 + path), status)


def post(
    api: APIClient, path: str, sent: Any = NOTHING, status: int = 200, *, key: str | None = None
) -> dict[str, Any]:
    """The answer to a POST, which has that status; `key` is its Idempotency-Key."""
    headers = {} if key is None else {"Idempotency-Key": key}
    text = "" if sent is NOTHING else json.dumps(sent)
    response = api.post(V1 + path, text, content_type="application/json", headers=headers)
    return _answer(response, status)


def quote(api: APIClient, route: str = THERE) -> dict[str, Any]:
    """A fresh quote."""
    return post(api, "/quote", quote_fields(route), 201)


def quote_fields(route: str = THERE) -> dict[str, str]:
    """A good body of POST /quote."""
    return {"routeId": route, "amount": str(AMOUNTS[route])}


def session_fields(quote_id: str) -> dict[str, str]:
    """A good body of POST /sessions."""
    return {
        "quoteId": quote_id,
        "makerSourceAccount": MAKER,
        "makerDestinationAccount": MAKER,
        "secretMode": "service",
    }


def create_session(api: APIClient, route: str = THERE) -> dict[str, Any]:
    """A fresh session."""
    return post(api, "/sessions", session_fields(quote(api, route)["quoteId"]), 201)


def execute(api: APIClient, session_id: str) -> dict[str, Any]:
    """The session after its auction has begun."""
    return post(api, f"/sessions/{session_id}/execute")


def _answer(response: Any, status: int) -> dict[str, Any]:
    answer = body(response)
    assert response.status_code == status, answer
    return answer
