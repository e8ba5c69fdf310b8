"""Routes and quotes through the API."""

from uuid import uuid4

from rest_framework.test import APIClient

from auctions_app.models import Quote
from auctions_app.routes import TRUST_OF_MAKER_MODE, TRUST_OF_SERVICE_MODE
from tests.integration.doors.calls import create_session, get, post, quote, session_fields
from tests.integration.sessions.world import AMOUNTS, BACK, ETHER, THERE


def test_routes_say_limits_and_whom_one_trusts(api: APIClient) -> None:
    routes = {route["routeId"]: route for route in get(api, "/routes")["items"]}
    assert set(routes) == {THERE, BACK}
    there = routes[THERE]
    assert (there["source"]["chain"], there["source"]["decimals"]) == ("base", 18)
    assert (there["destination"]["chain"], there["destination"]["decimals"]) == ("near", 24)
    assert there["minimum"] == str(ETHER // 100)
    assert there["secretModes"] == [
        {"mode": "service", "maximum": str(10 * ETHER), "trust": TRUST_OF_SERVICE_MODE},
        {"mode": "maker", "maximum": str(100 * ETHER), "trust": TRUST_OF_MAKER_MODE},
    ]


def test_a_quote_is_priced_bounded_and_kept(api: APIClient) -> None:
    offer = quote(api)
    row = Quote.objects.get(pk=offer["quoteId"])
    assert offer["sourceAmount"] == str(AMOUNTS[THERE])
    assert offer["startAmount"] == str(row.start_amount)
    assert offer["endAmount"] == str(row.end_amount)
    assert offer["fees"] == {
        "gas": str(row.gas_fee), "maximum": str(row.maximum_fee), "submission": "0"
    }  # fmt: skip
    assert offer["limits"] == {"minimum": str(ETHER // 100), "maximum": str(100 * ETHER)}
    assert offer["expiresAt"] == "2027-01-15T08:00:30Z"
    assert offer["sessionId"] is None
    assert get(api, f"/quote/{offer['quoteId']}") == offer


def test_timelocks_are_the_latest_of_the_routes_policy(api: APIClient) -> None:
    assert quote(api)["timelocks"] == get(api, "/routes")["items"][0]["timelocks"]
    times = quote(api)["timelocks"]
    assert times["acceptBy"] < times["sourceLockBy"] < times["destinationTimelock"]
    assert times["destinationLockBy"] < times["destinationTimelock"] < times["sourceTimelock"]


def test_a_taken_quote_names_its_session(api: APIClient) -> None:
    session = create_session(api)
    assert get(api, f"/quote/{session['quoteId']}")["sessionId"] == session["sessionId"]


def test_a_quote_is_taken_once(api: APIClient) -> None:
    fields = session_fields(quote(api)["quoteId"])
    post(api, "/sessions", fields, 201)
    assert post(api, "/sessions", fields, 409)["code"] == "quote_taken"


def test_an_unknown_quote_is_not_found(api: APIClient) -> None:
    assert get(api, f"/quote/{uuid4()}", 404)["code"] == "quote_not_found"
