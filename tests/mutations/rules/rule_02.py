"""Rule 2: the ladder, before our lock is signed."""

from tests.mutations.guard import Guard

PLAN = "sessions_app/domain/plan.py"
FILLED = "sessions_app/domain/filled.py"
MACHINE = "sessions_app/domain/guards.py"
CLOCKS = "sessions_app/domain/timelocks.py"
POLICY = "auctions_app/timelocks.py"
UNIT = "tests/unit/sessions/"
SESSIONS = "tests/integration/sessions/"
NEXT_STEP = UNIT + "test_next_step.py::"
WRITES = UNIT + "test_guards.py::"
TIMELOCKS = UNIT + "test_timelocks.py::"
ASKED = SESSIONS + "test_guard.py::"
RETURNS = SESSIONS + "test_returns.py::"
NOT_PLANNED = NEXT_STEP + "test_rule_2_our_lock_is_not_planned"
LOCK_STAYS = WRITES + "test_rule_2_our_lock_stays"

ROWS = (
    Guard(
        2, "ladder-margin", "Our lock needs the margin between both timelocks.", CLOCKS,
        "for_the_maker + margin <= for_us", "for_the_maker <= for_us",
        (TIMELOCKS + "test_rule_2_a_source_clock_ahead_breaks_the_ladder", NOT_PLANNED),
    ),
    Guard(
        2, "ladder-wall-clock", "A source head that lags makes the source look no safer.", CLOCKS,
        "source_timelock - latest(clocks.source_head, clocks.wall)",
        "source_timelock - clocks.source_head",
        (TIMELOCKS + "test_rule_2_a_source_clock_ahead_breaks_the_ladder",),
    ),
    Guard(
        2, "ladder-source-head", "A source head ahead of the wall clock counts.", CLOCKS,
        "source_timelock - latest(clocks.source_head, clocks.wall)",
        "source_timelock - clocks.wall",
        (TIMELOCKS + "test_rule_2_a_source_clock_ahead_breaks_the_ladder", NOT_PLANNED),
    ),
    Guard(
        2, "ladder-destination-head",
        "The maker's time counts from the destination's own head, which may lag.", CLOCKS,
        "destination_timelock - clocks.destination_head", "destination_timelock - clocks.wall",
        (TIMELOCKS + "test_rule_2_a_destination_clock_that_lags_breaks_the_ladder",),
    ),
    Guard(
        2, "ladder-timelock-of-the-chain", "The ladder counts with the timelock read on chain.",
        FILLED,
        "self.source.timelock, self.destination.timelock, self.facts.margin",
        "self.deadlines.source_timelock, self.destination.timelock, self.facts.margin",
        (NOT_PLANNED,),
    ),
    Guard(
        2, "lock-by", "Our lock is not made when it could come after its `lock_by`.", FILLED,
        "is_over = self.facts.destination_now > d.destination_lock_by", "is_over = False",
        (NOT_PLANNED, LOCK_STAYS),
    ),
    Guard(
        2, "ladder-before-the-plan", "The ladder is asked before our lock is planned.", PLAN,
        """    if s.is_too_late_for_our_lock:
        return Step(S.TIMEOUT, "too late for our lock")
    if s.source.head is LockState.ABSENT:""",
        "    if s.source.head is LockState.ABSENT:",
        (NOT_PLANNED,),
    ),
    Guard(
        2, "ladder-before-the-signature",
        "The ladder is asked again before our lock is signed and sent.", PLAN,
        """    if s.is_too_late_for_our_lock:
        return _without_our_lock(S.TIMEOUT, "too late for our lock")
""",
        "",
        (LOCK_STAYS, ASKED + "test_rule_2_the_guard_asks_the_machine_anew"),
    ),
    Guard(
        2, "ladder-for-what-left", "A new attempt at our lock is judged like the first one.",
        MACHINE,
        "_only_when_due(replace(s, facts=replace(s.facts, destination_lock_left=False)), action)",
        "_only_when_due(s, action)",
        (LOCK_STAYS,),
    ),
    Guard(
        2, "lock-is-there", "Where a lock of ours stands already no other is signed.", MACHINE,
        "if s.destination.is_seen:", "if False:",
        (LOCK_STAYS,),
    ),
    Guard(
        2, "lock-source-open", "Our lock waits for a source lock that is open and final.", PLAN,
        "if s.source.head is not LockState.OPEN or s.source.final is not LockState.OPEN:",
        "if False:",
        (LOCK_STAYS, NEXT_STEP + "test_rule_5_a_lock_that_has_not_left_is_voided_with_the_move"),
    ),
    Guard(
        2, "lock-secret-known", "Our lock is not made once the secret is known.", PLAN,
        "if s.source.head is LockState.WITHDRAWN or s.facts.secret_is_shown:",
        "if s.source.head is LockState.WITHDRAWN:",
        (NOT_PLANNED,),
    ),
    Guard(
        2, "lock-reserved", "Our lock is not signed when its reservation has ended.", MACHINE,
        "if not s.facts.liquidity_is_reserved:", "if False:",
        (LOCK_STAYS,),
    ),
    Guard(
        2, "accept-by", "A source lock first seen after `accept_by` gets no lock of ours.", PLAN,
        "    if not s.facts.source_seen_in_time:\n        return Step(S.FAILED",
        "    if False:\n        return Step(S.FAILED",
        (RETURNS + "test_a_source_lock_after_accept_by_is_refused_and_given_back",),
    ),
    Guard(
        2, "policy-margin", "No route runs whose margin is shorter than what it has to cover.",
        POLICY,
        '("margin", self.margin, "both slowest finality budgets + inclusion + halt", settle),', "",
        (TIMELOCKS + "test_an_unsafe_policy_says_what_to_raise",),
    ),
    Guard(
        2, "policy-slowest", "The margin covers the slowest finality of both chains.", POLICY,
        "settle += max(self.destination_finality.values()) + max(self.source_finality.values())",
        "settle += min(self.destination_finality.values()) + min(self.source_finality.values())",
        (TIMELOCKS + "test_an_unsafe_policy_says_what_to_raise",),
    ),
    Guard(
        2, "policy-claim-window", "No route runs whose claim window leaves no time to reveal.",
        POLICY,
        '("claim window", self.claim_window, "guard distance + inclusion",\n'
        "             self.guard_distance + self.inclusion),",
        "",
        (TIMELOCKS + "test_an_unsafe_policy_says_what_to_raise",),
    ),
    Guard(
        2, "policy-stops-the-start", "The service does not start with an unsafe route.",
        "auctions_app/market.py",
        "if problems := market.problems():", "if problems := []:",
        ("tests/unit/auctions/test_market.py::test_unsafe_routes_are_errors_of_the_check_and_quote_nothing",),
    ),
)  # fmt: skip
