"""Sessions through the API: from a quote to the end."""

import pytest
from django.conf import settings
from rest_framework.test import APIClient

from secrets_app.models import SealedSecret
from sessions_app.models import Session
from tests.integration.doors.calls import create_session, execute, get, post, quote, session_fields
from tests.integration.sessions.world import AMOUNTS, BACK, MAKER, THERE, World


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("route", [THERE, BACK])
def test_a_swap_runs_from_quote_to_completion(api: APIClient, world: World, route: str) -> None:
    session = execute(api, create_session(api, route)["sessionId"])
    assert (session["status"], session["seq"]) == ("source_locking", 3)
    world.lock_source(Session.objects.get(pk=session["sessionId"]))
    world.live(14)
    done = get(api, f"/sessions/{session['sessionId']}")
    assert (done["status"], done["phase"], done["progress"]) == ("completed", "completed", 100)
    states = [leg["state"] for leg in done["legs"]]
    assert states == [{"head": "withdrawn", "final": "withdrawn"}] * 2
    made = [[(tx["call"], tx["isOurs"]) for tx in leg["transactions"]] for leg in done["legs"]]
    assert made == [[(None, False), ("withdraw", True)], [("lock", True), ("withdraw", True)]]


def test_a_new_session_says_all_that_is_fixed(api: APIClient) -> None:
    offer = quote(api)
    session = post(api, "/sessions", session_fields(offer["quoteId"]), 201)
    row = Session.objects.get(pk=session["sessionId"])
    assert session == {
        "sessionId": str(row.pk),
        "status": "initialized",
        "seq": 1,
        "phase": "preparing",
        "progress": 0,
        "routeId": THERE,
        "quoteId": offer["quoteId"],
        "secretMode": "service",
        "lockMode": "wallet",
        "hashlock": "0x" + bytes(row.hashlock).hex(),
        "makerSourceAccount": MAKER,
        "makerDestinationAccount": MAKER,
        "sourceAmount": str(AMOUNTS[THERE]),
        "minimumDestinationAmount": offer["endAmount"],
        "registrationFee": "0",
        "cancelRequested": False,
        "attention": None,
        "createdAt": "2027-01-15T08:00:00Z",
        "expiresAt": "2027-01-15T08:00:30Z",
        "acceptBy": None,
        "feedUrl": settings.FEED_URL,
        "legs": [],
        "order": None,
        "walletTransactions": [],
    }


def test_a_maker_has_one_spelling_inside_whichever_came(api: APIClient) -> None:
    """So that all sessions of a maker count against its caps."""
    fields = session_fields(quote(api)["quoteId"])
    spelled = {"makerSourceAccount": MAKER.upper(), "makerDestinationAccount": MAKER.upper()}
    session = post(api, "/sessions", {**fields, **spelled}, 201)
    assert {name: session[name] for name in spelled} == dict.fromkeys(spelled, MAKER)
    row = Session.objects.get(pk=session["sessionId"])
    assert (row.maker_source_account, row.maker_destination_account) == (MAKER, MAKER)


@pytest.mark.parametrize("field", ["makerSourceAccount", "makerDestinationAccount"])
@pytest.mark.parametrize("ours", ["lock", "DUTY"])
def test_an_account_of_ours_is_refused_in_any_spelling(
    api: APIClient, field: str, ours: str
) -> None:
    fields = session_fields(quote(api)["quoteId"])
    (error,) = post(api, "/sessions", {**fields, field: ours}, 400)["errors"]
    assert (error["field"], error["code"]) == (field, "invalid_account")
    assert error["detail"] == f"{ours.lower()} is ours: give the maker's own"


def test_the_fill_fixes_both_legs_and_asks_the_wallet(api: APIClient) -> None:
    new = create_session(api)
    session = execute(api, new["sessionId"])
    source, destination = session["legs"]
    assert source == {
        "role": "source",
        "chain": "base",
        "caip2": source["caip2"],
        "symbol": "COIN",
        "token": None,
        "decimals": 18,
        "amount": new["sourceAmount"],
        "depositor": MAKER,
        "beneficiary": "lock",
        "contract": source["contract"],
        "lockId": source["lockId"],
        "hashlock": new["hashlock"],
        "lockBy": "2027-01-15T08:00:22Z",
        "timelock": source["timelock"],
        "finalityTier": source["finalityTier"],
        "state": {"head": "absent", "final": "absent"},
        "transactions": [],
    }
    assert (destination["depositor"], destination["beneficiary"]) == ("lock", MAKER)
    assert destination["timelock"] < source["timelock"]
    assert session["acceptBy"] == "2027-01-15T08:00:20Z"
    assert [asked["account"] for asked in session["walletTransactions"]] == [MAKER]


def test_executing_again_changes_nothing(api: APIClient) -> None:
    session_id = create_session(api)["sessionId"]
    assert execute(api, session_id) == execute(api, session_id)


def test_executing_after_the_quote_expired_is_refused(api: APIClient, world: World) -> None:
    session_id = create_session(api)["sessionId"]
    world.clock.now += 31
    refused = post(api, f"/sessions/{session_id}/execute", status=409)
    assert refused["code"] == "session_ended"


def test_cancelling_before_anything_is_locked_ends_the_session(api: APIClient) -> None:
    session_id = create_session(api)["sessionId"]
    cancelled = post(api, f"/sessions/{session_id}/cancel")
    assert (cancelled["status"], cancelled["cancelRequested"]) == ("cancelled", True)
    assert post(api, f"/sessions/{session_id}/cancel") == cancelled


@pytest.mark.django_db(transaction=True)
def test_cancelling_too_late_says_when_money_returns(api: APIClient, world: World) -> None:
    session = execute(api, create_session(api)["sessionId"])
    world.lock_source(Session.objects.get(pk=session["sessionId"]))
    world.live(5)
    refused = post(api, f"/sessions/{session['sessionId']}/cancel", status=409)
    assert refused["code"] == "not_cancellable"
    assert session["legs"][0]["timelock"] in refused["detail"]


def test_a_list_is_paged_from_the_newest_on_without_gap_or_double(
    api: APIClient, world: World
) -> None:
    made = []
    for _ in range(5):
        made.append(create_session(api)["sessionId"])
        world.clock.now += 1
    first = get(api, "/sessions?limit=2")
    second = get(api, f"/sessions?limit=2&cursor={first['nextCursor']}")
    create_session(api)
    last = get(api, f"/sessions?limit=2&cursor={second['nextCursor']}")
    listed = [item["sessionId"] for page in (first, second, last) for item in page["items"]]
    assert listed == made[::-1]
    assert last["nextCursor"] is None


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 200])
def test_sessions_of_one_instant_are_each_listed_once(api: APIClient, limit: int) -> None:
    made = [create_session(api)["sessionId"] for _ in range(5)]
    listed, cursor = [], ""
    while cursor is not None:
        page = get(api, f"/sessions?limit={limit}" + (cursor and f"&cursor={cursor}"))
        listed += [item["sessionId"] for item in page["items"]]
        cursor = page["nextCursor"]
    assert sorted(listed) == sorted(made)


def test_a_listed_session_is_the_session_without_its_legs(api: APIClient) -> None:
    session = execute(api, create_session(api)["sessionId"])
    (listed,) = get(api, "/sessions")["items"]
    without_legs = {**session}
    for name in ("legs", "order", "walletTransactions"):
        del without_legs[name]
    assert listed == without_legs


def test_events_after_a_number_are_those_that_follow(api: APIClient) -> None:
    session_id = create_session(api)["sessionId"]
    execute(api, session_id)
    events = get(api, f"/sessions/{session_id}/events")
    assert [event["status"] for event in events["items"]] == [
        "initialized", "executing", "source_locking"
    ]  # fmt: skip
    assert events["nextAfter"] is None
    assert events["items"][0] == {
        "type": "session_update",
        "sessionId": session_id,
        "status": "initialized",
        "seq": 1,
        "data": {
            "phase": "preparing",
            "progress": 0,
            "reason": "the session was created",
            "at": "2027-01-15T08:00:00Z",
            "byReorganisation": False,
        },
    }
    assert get(api, f"/sessions/{session_id}/events?after=2")["items"] == events["items"][2:]
    assert get(api, f"/sessions/{session_id}/events?after=3")["items"] == []


def test_the_answer_never_holds_the_secret(api: APIClient) -> None:
    session = execute(api, create_session(api)["sessionId"])
    row = Session.objects.get(pk=session["sessionId"])
    assert str(row.secret_id) not in str(session)
    assert SealedSecret.objects.count() == 1
