from itertools import product

from sessions_app.domain.states import BACK, FORWARD, Status, is_allowed

MOVES = {(before, after) for before, targets in FORWARD.items() for after in targets}
WITH_MONEY_LOCKED = {
    Status.SOURCE_LOCKED,
    Status.DESTINATION_LOCKING,
    Status.BOTH_LOCKED,
    Status.REVEALING_SECRET,
}


def reachable(start: Status) -> set[Status]:
    found = {start}
    while more := {after for before, after in MOVES if before in found} - found:
        found |= more
    return found


def test_every_status_has_its_row() -> None:
    assert set(FORWARD) == set(Status)


def test_every_status_can_be_reached() -> None:
    assert reachable(Status.INITIALIZED) == set(Status)


def test_money_that_is_locked_never_leads_straight_to_an_end_without_effect() -> None:
    for status in WITH_MONEY_LOCKED:
        assert not FORWARD[status] & {Status.CANCELLED, Status.REFUNDED}


def test_from_every_status_that_can_hold_money_both_parties_can_still_get_theirs() -> None:
    ends = {Status.COMPLETED, Status.REFUNDED}
    for status in WITH_MONEY_LOCKED | {Status.TIMEOUT, Status.FAILED, Status.REFUNDING}:
        assert reachable(status) >= ends


def test_only_a_reorganisation_leads_out_of_an_end() -> None:
    for status in (Status.COMPLETED, Status.CANCELLED, Status.REFUNDED):
        assert [after for after in Status if is_allowed(status, after)] == []
        assert is_allowed(status, BACK[status], by_reorganisation=True)


def test_what_a_reorganisation_undoes_no_other_reason_may() -> None:
    for before, after in BACK.items():
        assert not is_allowed(before, after)


def test_a_move_outside_the_table_is_never_allowed() -> None:
    for before, after in product(Status, Status):
        allowed = (before, after) in MOVES or BACK.get(before) is after
        assert is_allowed(before, after, by_reorganisation=True) is allowed
