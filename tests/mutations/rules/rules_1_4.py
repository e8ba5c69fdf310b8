"""Rules 1 to 4: atomic ends, the ladder, the reveal guard, destination first."""

from tests.mutations.guard import Guard

PLAN = "sessions_app/domain/plan.py"
FILLED = "sessions_app/domain/filled.py"
MACHINE = "sessions_app/domain/guards.py"
SNAPSHOT = "sessions_app/domain/snapshot.py"
CLOCKS = "sessions_app/domain/timelocks.py"
POLICY = "auctions_app/timelocks.py"
GUARD = "sessions_app/guard.py"
SERVICES = "sessions_app/services.py"
INGEST = "chains_app/ingest.py"

UNIT = "tests/unit/sessions/"
SESSIONS = "tests/integration/sessions/"
NEXT_STEP = UNIT + "test_next_step.py::"
WRITES = UNIT + "test_guards.py::"
TIMELOCKS = UNIT + "test_timelocks.py::"
ASKED = SESSIONS + "test_guard.py::"
MAKER = SESSIONS + "test_maker_mode.py::"
RETURNS = SESSIONS + "test_returns.py::"
OWED = SESSIONS + "test_repayments.py::"
OUTBOX = "tests/integration/chains/test_outbox.py::"
REPAID = "tests/integration/chains/test_repayments.py::"
NODES = ASKED + "test_rule_3_what_only_a_node_can_tell_stops_our_lock_and_the_secret"
STAYS = NEXT_STEP + "test_rule_3_the_secret_stays"
NOT_LEFT = WRITES + "test_rule_3_the_secret_does_not_leave"
NOT_PLANNED = NEXT_STEP + "test_rule_2_our_lock_is_not_planned"
LOCK_STAYS = WRITES + "test_rule_2_our_lock_stays"
GIVEN_BACK = NEXT_STEP + "test_rule_4_the_source_is_given_back_only_after_the_destination"
IS_OWED = NEXT_STEP + "test_rule_4_what_reached_us_against_a_refunded_destination_is_owed"
OPENS_AGAIN = NEXT_STEP + "test_an_end_whose_effects_left_the_chain_opens_again"

RULE_1 = (
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
)  # fmt: skip

RULE_2 = (
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

RULE_3 = (
    Guard(
        3, "reveal-stale", "The secret stays while a chain's head is stale.", FILLED,
        "if not self.facts.chains_are_fresh:", "if False:",
        (STAYS, NOT_LEFT),
    ),
    Guard(
        3, "reveal-source-final", "The secret stays while the source lock is not open and final.",
        FILLED,
        "if not self.source.is_open:", "if False:",
        (STAYS, NOT_LEFT),
    ),
    Guard(
        3, "reveal-destination-final", "The secret stays while our lock is not open and final.",
        FILLED,
        "if not self.destination.is_open:", "if False:",
        (STAYS, NOT_LEFT),
    ),
    Guard(
        3, "open-is-final", "An open lock counts when a final block shows it, not the head alone.",
        SNAPSHOT,
        "return self.head is LockState.OPEN and self.final is LockState.OPEN",
        "return self.head is LockState.OPEN",
        (STAYS, NOT_LEFT),
    ),
    Guard(
        3, "open-at-the-head", "A lock that the head does not show open any more is not open.",
        SNAPSHOT,
        "return self.head is LockState.OPEN and self.final is LockState.OPEN",
        "return self.final is LockState.OPEN",
        (STAYS, NOT_LEFT),
    ),
    Guard(
        3, "reveal-distance", "The secret stays within the guard's distance of our timelock.",
        FILLED,
        "self.facts.destination_now + self.facts.guard_distance", "self.facts.destination_now",
        (STAYS,),
    ),
    Guard(
        3, "reveal-window-before-the-send", "The guard's distance is asked for again at the send.",
        FILLED,
        '        if self.reveal_window_is_over:\n            return "too late to reveal the secret"\n',
        "",
        (WRITES + "test_rule_3_the_reveal_guard_alone_says_each_reason",),
    ),
    Guard(
        3, "reveal-last-safe", "The secret stays when we could not take the source safely any more.",
        FILLED,
        "if self.facts.source_now > last_instant:", "if False:",
        (STAYS, NOT_LEFT),
    ),
    Guard(
        3, "reveal-held", "Nothing is revealed that we do not hold.", PLAN,
        "if s.facts.secret_is_held and s.reveal_objection is None:",
        "if s.reveal_objection is None:",
        (STAYS,),
    ),
    Guard(
        3, "reveal-asks-again", "The reveal guard is asked before the signature and the send.",
        MACHINE,
        "return s.reveal_objection", "return None",
        (NOT_LEFT,),
    ),
    Guard(
        3, "left-from-the-commit", "A secret has left from the commit of `left_at` on, not before.",
        "chains_app/selectors.py",
        "Attempt.objects.filter(intent__reference__in=list(references), left_at__isnull=False)",
        "Attempt.objects.filter(intent__reference__in=list(references))",
        ("tests/integration/chains/test_voiding.py::"
         "test_rule_5_a_no_before_the_first_send_voids_the_attempt",),
    ),
    Guard(
        3, "left-never-times-out", "Only a secret that provably has not left can time out.", PLAN,
        "if not s.facts.secret_left and not s.facts.secret_is_shown and s.reveal_window_is_over:",
        "if not s.facts.secret_is_shown and s.reveal_window_is_over:",
        (NEXT_STEP + "test_rule_3_only_a_secret_that_never_left_can_time_out",),
    ),
    Guard(
        3, "asked-for-the-maker", "Lock and secret stay while the maker could not be paid.", GUARD,
        "(maker and get_adapter(destination.chain).payout_problem(destination, maker))", "None",
        (NODES,),
    ),
    Guard(
        3, "asked-for-us", "Lock and secret stay while we could not be paid.", GUARD,
        "or get_adapter(source.chain).payout_problem(source, source.beneficiary)", "",
        (NODES,),
    ),
    Guard(
        3, "asked-for-gas", "Lock and secret stay without the gas of our own withdrawal.", GUARD,
        "            or _gas_problem(source)\n", "",
        (NODES,),
    ),
    Guard(
        3, "asked-for-paused-duties", "Lock and secret stay while nobody could withdraw for us.",
        GUARD,
        "if duty.filter(is_enabled=False).exists() and not duty.filter(is_enabled=True).exists():",
        "if False:",
        (NODES,),
    ),
    Guard(
        3, "asked-before-our-lock", "What only a node can tell is asked before our lock as well.",
        GUARD,
        "_RISKING_OURS: Final = {Action.LOCK_DESTINATION, Action.WITHDRAW_DESTINATION}",
        "_RISKING_OURS: Final = {Action.WITHDRAW_DESTINATION}",
        (NODES,),
    ),
    Guard(
        3, "asked-before-the-secret", "What only a node can tell is asked before the secret leaves.",
        GUARD,
        "_RISKING_OURS: Final = {Action.LOCK_DESTINATION, Action.WITHDRAW_DESTINATION}",
        "_RISKING_OURS: Final = {Action.LOCK_DESTINATION}",
        (NODES,),
    ),
    Guard(
        3, "silence-is-a-no", "A node that gives no answer stops lock and secret.", GUARD,
        """        )
    except ChainError as error:
        return f"a chain could not be asked: {error}"


def _repayment_problem""",
        """        )
    except ChainError:
        return None


def _repayment_problem""",
        (NODES,),
    ),
    Guard(
        3, "verdict-is-stored", "Inputs and verdict are stored with the send.",
        "chains_app/outbox/sending.py",
        "left_at=Now(), send_verdict=verdict.to_json()", "left_at=Now(), send_verdict=None",
        (ASKED + "test_rule_3_verdict_and_inputs_are_stored_with_each_attempt",),
    ),
    Guard(
        3, "inputs-are-stored", "What a verdict went by is stored with it.", GUARD,
        """    return Verdict(ok=reason is None, reason=reason or "agreed", inputs=inputs)


def _is_a_risk""",
        """    return Verdict(ok=reason is None, reason=reason or "agreed")


def _is_a_risk""",
        (ASKED + "test_rule_3_verdict_and_inputs_are_stored_with_each_attempt",),
    ),
    Guard(
        3, "makers-secret-in-time", "The maker's secret is taken only while the guard agrees.",
        SERVICES,
        "if (objection := _why_no_secret(session)) is not None:",
        "if (objection := None) is not None:",
        (MAKER + "test_rule_3_a_secret_that_comes_early_or_late_is_not_taken",),
    ),
    Guard(
        3, "makers-secret-fresh", "The maker's secret is taken on facts that are fresh.", SERVICES,
        "return None if facts is None else facts.reveal_objection", "return None",
        (MAKER + "test_rule_3_a_secret_that_comes_early_or_late_is_not_taken",),
    ),
    Guard(
        3, "makers-secret-fits", "Only a secret that fits the hashlock is taken.", SERVICES,
        "if not fits(secret, bytes(session.hashlock), function):", "if False:",
        (MAKER + "test_rule_3_a_secret_that_does_not_fit_is_not_taken_and_never_repeated",),
    ),
)  # fmt: skip

RULE_4 = (
    Guard(
        4, "destination-first", "The source is withdrawn only after the destination is.", PLAN,
        "if paid and s.source.final is not LockState.WITHDRAWN:",
        "if s.source.final is not LockState.WITHDRAWN:",
        (NEXT_STEP + "test_rule_4_destination_first",),
    ),
    Guard(
        4, "destination-final", "A withdrawal in the head counts only when our last moment has come.",
        PLAN,
        "at_the_last and s.destination.head is LockState.WITHDRAWN",
        "s.destination.head is LockState.WITHDRAWN",
        (NEXT_STEP + "test_rule_4_destination_first",),
    ),
    Guard(
        4, "last-safe-moment", "At our last safe moment a withdrawal in the head is enough.", PLAN,
        "at_the_last and s.destination.head is LockState.WITHDRAWN", "False",
        (NEXT_STEP + "test_rule_4_destination_first",),
    ),
    Guard(
        4, "source-until-final", "The source withdrawal is wanted until it is final.", PLAN,
        "if paid and s.source.final is not LockState.WITHDRAWN:",
        "if paid and s.source.head is not LockState.WITHDRAWN:",
        (NEXT_STEP + "test_rule_4_the_source_withdrawal_is_asked_for_until_it_is_final",),
    ),
    Guard(
        4, "known-secret-is-used", "A known secret goes to the maker whatever the window.", MACHINE,
        "if s.facts.secret_left or s.facts.secret_is_shown:", "if False:",
        (WRITES + "test_rule_4_a_known_secret_is_used_for_the_maker_whatever_the_window",),
    ),
    Guard(
        4, "preimage-turns-forward", "A fitting preimage on a chain turns a return forward.", PLAN,
        "if s.facts.secret_is_shown and not s.destination_is_gone and not s.is_lost_race:",
        "if False:",
        (NEXT_STEP + "test_a_preimage_on_chain_turns_everything_forward",),
    ),
    Guard(
        4, "paid-is-not-refunded", "A paid destination is never refunded.", PLAN,
        "return expired and s.destination.head is LockState.OPEN", "return expired",
        (NEXT_STEP
         + "test_rule_4_a_destination_that_nobody_can_withdraw_any_more_is_taken_back",),
    ),
    Guard(
        4, "source-after-destination",
        "The source is given back only after the destination is finally gone.", PLAN,
        "if s.destination_is_gone and s.source.head is LockState.OPEN:",
        "if s.source.head is LockState.OPEN:",
        (GIVEN_BACK,),
    ),
    Guard(
        4, "gone-is-final", "A destination is back with us when its refund is final.", FILLED,
        "self.destination.final is LockState.REFUNDED\n            or self.destination.can",
        "self.destination.head is LockState.REFUNDED\n            or self.destination.can",
        (GIVEN_BACK,),
    ),
    Guard(
        4, "gone-not-while-it-may-come", "A lock of ours that left counts until it can never be made.",
        FILLED,
        "or not self.facts.destination_lock_left", "or not self.destination.is_seen",
        (NEXT_STEP + "test_rule_2_a_lock_that_has_left_is_never_counted_as_not_made",),
    ),
    Guard(
        4, "never-after-lock-by", "A lock can never come only when a block after `lock_by` shows none.",
        SNAPSHOT,
        "return is_gone and self.final_time > self.lock_by", "return is_gone",
        (NEXT_STEP + "test_rule_2_a_lock_that_has_left_is_never_counted_as_not_made",),
    ),
    Guard(
        4, "final-lock-does-not-vanish", "No node makes a lock vanish that a final block has shown.",
        SNAPSHOT,
        "is_gone = not self.is_seen and not self.stood_finally", "is_gone = not self.is_seen",
        (SESSIONS + "test_lying_nodes.py::"
         "test_rule_7_a_contract_that_is_configured_anew_makes_no_lock_disappear",),
    ),
    Guard(
        4, "refunded-takes-nothing", "When the destination ended refunded we do not take the source.",
        PLAN,
        """    if s.destination_is_gone:
        return Step(S.REFUNDING, "the destination ended with us")
""",
        "",
        (NEXT_STEP
         + "test_rule_4_a_destination_that_nobody_can_withdraw_any_more_is_taken_back",),
    ),
    Guard(
        4, "source-guard", "The guard of the source's withdrawal and refund waits for the destination.",
        MACHINE,
        """    return step.reason or f"not due while the session is {s.facts.status.value}\"""",
        "    return None",
        (WRITES
         + "test_rule_4_the_source_is_withdrawn_and_given_back_after_the_destination_only",),
    ),
    Guard(
        4, "early-refund-agreed", "The source goes back early only when two nodes show ours is back.",
        GUARD,
        "if reason is None and action is Action.REFUND_SOURCE_EARLY and facts.destination_lock_left:",
        "if False:",
        (SESSIONS + "test_agreement.py::"
         "test_rule_4_the_source_is_not_given_back_early_on_one_nodes_word",),
    ),
    Guard(
        4, "repay-when-gone", "What reached us is owed only when the destination is gone.", PLAN,
        "if s.destination_is_gone and s.source.has_reached_us:", "if s.source.has_reached_us:",
        (NEXT_STEP + "test_rule_4_nothing_is_owed_while_the_maker_can_still_be_paid",),
    ),
    Guard(
        4, "repay-when-final", "What reached us is owed when that is final and paid out.", SNAPSHOT,
        "return self.final is LockState.WITHDRAWN and self.has_paid",
        "return self.head is LockState.WITHDRAWN",
        (IS_OWED,),
    ),
    Guard(
        4, "repay-when-paid-out", "A withdrawal that is not paid out has not reached us.", SNAPSHOT,
        "return self.final is LockState.WITHDRAWN and self.has_paid",
        "return self.final is LockState.WITHDRAWN",
        (OWED + "test_what_has_not_reached_us_is_not_repaid",),
    ),
    Guard(
        4, "repay-by-a-person", "No machine releases a repayment.", "sessions_app/lifecycle.py",
        "    Action.REFUND_SOURCE_EARLY: (Role.SOURCE, Call.REFUND_EARLY),\n",
        "    Action.REFUND_SOURCE_EARLY: (Role.SOURCE, Call.REFUND_EARLY),\n"
        "    Action.REPAY_SOURCE: (Role.SOURCE, Call.REPAY),\n",
        (OWED + "test_rule_4_the_machine_never_repays_by_itself",),
    ),
    Guard(
        4, "repay-asks-again", "The guard looks again at what is owed before it is repaid.", MACHINE,
        'if action is Action.REPAY_SOURCE and not facts.chains_are_fresh:', "if False:",
        (OWED + "test_rule_11_nothing_is_repaid_on_stale_facts",),
    ),
    Guard(
        4, "repay-receiver", "A repayment waits for a receiver that can be paid.", GUARD,
        "if reason is None and action is Action.REPAY_SOURCE:", "if False:",
        (OWED + "test_rule_5_the_guard_wants_a_receiver_that_can_be_paid",),
    ),
    Guard(
        4, "order-without-fill", "A lock by an order that was never filled goes back.", PLAN,
        "        return Step(actions=frozenset({back}))\n", "        return Step()\n",
        (SESSIONS + "test_gasless.py::"
         "test_rule_4_a_lock_of_an_order_that_was_never_filled_goes_back",),
    ),
    Guard(
        4, "cancel-plans-no-lock", "A wish to cancel stops our lock while it has not left.", PLAN,
        """    if s.facts.cancel_requested:
        return _without_our_lock(S.TIMEOUT, "cancelled: the source is given back")
""",
        "",
        (NEXT_STEP + "test_rule_5_a_lock_that_has_not_left_is_voided_with_the_move",),
    ),
    Guard(
        4, "cancel-from-our-lock-on", "From our lock on nothing is cancelled by its client.",
        SERVICES,
        "        if session.state not in CANCELLABLE:\n", "        if False:\n",
        (RETURNS
         + "test_from_our_lock_on_a_cancellation_is_answered_with_the_instant_of_return",),
    ),
    Guard(
        4, "vanished-source", "A source that vanishes behind our lock calls for a person.", PLAN,
        "return Attention.SOURCE_LOCK_VANISHED if gone else None", "return None",
        (NEXT_STEP + "test_a_vanished_source_calls_for_a_person_and_nothing_else",),
    ),
    Guard(
        4, "vanished-source-closes", "A vanished source closes its route for new fills.",
        "sessions_app/alarming.py",
        "        close_route(session.quote.route_id)\n", "        pass\n",
        (SESSIONS + "test_reorganisations.py::"
         "test_rule_4_a_source_that_vanishes_behind_our_lock_reveals_nothing_and_calls_a_person",),
    ),
)  # fmt: skip

ROWS = (*RULE_1, *RULE_2, *RULE_3, *RULE_4)
