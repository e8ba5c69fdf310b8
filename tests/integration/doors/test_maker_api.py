"""Mode `maker` and the exit kit through the API."""

import hashlib
from typing import Any

import pytest
from rest_framework.test import APIClient

from orchestrator.kernel.hashlock import Secret
from sessions_app.domain.states import Status
from sessions_app.models import Session
from tests.integration.doors.calls import create_session, execute, get, post, quote, session_fields
from tests.integration.doors.refusals import assert_refused, nothing_changes
from tests.integration.doors.test_bad_input import NO_HASH
from tests.integration.sessions.world import World

SECRET = Secret(bytes(range(32)))
SHOWN = "0x" + SECRET.reveal().hex()
HASHLOCK = "0x" + hashlib.sha256(SECRET.reveal()).hexdigest()


def create(api: APIClient) -> dict[str, Any]:
    fields = session_fields(quote(api)["quoteId"])
    return post(api, "/sessions", fields | {"secretMode": "maker", "hashlock": HASHLOCK}, 201)


def locked(api: APIClient, world: World) -> str:
    """The path of a session both of whose locks are final."""
    session_id = execute(api, create(api)["sessionId"])["sessionId"]
    session = Session.objects.get(pk=session_id)
    world.lock_source(session)
    world.live_until(Status.BOTH_LOCKED, session)
    return f"/sessions/{session_id}"


@pytest.mark.django_db(transaction=True)
def test_a_maker_posts_the_secret_and_is_paid(api: APIClient, world: World) -> None:
    path = locked(api, world)
    answer = post(api, f"{path}/secret", {"secret": SHOWN}, key="once")
    assert (answer["status"], answer["hashlock"]) == ("revealing_secret", HASHLOCK)
    assert SHOWN[2:] not in str(answer)
    assert post(api, f"{path}/secret", {"secret": SHOWN}, key="once") == answer
    world.live(10)
    assert get(api, path)["status"] == "completed"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "wrong", [value for value in NO_HASH if value != "\ud800"] + [None, "0x" + "5e" * 32]
)
def test_rule_13_no_error_repeats_what_was_given_as_a_secret(
    api: APIClient, world: World, wrong: Any
) -> None:
    path = f"/sessions/{create(api)['sessionId']}"
    with nothing_changes():
        answer = post(api, f"{path}/secret", {"secret": wrong}, 400)
    code = "null" if wrong is None else "invalid_secret"
    assert_refused(answer, code, "secret")
    if isinstance(wrong, str) and len(wrong) > 3:
        assert wrong not in str(answer)


def test_a_secret_before_its_time_or_of_ours_is_refused(api: APIClient) -> None:
    path = f"/sessions/{create(api)['sessionId']}"
    ours = f"/sessions/{create_session(api)['sessionId']}"
    with nothing_changes():
        for each in (path, ours):
            answer = post(api, f"{each}/secret", {"secret": SHOWN}, 409)
            assert answer["code"] == "secret_not_taken"
            assert SHOWN[2:] not in str(answer)
        assert post(api, f"{path}/secret", {}, 400)["errors"][0]["code"] == "required"


def test_a_hashlock_belongs_to_its_mode_and_to_one_session(api: APIClient) -> None:
    create(api)
    fields = session_fields(quote(api)["quoteId"])
    with nothing_changes():
        without = post(api, "/sessions", fields | {"secretMode": "maker"}, 400)
        assert_refused(without, "invalid_hashlock", "hashlock")
        ours = post(api, "/sessions", fields | {"hashlock": HASHLOCK}, 400)
        assert_refused(ours, "invalid_hashlock", "hashlock")
        zero = fields | {"secretMode": "maker", "hashlock": "0x" + "00" * 32}
        assert_refused(post(api, "/sessions", zero, 400), "invalid_hashlock", "hashlock")
        again = fields | {"secretMode": "maker", "hashlock": HASHLOCK}
        assert post(api, "/sessions", again, 409)["code"] == "hashlock_used"


def test_another_clients_session_has_no_secret_to_post_and_no_kit(
    api: APIClient, stranger: APIClient
) -> None:
    path = f"/sessions/{create(api)['sessionId']}"
    with nothing_changes():
        assert post(stranger, f"{path}/secret", {"secret": SHOWN}, 404)["code"]
        assert get(stranger, f"{path}/exit-kit", 404)["code"] == "session_not_found"


def test_the_exit_kit_follows_from_the_fill_and_never_changes(api: APIClient, world: World) -> None:
    session_id = create(api)["sessionId"]
    path = f"/sessions/{session_id}"
    assert get(api, f"{path}/exit-kit", 409)["code"] == "nothing_to_exit"
    filled = execute(api, session_id)
    kit = get(api, f"{path}/exit-kit")
    source, destination = kit["legs"]
    assert [leg["lockId"] for leg in kit["legs"]] == [leg["lockId"] for leg in filled["legs"]]
    assert [(each["call"], each["notBefore"], each["before"]) for each in source["exits"]] == [
        ("refund", source["timelock"], None),
        ("pay", None, None),
    ]
    assert [(each["call"], each["before"]) for each in destination["exits"]] == [
        ("withdraw", destination["timelock"]),
        ("pay", None),
    ]
    for chain in world.chains.values():
        chain.is_unreachable = True
    assert get(api, f"{path}/exit-kit") == kit


def test_where_the_secret_is_ours_the_kit_has_no_withdrawal(api: APIClient) -> None:
    session_id = create_session(api)["sessionId"]
    execute(api, session_id)
    kit = get(api, f"/sessions/{session_id}/exit-kit")
    calls = [[each["call"] for each in leg["exits"]] for leg in kit["legs"]]
    assert calls == [["refund", "pay"], ["pay"]]
