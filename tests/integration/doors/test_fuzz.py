"""The whole OpenAPI schema, fuzzed: every call in and out of its form, in process.

A call in form that names nothing that there is may be refused for that (`OF_THE_STATE`); so every
other one is given ids, accounts and amounts that are good, and must be taken.
"""

from base64 import urlsafe_b64encode as b64encode
from collections.abc import Iterator
from typing import Any
from uuid import uuid4
from zlib import crc32

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from pytest_django import Settings
from schemathesis.config import GenerationConfig
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation import GenerationMode

from sessions_app.models import Session
from tests.integration.doors.calls import quote_fields, session_fields
from tests.integration.doors.test_schema import generate
from tests.integration.sessions.world import World

described = schemathesis.openapi.from_dict(generate())
described.app = get_wsgi_application()
described.config.generation = GenerationConfig(
    deterministic=True, with_security_parameters=False, no_shrink=True
)
CURSOR = b64encode(f"2027-01-15T08:00:00+00:00 {uuid4()}".encode()).decode().rstrip("=")
bounded = settings(
    max_examples=30, derandomize=True, deadline=None, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip

OF_THE_STATE = {
    "unknown_route", "amount_out_of_limits", "invalid_account", "secret_mode_not_offered",
    "invalid_cursor", "idempotency_key_reused", "lock_mode_not_offered", "order_refused",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _in_process(settings: Settings) -> Iterator[None]:
    """No limit of requests; and the test's transaction outlives each of them."""
    settings.REQUESTS_PER_MINUTE = {"client": 10**9, "address": 10**9}
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def statuses() -> Iterator[set[int]]:
    """Those that were answered; a call that is never taken was not tested."""
    answered: set[int] = set()
    yield answered
    assert answered & {200, 201}, answered


@pytest.fixture
def sessions(world: World) -> list[Session]:
    """In each state that a client alone can bring about."""
    cancelled = world.cancel(world.create())
    return [world.create(), world.start(), cancelled]


@described.parametrize()
@bounded
def test_every_call_keeps_to_the_schema(
    case: Any, key: str, world: World, sessions: list[Session], statuses: set[int]
) -> None:
    bring_to_life(case, world, sessions)
    answer = case.call(headers={"X-API-Key": key})
    statuses.add(answer.status_code)
    check(case, answer, key)


def check(case: Any, answer: Any, key: str) -> None:
    """All checks; whoever is refused for the state of things was in form."""
    code = answer.json()["code"] if answer.status_code in (400, 422) else None
    is_refused = code in OF_THE_STATE or (code == "invalid_hashlock" and not fits_its_mode(case))
    excluded = [schemathesis.checks.positive_data_acceptance] if is_refused else []
    case.validate_response(answer, excluded_checks=excluded, headers={"X-API-Key": key})


def fits_its_mode(case: Any) -> bool:
    """A hashlock belongs to mode `maker` and to no other, which no schema can say."""
    return (case.body.get("secretMode") == "maker") is (case.body.get("hashlock") is not None)


def bring_to_life(case: Any, world: World, sessions: list[Session]) -> None:
    """Half of what is in form gets values that name something; the same half at each replay."""
    drawn = crc32(repr((case.path_parameters, case.query, case.body)).encode(errors="replace"))
    if drawn % 2 or case.meta is None:
        return
    parts = case.meta.components.items()
    in_form = {where for where, part in parts if part.mode is GenerationMode.POSITIVE}
    session = sessions[drawn // 2 % len(sessions)]
    ids = {"session_id": session.pk, "quote_id": session.quote_id}
    if ParameterLocation.PATH in in_form:
        fill_in(case.path_parameters, {name: str(one) for name, one in ids.items()})
    if ParameterLocation.QUERY in in_form:
        fill_in(case.query, {"cursor": CURSOR})
    if ParameterLocation.BODY in in_form and isinstance(case.body, dict):
        fill_in(case.body, {**session_fields(str(world.quote())), **quote_fields()})
        case.body.pop("hashlock", None)  # belongs to mode `maker` alone, which no schema can say


def fill_in(named: dict[str, Any], good: dict[str, str]) -> None:
    """The good values for those names that there are."""
    named.update({name: good[name] for name in named.keys() & good.keys()})


def test_what_one_call_gives_the_next_one_takes(key: str, world: World, statuses: set[int]) -> None:
    """Quotes, sessions and what is done with them, in any order that the schema allows."""

    class Machine(described.as_state_machine()):  # type: ignore[misc]  # made at run time
        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            return {"headers": {"X-API-Key": key}}

        def validate_response(self, response: Any, case: Any, **_: Any) -> None:
            statuses.add(response.status_code)
            check(case, response, key)

    run_state_machine_as_test(Machine, settings=settings(bounded, stateful_step_count=8))
