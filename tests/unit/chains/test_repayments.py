"""What became of a repayment: by its own attempts, and by what a node tells of a transfer."""

from typing import Any

from chains_app.adapters.evm_contract import topic
from chains_app.adapters.evm_tokens import moved_nothing, transfer
from chains_app.models import Attempt, AttemptStatus
from chains_app.outbox.effects import Effect
from chains_app.outbox.repayments import repayment_effect

TOKEN = "0x" + "Ab" * 20
DATA = "0x" + transfer("0x" + "11" * 20, 7).hex()
TRANSFERRED = topic("Transfer(address,address,uint256)")


def sent(data: str = DATA) -> dict[str, Any]:
    return {"to": TOKEN.lower(), "input": data}


def receipt(*logs: tuple[str, str]) -> dict[str, Any]:
    return {"logs": [{"address": address, "topics": [first]} for address, first in logs]}


def test_a_token_that_answered_false_and_moved_nothing_tells_so_by_its_silence() -> None:
    assert moved_nothing(sent(), receipt())
    assert moved_nothing(sent(), receipt((TOKEN, topic("Approval(address,address,uint256)"))))


def test_another_contracts_event_says_nothing_of_it() -> None:
    assert moved_nothing(sent(), receipt(("0x" + "cd" * 20, TRANSFERRED)))


def test_a_transfer_that_was_made_tells_so() -> None:
    assert not moved_nothing(sent(), receipt((TOKEN, TRANSFERRED)))


def test_what_is_no_transfer_of_a_token_is_not_asked() -> None:
    assert not moved_nothing(sent("0x"), receipt())
    assert not moved_nothing(sent("0x" + "00" * 68), receipt())


def test_rule_5_a_repayment_whose_end_is_not_known_is_not_made_again() -> None:
    failed, unknown = (Attempt(status=AttemptStatus.FINAL, succeeded=x) for x in (False, None))
    paid = Attempt(status=AttemptStatus.FINAL, succeeded=True, included_height=7)
    assert repayment_effect([failed]) == (Effect.MISSING, None)
    assert repayment_effect([failed, unknown]) == (Effect.AT_HEAD, None)
    assert repayment_effect([failed, paid]) == (Effect.DONE, 7)
