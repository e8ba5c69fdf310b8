"""The gasless example of docs/api.md is what the code makes, and its signatures are good."""

from datetime import datetime
from typing import Any

from chains_app.adapters import evm_orders
from chains_app.adapters.evm_accounts import Account, encode_typed_data
from chains_app.adapters.evm_contract import EscrowContracts
from chains_app.locks import LockTerms
from chains_app.orders import Order, SignedOrder
from orchestrator.kernel.clock import Seconds
from sessions_app.api import examples
from sessions_app.api.requests import ExecuteRequest

BASE = 8453
NEW: dict[str, Any] = examples.CREATE_SESSION[2].value
SENT: dict[str, Any] = examples.EXECUTE[0].value
EXECUTED: dict[str, Any] = examples.EXECUTE[1].value


def unix(time: str) -> Seconds:
    return Seconds(int(datetime.fromisoformat(time).timestamp()))


def order() -> Order:
    """Of the example's session, as `sessions_app.gasless.order_of` makes it of a stored one."""
    (leg,), (_, destination) = NEW["legs"], EXECUTED["legs"]
    same = {name: leg[name] for name in ("chain", "contract", "depositor", "beneficiary", "token")}
    terms = LockTerms(
        **same,
        amount=int(leg["amount"]),
        hashlock=bytes.fromhex(leg["hashlock"][2:]),
        lock_by=unix(leg["lockBy"]),
        timelock=unix(leg["timelock"]),
    )
    return Order(
        terms,
        destination_chain=destination["caip2"],
        destination_token=destination["token"] or "",
        receiver=NEW["makerDestinationAccount"],
        minimum_amount=int(NEW["minimumDestinationAmount"]),
        fee=int(NEW["order"]["message"]["fee"]),
    )


def test_the_order_is_the_one_of_its_session() -> None:
    assert NEW["order"] == evm_orders.typed_data(order(), BASE)
    (leg,) = NEW["legs"]
    assert leg["lockId"] == EscrowContracts(BASE, leg["contract"]).escrow(order().terms)
    assert EXECUTED["legs"][0] == leg


def test_what_is_sent_is_taken_and_signed_by_the_maker() -> None:
    body = ExecuteRequest(data=SENT)
    assert body.is_valid(), body.errors
    signed = SignedOrder(order(), body.validated_data["signature"])
    assert evm_orders.signer_of(signed, BASE) == NEW["makerSourceAccount"]


def test_the_permit_lets_the_contract_take_the_amount() -> None:
    (leg,), permit = NEW["legs"], SENT["permit"]
    domain = {
        "name": "USD Coin",
        "version": "2",
        "chainId": BASE,
        "verifyingContract": leg["token"],
    }
    kinds = {"owner": "address", "spender": "address"}
    kinds |= dict.fromkeys(("value", "nonce", "deadline"), "uint256")
    message = {
        "owner": leg["depositor"],
        "spender": leg["contract"],
        "value": int(leg["amount"]),
        "nonce": 0,
        "deadline": unix(leg["timelock"]),
    }
    types = {"Permit": [{"name": name, "type": kind} for name, kind in kinds.items()]}
    signable = encode_typed_data(domain, types, message)
    signer = Account.recover_message(signable, signature=permit["signature"])
    assert (signer, permit["value"]) == (leg["depositor"], leg["amount"])
    assert permit["deadline"] == str(unix(leg["timelock"]))
