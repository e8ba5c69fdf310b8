"""Rules 1 to 4: atomic ends, the ladder, the reveal guard, destination first."""

from tests.mutations.guard import Guard

PLAN = "sessions_app/domain/plan.py"
FILLED = "sessions_app/domain/filled.py"
GUARD = "sessions_app/guard.py"
NEXT_STEP = "tests/unit/sessions/test_next_step.py::"
GUARDS_OF_WRITES = "tests/unit/sessions/test_guards.py::"
ASKED = "tests/integration/sessions/test_guard.py::"
TIMELOCKS = "tests/unit/sessions/test_timelocks.py::"
NODES = ASKED + "test_rule_3_what_only_a_node_can_tell_stops_our_lock_and_the_secret"
STAYS = NEXT_STEP + "test_rule_3_the_secret_stays"
NOT_PLANNED = NEXT_STEP + "test_rule_2_our_lock_is_not_planned"
LOCK_STAYS = GUARDS_OF_WRITES + "test_rule_2_our_lock_stays"

RULE_2 = (
    Guard(
        2, "ladder-margin", "Our lock needs the margin between both timelocks.",
        "sessions_app/domain/timelocks.py",
        "for_the_maker + margin <= for_us", "for_the_maker <= for_us",
        (TIMELOCKS + "test_rule_2_a_source_clock_ahead_breaks_the_ladder", NOT_PLANNED),
    ),
    Guard(
        2, "ladder-wall-clock", "A source head that lags makes the source look no safer.",
        "sessions_app/domain/timelocks.py",
        "source_timelock - latest(clocks.source_head, clocks.wall)",
        "source_timelock - clocks.source_head",
        (TIMELOCKS + "test_rule_2_a_source_clock_ahead_breaks_the_ladder",),
    ),
    Guard(
        2, "ladder-source-head", "A source head ahead of the wall clock counts.",
        "sessions_app/domain/timelocks.py",
        "source_timelock - latest(clocks.source_head, clocks.wall)",
        "source_timelock - clocks.wall",
        (TIMELOCKS + "test_rule_2_a_source_clock_ahead_breaks_the_ladder", NOT_PLANNED),
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
        "self.facts.destination_now <= self.deadlines.destination_lock_by and ladder_holds(",
        "ladder_holds(",
        (NOT_PLANNED, LOCK_STAYS),
    ),
    Guard(
        2, "ladder-before-the-plan", "The ladder is asked before our lock is planned.", PLAN,
        """    if not s.lock_is_safe:
        return Step(S.TIMEOUT, "too late for our lock")
    if s.source.head is LockState.ABSENT:""",
        "    if s.source.head is LockState.ABSENT:",
        (NOT_PLANNED,),
    ),
    Guard(
        2, "ladder-before-the-signature",
        "The ladder is asked again before our lock is signed and sent.", PLAN,
        """    if not s.lock_is_safe:
        return _without_our_lock(S.TIMEOUT, "too late for our lock")
""",
        "",
        (LOCK_STAYS, ASKED + "test_rule_2_the_guard_asks_the_machine_anew"),
    ),
    Guard(
        2, "lock-is-there", "Where a lock of ours stands already no other is signed.",
        "sessions_app/domain/guards.py",
        "if s.destination.is_seen:", "if False:",
        (LOCK_STAYS,),
    ),
)  # fmt: skip

RULE_3 = (
    Guard(
        3, "reveal-source-final", "The secret stays while the source lock is not open and final.",
        FILLED,
        "if not self.source.is_open:", "if False:",
        (STAYS, GUARDS_OF_WRITES + "test_rule_3_the_secret_does_not_leave"),
    ),
    Guard(
        3, "reveal-destination-final", "The secret stays while our lock is not open and final.",
        FILLED,
        "if not self.destination.is_open:", "if False:",
        (STAYS, GUARDS_OF_WRITES + "test_rule_3_the_secret_does_not_leave"),
    ),
    Guard(
        3, "reveal-distance", "The secret stays within the guard's distance of our timelock.",
        FILLED,
        "self.facts.destination_now + self.facts.guard_distance", "self.facts.destination_now",
        (STAYS,),
    ),
    Guard(
        3, "asked-for-the-maker", "The secret stays while the maker could not be paid.", GUARD,
        "(maker and get_adapter(destination.chain).payout_problem(destination, maker))", "None",
        (NODES,),
    ),
)  # fmt: skip

ROWS = (*RULE_2, *RULE_3)
