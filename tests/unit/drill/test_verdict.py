"""A verdict finds what went wrong: each of its four numbers can be other than zero."""

from collections import Counter

import pytest

from devnet.drill.__main__ import lanes_unmet, shortcomings
from devnet.drill.leaks import PUBLISHED, leaks
from devnet.drill.verdict import STORAGE, Lock, is_atomic, is_stuck, misplaced_by_us, moved_wrongly
from devnet.ledger import Parts

SECRET, OTHER = bytes(range(32)), bytes(range(32, 64))
TORN = [
    ("withdrawn", "refunded"), ("refunded", "withdrawn"), ("withdrawn", "absent"),
    ("absent", "withdrawn"), ("withdrawn", "open"), ("open", "withdrawn"), ("owed", "withdrawn"),
]  # fmt: skip
WHOLE = [
    ("withdrawn", "withdrawn"), ("refunded", "refunded"), ("absent", "absent"),
    ("refunded", "absent"),
]  # fmt: skip
CLEAN = {
    "stuck": 0, "atomicity_violations": 0, "balance_errors": 0, "secrets_leaked": 0,
    "beyond_the_halt": {"are_the_predicted": True}, "swaps": 8, "completed": 1,
    "refunded": 3, "cancelled": 4, "failed": 0,
    "faults": {"jump": 1, "kill": 1, "http_502": 1},
}  # fmt: skip


def locks(*ends: str, source: str = "base", amount: int = 100) -> list[Lock]:
    chains = ("base", "near") if source == "base" else ("near", "base")
    return [Lock(chain, None, amount, end) for chain, end in zip(chains, ends, strict=True)]


@pytest.mark.parametrize("ends", TORN)
def test_one_leg_without_the_other_is_a_violation(ends: tuple[str, str]) -> None:
    assert not is_atomic(locks(*ends))


@pytest.mark.parametrize("ends", WHOLE)
def test_both_or_neither_is_none(ends: tuple[str, str]) -> None:
    assert is_atomic(locks(*ends))


def test_a_session_without_locks_is_whole() -> None:
    assert is_atomic([])


def test_who_took_the_one_leg_of_an_unfilled_order_owes_it() -> None:
    (source, _) = locks("withdrawn", "absent")
    assert not is_atomic([source])


@pytest.mark.parametrize(
    ("status", "attention", "ends"),
    [
        ("refunding", "", ("refunded", "absent")),
        ("completed", "", ("withdrawn", "owed")),
        ("refunded", "", ("open", "absent")),
        ("completed", "payout_overdue", ("withdrawn", "withdrawn")),
    ],
)
def test_what_is_not_over_is_stuck(status: str, attention: str, ends: tuple[str, str]) -> None:
    assert is_stuck(status, attention, locks(*ends))


def test_what_is_over_is_not() -> None:
    assert not is_stuck("completed", "", locks("withdrawn", "withdrawn"))
    assert not is_stuck("failed", "lost_race", locks("refunded", "withdrawn"))


@pytest.mark.parametrize(
    ("role", "end", "moved", "is_wrong"),
    [
        ("source", "withdrawn", -100, False),
        ("source", "withdrawn", 0, True),
        ("source", "refunded", 0, False),
        ("source", "refunded", -1, True),
        ("source", "absent", -100, True),
        ("destination", "withdrawn", 100, False),
        ("destination", "withdrawn", 99, True),
        ("destination", "refunded", 100, True),
    ],
)
def test_a_makers_coins_move_as_the_lock_says(
    role: str, end: str, moved: int, *, is_wrong: bool
) -> None:
    assert moved_wrongly(role, Lock("base", None, 100, end), moved) is is_wrong


def test_a_lock_on_near_may_cost_its_storage_and_no_more() -> None:
    lock = Lock("near", None, 100, "refunded")
    assert not moved_wrongly("source", lock, -STORAGE)
    assert moved_wrongly("source", lock, -STORAGE - 1)
    assert moved_wrongly("source", lock, 1)


@pytest.mark.parametrize(("received", "is_wrong"), [(100, False), (99, True), (101, True)])
def test_our_coins_move_as_all_locks_say(received: int, *, is_wrong: bool) -> None:
    parts: Parts = {("us", None): Counter(received=received)}
    found = misplaced_by_us({"base": ["us"]}, [locks("withdrawn", "absent")], parts)
    assert (found != []) is is_wrong


def test_a_secret_is_found_wherever_it_stands() -> None:
    texts = [("file worker.log", SECRET.hex().encode()), (PUBLISHED, SECRET.hex().encode())]
    assert leaks([OTHER, SECRET], set(), texts) == [
        "file worker.log: secret 1 as hex",
        "chains_app_watch.preimage: secret 1 as hex",
    ]
    assert leaks([SECRET], {SECRET}, texts) == ["file worker.log: secret 0 as hex"]
    assert leaks([OTHER], set(), texts) == []


@pytest.mark.parametrize(
    "name", ["stuck", "atomicity_violations", "balance_errors", "secrets_leaked"]
)
def test_a_single_fault_fails_the_drill(name: str) -> None:
    assert list(shortcomings(CLEAN)) == []
    assert list(shortcomings(CLEAN | {name: 1})) == [f"{name}: 1"]


def test_another_loss_than_the_predicted_one_fails_the_drill() -> None:
    (found,) = shortcomings(CLEAN | {"beyond_the_halt": {"are_the_predicted": False}})
    assert "other swaps than predicted" in found


@pytest.mark.parametrize("end", ["completed", "refunded", "cancelled", "failed"])
def test_a_swap_without_an_end_fails_the_drill(end: str) -> None:
    assert list(shortcomings(CLEAN | {end: 5})) == ["of 8 swaps not all have ended"]


def test_where_enough_tried_and_nobody_was_paid_the_drill_fails() -> None:
    unpaid = CLEAN | {"completed": 0, "refunded": 4}
    assert list(shortcomings(unpaid)) == ["none of 8 swaps was paid"]
    assert list(shortcomings(unpaid | {"swaps": 7, "refunded": 3})) == []


@pytest.mark.parametrize(
    ("kind", "lane"), [("jump", "chains"), ("kill", "machines"), ("http_502", "ways")]
)
def test_a_lane_whose_faults_met_nothing_fails_the_drill(kind: str, lane: str) -> None:
    faults = {"jump": 1, "kill": 1, "http_502": 1, kind: 0}
    assert lanes_unmet(faults) == {lane}
    (found,) = shortcomings(CLEAN | {"faults": faults})
    assert lane in found
