"""An API client, and a test client that calls as it."""

import os
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection
from rest_framework.test import APIClient

from orchestrator.clients.models import Scope
from orchestrator.clients.services import create_client


@pytest.fixture
def key(db: None) -> str:
    """The API key of a client that may read and write."""
    return create_client(name="frontend", scopes=[Scope.READ, Scope.WRITE])[1]


@pytest.fixture
def api(key: str) -> APIClient:
    """Calls with that key; an error in a view is answered as in production, not raised."""
    return caller(HTTP_X_API_KEY=key)


def process_environment(**more: str) -> dict[str, str]:
    """For a process of the service's own that works on the test's database."""
    url = urlsplit(os.environ["DATABASE_URL"])
    database = url._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    settings = {"DJANGO_SETTINGS_MODULE": "orchestrator.settings", "DATABASE_URL": database}
    return {**os.environ, **settings, **more}


def caller(**headers: str) -> APIClient:
    """A test client with these headers."""
    client = APIClient(raise_request_exception=False)
    client.credentials(**headers)
    return client


def body(response: Any) -> dict[str, Any]:
    """The JSON object of an answer."""
    parsed = response.json()
    assert isinstance(parsed, dict)
    return parsed
