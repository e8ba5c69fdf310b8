"""A gasless swap by the API: quote, session, the order to sign, execution; and what is refused."""

from collections.abc import Iterator
from typing import Any

import pytest
from rest_framework.test import APIClient

from chains_app.adapters.memory_contract import order_signature
from chains_app.locks import Call
from chains_app.orders import Order, SignedOrder, permit_bytes
from sessions_app.models import Role, Session
from tests.integration.doors.calls import get, post, session_fields
from tests.integration.sessions.tokens import AMOUNTS, with_tokens
from tests.integration.sessions.world import MAKER, World, terms

ROUTE = "base:USDC->near:USDC"
FIELDS = {"routeId": ROUTE, "amount": str(AMOUNTS["base:USDC"])}


@pytest.fixture
def tokens(world: World) -> Iterator[World]:
    with with_tokens(world) as ours:
        yield ours


@pytest.fixture
def new(tokens: World, api: APIClient) -> dict[str, Any]:
    """A gasless session whose maker has approved the contract."""
    offer = post(api, "/quote", {**FIELDS, "lockMode": "gasless"}, 201)
    session = post(api, "/sessions", session_fields(offer["quoteId"]), 201)
    row = Session.objects.get(pk=session["sessionId"])
    tokens.send_as(MAKER, Call.APPROVE, terms(row, Role.SOURCE))
    tokens.block(1, "base")
    return session


def sign(session: dict[str, Any], account: str = MAKER) -> str:
    """From what the API said alone."""
    return "0x" + order_signature(Order.from_json(session["order"]["order"]), account).hex()


def test_the_session_carries_the_order_until_it_is_executed(
    api: APIClient, new: dict[str, Any]
) -> None:
    assert (new["lockMode"], new["walletTransactions"]) == ("gasless", [])
    assert [leg["role"] for leg in new["legs"]] == ["source"]
    assert new["acceptBy"] is not None
    path = f"/sessions/{new['sessionId']}"
    executed = post(api, f"{path}/execute", {"signature": sign(new)})
    assert executed["status"] == "source_locking"
    assert (executed["order"], executed["walletTransactions"]) == (None, [])
    assert executed["acceptBy"] == new["acceptBy"]
    same = [(leg["lockId"], leg["lockBy"], leg["timelock"]) for leg in new["legs"]]
    source = executed["legs"][0]
    assert same == [(source["lockId"], source["lockBy"], source["timelock"])]
    again = post(api, f"{path}/execute", {"signature": sign(new)})
    assert again["seq"] == executed["seq"]


def test_what_is_signed_is_kept_with_its_permit(api: APIClient, new: dict[str, Any]) -> None:
    key = b"\2" * 64 + b"\x1c"
    permit = {"value": "5", "deadline": "1900000000", "signature": "0x" + key.hex()}
    sent = {"signature": sign(new), "permit": permit}
    post(api, f"/sessions/{new['sessionId']}/execute", sent)
    kept = Session.objects.get(pk=new["sessionId"]).order
    assert kept == SignedOrder(
        Order.from_json(new["order"]["order"]),
        bytes.fromhex(sign(new)[2:]),
        permit_bytes(5, 1_900_000_000, key),
    )
    assert kept.permit == b"".join(n.to_bytes(32, "big") for n in (5, 1_900_000_000, 0x1C)) + (
        b"\2" * 64
    )


def _permit_until(deadline: Any) -> dict[str, Any]:
    return {"permit": {"value": "1", "deadline": deadline, "signature": "0x" + "11" * 65}}


BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "none": ({}, "signature", "order_refused"),
    "another's": ({"signature": "0x" + "11" * 32}, "signature", "order_refused"),
    "not hex": ({"signature": "signed"}, "signature", "invalid"),
    "half a byte": ({"signature": "0x123"}, "signature", "invalid"),
    "too long": ({"signature": "0x" + "11" * 1025}, "signature", "invalid"),
    "a number": ({"signature": 5}, "signature", "invalid"),
    "a field more": ({"signature": "0x11", "gas": 5}, "gas", "unknown_field"),
    "a permit without its deadline": (
        {"signature": "0x11", "permit": {"value": "1", "signature": "0x" + "11" * 65}},
        "permit.deadline",
        "required",
    ),
    "a permit's short signature": (
        {"permit": {"value": "1", "deadline": "1", "signature": "0x" + "11" * 64}},
        "permit.signature",
        "invalid",
    ),
    "a permit of nothing": (
        {"permit": {"value": "0", "deadline": "1", "signature": "0x" + "11" * 65}},
        "permit.value",
        "invalid_amount",
    ),
    "a permit until a number": (_permit_until(1796066225), "permit.deadline", "invalid"),
    "a permit until a time": (_permit_until("2026-11-22T22:00Z"), "permit.deadline", "invalid"),
    "a permit until 0": (_permit_until("0"), "permit.deadline", "invalid"),
    "a permit until 2^256": (_permit_until(str(2**256)), "permit.deadline", "invalid"),
    "a permit that is a list": ({"permit": []}, "permit", "invalid"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_order_is_refused_and_changes_nothing(
    tokens: World, api: APIClient, new: dict[str, Any], case: str
) -> None:
    sent, field, code = BAD[case]
    before = tokens.balances(MAKER, "lock", "duty")
    problem = post(api, f"/sessions/{new['sessionId']}/execute", sent, 400)
    assert [(each["field"], each["code"]) for each in problem["errors"]] == [(field, code)]
    session = get(api, f"/sessions/{new['sessionId']}")
    assert (session["status"], session["seq"], session["order"]) == ("initialized", 1, new["order"])
    assert tokens.balances(MAKER, "lock", "duty") == before


def test_a_deadline_in_another_form_is_told_its_own(api: APIClient, new: dict[str, Any]) -> None:
    sent = _permit_until(1796066225)
    (error,) = post(api, f"/sessions/{new['sessionId']}/execute", sent, 400)["errors"]
    assert error["detail"] == (
        "1796066225 is not a deadline: give Unix seconds as a decimal string, above 0"
    )


def test_a_wallets_session_takes_no_signature(tokens: World, api: APIClient) -> None:
    offer = post(api, "/quote", FIELDS, 201)
    session = post(api, "/sessions", session_fields(offer["quoteId"]), 201)
    assert (session["lockMode"], session["order"], session["legs"]) == ("wallet", None, [])
    sent = {"signature": "0x11"}
    problem = post(api, f"/sessions/{session['sessionId']}/execute", sent, 400)
    assert problem["errors"][0]["code"] == "order_refused"


def test_a_route_says_how_its_source_can_be_locked(tokens: World, api: APIClient) -> None:
    modes = {route["routeId"]: route["lockModes"] for route in get(api, "/routes")["items"]}
    assert modes[ROUTE] == ["wallet", "gasless"]
    assert modes["near:USDC->base:USDC"] == ["wallet"]


def test_what_a_route_does_not_offer_is_refused(tokens: World, api: APIClient) -> None:
    wanted = {**FIELDS, "routeId": "near:USDC->base:USDC", "lockMode": "gasless"}
    problem = post(api, "/quote", wanted, 400)
    assert [(each["field"], each["code"]) for each in problem["errors"]] == [
        ("lockMode", "lock_mode_not_offered")
    ]
