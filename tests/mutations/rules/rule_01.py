"""Rule 1: every end is atomic."""

from tests.mutations.guard import Guard

PLAN = "sessions_app/domain/plan.py"
INGEST = "chains_app/ingest.py"
UNIT = "tests/unit/sessions/"
SESSIONS = "tests/integration/sessions/"
NEXT_STEP = UNIT + "test_next_step.py::"
RETURNS = SESSIONS + "test_returns.py::"
OWED = SESSIONS + "test_repayments.py::"
OUTBOX = "tests/integration/chains/test_outbox.py::"
GIVEN_BACK = NEXT_STEP + "test_rule_4_the_source_is_given_back_only_after_the_destination"
IS_OWED = NEXT_STEP + "test_rule_4_what_reached_us_against_a_refunded_destination_is_owed"
OPENS_AGAIN = NEXT_STEP + "test_an_end_whose_effects_left_the_chain_opens_again"

ROWS = (
    Guard(
        1, "completed-both", "A session is completed when both legs are finally withdrawn.", PLAN,
        "if decided == (LockState.WITHDRAWN, LockState.WITHDRAWN):",
        "if decided[0] is LockState.WITHDRAWN:",
        (NEXT_STEP + "test_rule_4_destination_first",),
    ),
    Guard(
        1, "refunded-source", "A session is refunded when the source is finally back too.", PLAN,
        "if s.destination_is_gone and _source_is_back(s):", "if s.destination_is_gone:",
        (GIVEN_BACK,),
    ),
    Guard(
        1, "refunded-destination", "A session is refunded when the destination is finally back too.",
        PLAN,
        "if s.destination_is_gone and _source_is_back(s):", "if _source_is_back(s):",
        (NEXT_STEP + "test_rule_1_a_session_is_refunded_only_with_both_legs_back",),
    ),
    Guard(
        1, "repayment-counts-when-final", "What reached us counts as given back once it is repaid.",
        PLAN,
        "s.source.final is LockState.WITHDRAWN and s.facts.source_is_repaid",
        "s.source.final is LockState.WITHDRAWN",
        (IS_OWED,),
    ),
    Guard(
        1, "lost-race", "A lost race is booked as our loss and never ends as anything else.", PLAN,
        """    if s.is_lost_race:
        return Step(S.FAILED, "lost race: the maker has both legs", attention=Attention.LOST_RACE)
""",
        "",
        (NEXT_STEP + "test_rule_1_a_lost_race_is_booked_and_stays_booked",),
    ),
    Guard(
        1, "lost-race-stays", "A lost race stays booked, and calls for a person.", PLAN,
        """    if s.is_lost_race:
        return Step(attention=Attention.LOST_RACE)
""",
        "",
        (NEXT_STEP + "test_rule_1_a_lost_race_is_booked_and_stays_booked",),
    ),
    Guard(
        1, "cancelled-when-never-locked",
        "A session is cancelled only when no source lock can come any more.", PLAN,
        """    if s.source.can_never_be_locked:
        return Step(S.CANCELLED, "no source lock by its lock_by")""",
        """    if not s.source.is_seen:
        return Step(S.CANCELLED, "no source lock by its lock_by")""",
        (RETURNS + "test_a_maker_who_never_locks_costs_us_the_reservation_until_accept_by",),
    ),
    Guard(
        1, "cancelled-with-nothing-locked",
        "What returns is cancelled only when neither leg was locked or can be.", PLAN,
        "nothing_was = s.source.can_never_be_locked and not s.destination.is_seen",
        "nothing_was = not s.destination.is_seen",
        (RETURNS + "test_a_source_lock_after_accept_by_is_refused_and_given_back",),
    ),
    Guard(
        1, "completed-is-watched", "A completed session whose effects leave the chain opens again.",
        PLAN,
        "if {s.source.final, s.destination.final} != {LockState.WITHDRAWN}:", "if False:",
        (OPENS_AGAIN,),
    ),
    Guard(
        1, "refunded-is-watched", "A refunded session whose effects leave the chain opens again.",
        PLAN,
        "if not (s.destination_is_gone and _source_is_back(s)):", "if False:",
        (OPENS_AGAIN,),
    ),
    Guard(
        1, "cancelled-is-watched", "A cancelled session opens again when its source lock appears.",
        PLAN,
        """    if s.source.is_seen:
        return _back(S.CANCELLED,""",
        """    if False:
        return _back(S.CANCELLED,""",
        (OPENS_AGAIN,),
    ),
    Guard(
        1, "unpaid-is-paid", "A payout that is finally owed is wanted as an intent of its own.",
        INGEST,
        "if is_final and is_decided and not last.is_paid and watch.pays_out:", "if False:",
        (OUTBOX + "test_rule_1_an_unpaid_payout_is_paid_when_it_can_be",),
    ),
    Guard(
        1, "unpaid-pauses", "What keeps failing is tried after growing pauses.",
        "chains_app/outbox/decision.py",
        "return min(1 << tries, LONGEST_PAUSE)", "return 0",
        ("tests/unit/chains/test_decision.py::test_pauses_grow_and_end",),
    ),
    Guard(
        1, "unpaid-bound", "What keeps failing has an upper bound of gas at our cost.",
        "chains_app/outbox/decision.py",
        "return s.tries < s.most_tries and (", "return (",
        ("tests/unit/chains/test_decision.py::test_rule_5_without_an_attempt",),
    ),
    Guard(
        1, "unpaid-is-retried", "A person can have what failed too often tried again.",
        "chains_app/outbox/following.py",
        "return since is None or ended is None or ended > since", "return True",
        (OWED + "test_what_was_released_and_failed_too_often_is_tried_again",),
    ),
    Guard(
        1, "strangers-payout", "What a stranger's lock owes is not paid at our cost.", INGEST,
        "not last.is_paid and watch.pays_out:", "not last.is_paid:",
        (SESSIONS + "test_surplus.py::test_what_a_strangers_lock_owes_is_not_ours_to_pay",),
    ),
    Guard(
        1, "repaid-for-good", "What a reorganisation may take back is not repaid yet.", "sessions_app/guard.py",
        "    if not is_withdrawn_for_good(legs[Role.SOURCE].id):\n", "    if False:\n",
        (OWED + "test_rule_1_what_a_reorganisation_may_take_back_is_not_repaid_yet",),
    ),
)  # fmt: skip
