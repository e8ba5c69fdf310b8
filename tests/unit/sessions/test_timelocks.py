from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auctions_app.timelocks import FinalityTiers, TimelockPolicy
from orchestrator.kernel.clock import Seconds
from sessions_app.domain.timelocks import (
    Clocks,
    Head,
    fix_deadlines,
    is_stale,
    ladder_holds,
)

MAINNET = TimelockPolicy(
    time_to_lock=90,
    inclusion=300,
    guard_distance=600,
    claim_window=1800,
    margin=4500,
    clock_slack=60,
    halt=1800,
    source_finality={"head": 15, "safe": 300, "finalized": 1500},
    destination_finality={"final": 10},
)
durations = st.integers(min_value=0, max_value=7200)


@st.composite
def safe_policies(draw: st.DrawFn) -> TimelockPolicy:
    """Any policy that the service would start with."""
    inclusion, halt = draw(durations), draw(durations)
    guard_distance = inclusion + draw(durations)
    source = draw(st.dictionaries(st.sampled_from("abc"), durations, min_size=1))
    destination = draw(st.dictionaries(st.sampled_from("abc"), durations, min_size=1))
    slowest = max(source.values()) + max(destination.values())
    return TimelockPolicy(
        time_to_lock=draw(durations),
        inclusion=inclusion,
        guard_distance=guard_distance,
        claim_window=guard_distance + inclusion + draw(durations),
        margin=slowest + inclusion + halt + draw(durations),
        clock_slack=draw(durations),
        halt=halt,
        source_finality=source,
        destination_finality=destination,
    )


def test_the_deadlines_of_a_mainnet_swap() -> None:
    deadlines = fix_deadlines(Seconds(1_000_000), MAINNET, FinalityTiers("safe", "final"))
    assert deadlines.accept_by == 1_000_090
    assert deadlines.source_lock_by == 1_001_590
    assert deadlines.destination_lock_by == 1_001_590
    assert deadlines.destination_timelock == 1_002_200
    assert deadlines.source_timelock == 1_006_760
    assert deadlines.last_safe_source_withdrawal == 1_006_160


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (
            {"claim_window": 899},
            "claim window is 899 s, less than guard distance + inclusion = 900",
        ),
        ({"guard_distance": 299}, "guard distance is 299 s, less than inclusion = 300"),
        ({"margin": 3609}, "margin is 3609 s, less than both slowest finality budgets"),
    ],
)
def test_an_unsafe_policy_says_what_to_raise(wrong: dict[str, int], complaint: str) -> None:
    assert [text.startswith(complaint) for text in replace(MAINNET, **wrong).problems()] == [True]  # type: ignore[arg-type]


def test_a_safe_policy_has_no_problem() -> None:
    assert MAINNET.problems() == []


@given(safe_policies(), st.integers(min_value=0, max_value=2**33), st.data())
def test_rule_2_the_ladder_stands_at_the_fill_and_as_long_as_all_clocks_agree(
    policy: TimelockPolicy, fill: int, data: st.DataObject
) -> None:
    assert policy.problems() == []
    tiers = FinalityTiers(
        data.draw(st.sampled_from(sorted(policy.source_finality))),
        data.draw(st.sampled_from(sorted(policy.destination_finality))),
    )
    deadlines = fix_deadlines(Seconds(fill), policy, tiers)
    now = Seconds(data.draw(st.integers(fill, deadlines.destination_timelock)))
    clocks = Clocks(now, now, now)
    timelocks = deadlines.source_timelock, deadlines.destination_timelock
    assert ladder_holds(*timelocks, policy.margin, clocks)
    # a lock may be made only before its timelock, and is final before the other side needs it
    assert deadlines.accept_by <= deadlines.source_lock_by <= deadlines.source_timelock
    assert deadlines.destination_lock_by <= deadlines.destination_timelock
    # a secret revealed at the guard's last instant leaves us the time to take the source
    reveal_settled = deadlines.destination_timelock + policy.halt
    reveal_settled += policy.destination_finality[tiers.destination]
    assert reveal_settled <= deadlines.last_safe_source_withdrawal


@given(st.integers(min_value=0, max_value=10**6), st.integers(min_value=1, max_value=10**6))
def test_rule_2_a_source_clock_ahead_breaks_the_ladder(slack: int, beyond: int) -> None:
    margin, now = 3600, Seconds(1_000_000)
    destination = Seconds(now + 500)
    source = Seconds(destination + margin + slack)
    late = Seconds(now + slack + beyond)
    assert ladder_holds(source, destination, margin, Clocks(now, now, now))
    assert not ladder_holds(source, destination, margin, Clocks(late, now, now))
    assert not ladder_holds(source, destination, margin, Clocks(now, late, now))


def test_rule_2_a_destination_clock_that_lags_breaks_the_ladder() -> None:
    """Its maker has until its own chain's clock says so."""
    margin, now = 3600, Seconds(1_000_000)
    timelocks = Seconds(now + 500 + margin), Seconds(now + 500)
    assert ladder_holds(*timelocks, margin, Clocks(now, now, now))
    assert not ladder_holds(*timelocks, margin, Clocks(now, now, Seconds(now - 1)))


@pytest.mark.parametrize(
    ("time", "advanced_at", "other", "stale"),
    [
        (1000, 1000, 1000, False),
        (990, 995, 1000, False),
        (990, 994, 1000, True),  # no block for more than 5 s
        (989, 1000, 1000, True),  # more than 10 s behind our clock
        (1000, 1000, 1010, False),
        (1000, 1000, 1011, True),  # more than 10 s behind the other chain
        (1060, 1000, 1000, False),  # ahead of our clock
    ],
)
def test_rule_11_a_head_is_stale_when_it_stops_or_lags(
    time: int, advanced_at: int, other: int, stale: bool
) -> None:
    head = Head(Seconds(time), Seconds(advanced_at))
    another = Head(Seconds(other), Seconds(1000))
    assert is_stale(head, another, Seconds(1000), stale_after=5, slack=10) is stale
