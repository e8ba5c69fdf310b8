import re
from contextlib import closing
from typing import Any

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


@pytest.fixture
def schema() -> dict[str, Any]:
    response = Client().get("/api/schema", headers={"Accept": "application/vnd.oai.openapi+json"})
    parsed = response.json()
    assert isinstance(parsed, dict)
    return parsed


def operations(schema: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for path in schema["paths"].values() for operation in path.values()]


def test_the_schema_says_how_to_authenticate(schema: dict[str, Any]) -> None:
    schemes = schema["components"]["securitySchemes"]
    assert schemes == {
        "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    }
    assert schema["paths"]["/api/v1/auth/token"]["post"]["security"] == [{"apiKey": []}]


def test_every_operation_says_what_an_error_looks_like(schema: dict[str, Any]) -> None:
    for operation in operations(schema):
        content = operation["responses"]["default"]["content"]
        reference = content["application/problem+json"]["schema"]["$ref"]
        assert reference == "#/components/schemas/Problem"


def test_the_page_has_every_operation_and_every_shape(schema: dict[str, Any]) -> None:
    page = Client().get("/api/docs").content.decode()
    sections = re.findall(r'<section id="(\w+)">', page)
    assert sections == [operation["operationId"] for operation in operations(schema)]
    shapes = re.findall(r'<details id="(\w+)">', page)
    assert shapes == list(schema["components"]["schemas"])


def test_the_page_loads_nothing_from_elsewhere() -> None:
    page = Client().get("/api/docs").content.decode()
    assert "<script" not in page
    assert re.findall(r'(?:src|href)="(?!#)([^"]*)"', page) == [
        "data:,",
        "/static/http/api_docs.css",
        "/api/schema",
    ]
    with closing(Client().get("/static/http/api_docs.css")) as style:
        assert style.status_code == 200
