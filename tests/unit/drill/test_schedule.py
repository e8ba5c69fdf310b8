"""What a seed decides: everything, once and for all, within what the margin insures."""

from dataclasses import replace
from itertools import pairwise
from typing import Final

import pytest

from auctions_app.timelocks import TimelockPolicy
from devnet.drill.schedule import DURATIONS, HALT, LANES, Behaviour, Schedule, draw
from devnet.faults import Failure, Lie

SEEDS: Final = range(40)
SCHEDULES: Final = [draw(seed, 100) for seed in SEEDS]


def test_a_seed_gives_one_schedule() -> None:
    assert draw(7, 30) == draw(7, 30)
    assert draw(7, 30).to_json() != draw(8, 30).to_json()


def test_schedules_differ_in_swaps_and_in_each_lane() -> None:
    one, other = SCHEDULES[:2]
    assert one.swaps != other.swaps
    assert all(one.lanes[name] != other.lanes[name] for name in LANES)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=SEEDS)
def test_a_storm_with_its_jumps_is_shorter_than_the_insured_halt(schedule: Schedule) -> None:
    faults = [fault for lane in schedule.lanes.values() for fault in lane]
    last = max(fault.at + fault.seconds for fault in faults)
    assert last <= schedule.storm_seconds
    jumped = sum(fault.size for fault in faults if fault.kind == "jump")
    assert schedule.storm_seconds + jumped < HALT


@pytest.mark.parametrize("schedule", SCHEDULES, ids=SEEDS)
def test_a_lane_has_one_fault_at_a_time(schedule: Schedule) -> None:
    for lane in schedule.lanes.values():
        assert all(one.at + one.seconds < other.at for one, other in pairwise(lane))


@pytest.mark.parametrize("schedule", SCHEDULES, ids=SEEDS)
def test_a_hundred_swaps_meet_every_kind_of_fault(schedule: Schedule) -> None:
    for name, kinds in LANES.items():
        assert {fault.kind for fault in schedule.lanes[name]} == set(kinds)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=SEEDS)
def test_a_hundred_swaps_go_every_way_in_every_mode(schedule: Schedule) -> None:
    kinds = {(swap.route, swap.lock_mode, swap.owns_secret) for swap in schedule.swaps}
    assert len(kinds) == 20  # tests/acceptance/test_swaps counts the same
    honest = [swap for swap in schedule.swaps if swap.behaviour is Behaviour.HONEST]
    assert 40 <= len(honest) <= 80


def test_every_behaviour_is_drawn() -> None:
    drawn = {swap.behaviour for schedule in SCHEDULES for swap in schedule.swaps}
    assert drawn == set(Behaviour)


def test_only_who_can_behave_so_does() -> None:
    for swap in (swap for schedule in SCHEDULES for swap in schedule.swaps):
        if swap.lock_mode == "gasless":
            assert swap.behaviour not in (Behaviour.NEVER_LOCKS, Behaviour.LOCKS_LATE)
        if not swap.owns_secret:
            assert swap.behaviour not in (Behaviour.KEEPS_SECRET, Behaviour.WITHDRAWS)


def test_sizes_that_number_something_number_all_of_it() -> None:
    ways = LANES["ways"]
    assert (ways["failing"][2], ways["lying"][2]) == ((0, len(Failure) - 1), (0, len(Lie) - 1))


def test_the_drills_durations_are_safe() -> None:
    finality = {"base": {"head+1": 3, "finalized": 6}, "near": {"final": 4}}
    policy = TimelockPolicy(
        **DURATIONS, source_finality=finality["base"], destination_finality=finality["near"]
    )
    assert policy.problems() == []
    assert replace(policy, margin=HALT).problems() != []
