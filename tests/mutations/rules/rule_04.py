"""Rule 4: after the reveal only forward, destination first."""

from tests.mutations.guard import Guard

PLAN = "sessions_app/domain/plan.py"
FILLED = "sessions_app/domain/filled.py"
MACHINE = "sessions_app/domain/guards.py"
SNAPSHOT = "sessions_app/domain/snapshot.py"
GUARD = "sessions_app/guard.py"
SERVICES = "sessions_app/services.py"
UNIT = "tests/unit/sessions/"
SESSIONS = "tests/integration/sessions/"
NEXT_STEP = UNIT + "test_next_step.py::"
WRITES = UNIT + "test_guards.py::"
RETURNS = SESSIONS + "test_returns.py::"
REORGANISED = SESSIONS + "test_reorganisations.py::"
STOPS = "test_rule_4_a_write_that_left_is_not_pushed_on_when_the_destination_ended_otherwise"
OWED = SESSIONS + "test_repayments.py::"
GIVEN_BACK = NEXT_STEP + "test_rule_4_the_source_is_given_back_only_after_the_destination"
IS_OWED = NEXT_STEP + "test_rule_4_what_reached_us_against_a_refunded_destination_is_owed"
PUT_BACK = SESSIONS + "test_put_back.py::"
FOLLOWING = "chains_app/outbox/following.py"
AFTER = "tests/integration/sessions/test_lies_after_the_reveal.py::"
PREPARING = "chains_app/outbox/preparing.py"
BEFORE = "tests/integration/sessions/test_lies_before_signing.py::"

ROWS = (
    Guard(
        4, "destination-first", "The source is withdrawn only after the destination is.", PLAN,
        "if paid and s.source.final is not LockState.WITHDRAWN:",
        "if s.source.final is not LockState.WITHDRAWN:",
        (NEXT_STEP + "test_rule_4_destination_first",),
    ),
    Guard(
        4, "destination-final", "A withdrawal in the head counts only when our last moment has come.",
        PLAN,
        "(at_the_last and is_taken)", "is_taken",
        (NEXT_STEP + "test_rule_4_destination_first",),
    ),
    Guard(
        4, "last-safe-moment", "At our last safe moment a withdrawal in the head is enough.", PLAN,
        "(at_the_last and is_taken)", "False",
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
        "return expired and is_undecided", "return expired",
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
        4, "refunded-stops", "A withdrawal of the source that left is not pushed on when the "
        "destination ended refunded.", PLAN,
        "frozenset({Action.WITHDRAW_SOURCE} if s.destination_is_gone else ())", "frozenset()",
        (NEXT_STEP + STOPS, UNIT + "test_plan.py::test_rule_4_a_withdrawal_of_the_source_that_left_"
         "stops_when_the_destination_went_back"),
    ),
    Guard(
        4, "forward-stops", "An early refund that left is not pushed on when the maker may be paid.",
        PLAN,
        "stop=frozenset({Action.REFUND_SOURCE_EARLY})", "stop=frozenset()",
        (NEXT_STEP + STOPS,),
    ),
    Guard(
        4, "stopped-in-the-outbox", "What is stopped is sent no more.", "sessions_app/coordinator.py",
        "        commit.stop(step.stop, legs, evidence.writes)\n", "",
        (REORGANISED + "test_rule_4_a_withdrawal_of_the_source_is_not_pushed_on_when_the_"
         "destination_went_back",
         REORGANISED + "test_rule_4_a_withdrawal_that_a_reorganisation_opens_again_is_not_"
         "pushed_on"),
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
        "        return _disagreement(legs[Role.DESTINATION])\n", "        return None\n",
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
    Guard(
        4, "forgotten-lock", "That no lock of ours left is asked of the chain before the source goes back.", GUARD,
        '    return None if state is LockState.ABSENT else f"our lock is {state.value}, and was forgotten"\n',
        "    return None\n",
        (PUT_BACK + "test_rule_4_a_forgotten_lock_of_ours_keeps_the_source",),
    ),
    Guard(
        4, "forgotten-swap", "A lock under the hashlock of a forgotten lock of ours is not given back early.",
        "sessions_app/surplus.py",
        "        if seen.terms.depositor in {k.account for k in signing_keys(seen.chain, SignerRole.LOCK)}:\n",
        "        if False:\n",
        (PUT_BACK + "test_rule_4_a_lock_under_a_forgotten_swaps_hashlock_is_no_mere_surplus",),
    ),
    Guard(
        4, "missed-source", "A source that vanished is missed for as long as our lock can be taken.", PLAN,
        "    return _vanished_source(s) if is_missed else None\n", "    return None\n",
        (NEXT_STEP + "test_a_source_that_vanished_is_missed_for_as_long_as_our_lock_can_be_taken",),
    ),
    Guard(
        4, "forgotten-unread", "Nothing goes back early where locks of ours may be unread.", "sessions_app/surplus.py",
        "    if all_read and (unread := _unread()) is not None:\n", "    if (unread := None) is not None:\n",
        (PUT_BACK + "test_rule_4_nothing_goes_back_early_while_locks_may_be_unread",),
    ),
    Guard(
        4, "forgotten-terms", "Nor a leg's source while a forgotten lock of other terms stands.", GUARD,
        "    if forgotten is not None or Role.DESTINATION not in legs:\n",
        "    if Role.DESTINATION not in legs:\n",
        (PUT_BACK + "test_rule_4_a_forgotten_lock_of_other_terms_keeps_the_source_too",),
    ),
    Guard(
        4, "denied-is-withdrawn", "No node talks us out of a withdrawal that another calls due.",
        FOLLOWING,
        "effect, head = Effect.MISSING, denying", "pass",
        (AFTER + "test_rule_4_no_node_talks_us_out_of_the_source",),
    ),
    Guard(
        4, "swallowed-is-sent-again", "What one node swallowed and shows as done is sent again.",
        FOLLOWING,
        "        fate = fate_as_told(group, adapter, tier_of(intent))\n", "        pass\n",
        (AFTER + "test_rule_4_a_withdrawal_that_one_node_swallowed_is_sent_again",),
    ),
    Guard(
        4, "final-of-two", "A nonce without gaps is not over while one node alone says so.",
        FOLLOWING,
        "    if used:\n        return fate, statuses\n", "    if True:\n        return fate, statuses\n",
        (AFTER + "test_rule_4_a_withdrawal_that_one_node_swallowed_is_sent_again",),
    ),
    Guard(
        4, "overtaken-is-signed-again", "What one node swallowed and can't run any more is signed anew.",
        "chains_app/outbox/deaths.py",
        "return Fate.DEAD if is_dead else Fate.DISPUTED", "return Fate.DISPUTED",
        (AFTER + "test_rule_4_a_swallowed_withdrawal_whose_nonce_is_overtaken_is_signed_anew",),
    ),
    Guard(
        4, "denial-costs-pauses", "A second node that lies costs fees at growing pauses.",
        FOLLOWING,
        "over = _over(attempts) if is_doubtful else finals", "over = []",
        (AFTER + "test_a_second_node_that_lies_costs_fees_at_growing_pauses",),
    ),
    Guard(
        4, "hidden-is-found", "Our lock is compared when its timelock has passed.",
        "chains_app/comparing.py",
        "if _is_end(watch.terms, reading) or _is_ours_to_take_back(watch.terms, reading):",
        "if _is_end(watch.terms, reading):",
        (AFTER + "test_rule_4_a_withdrawal_that_one_node_hides_is_found_in_time",),
    ),
    Guard(
        4, "hidden-from-a-late-one", "A node that is behind tells of its own head.",
        "chains_app/comparing.py",
        "return view.read_lock(terms, view.head())", "raise",
        (AFTER + "test_rule_4_a_withdrawal_that_one_node_hides_is_found_in_time",),
    ),
    Guard(
        4, "taken-with-the-secret", "Who shows our lock taken shows the secret with it.",
        "chains_app/comparing.py",
        "        if secret is not None:\n            return replace(each,", "        if True:\n            return replace(each,",
        (AFTER + "test_rule_4_who_shows_our_lock_taken_shows_the_secret",),
    ),
    Guard(
        4, "taken-stays-taken", "What a node showed with the secret stays, while no two tell otherwise.",
        "chains_app/comparing.py",
        "if last is None or last.lock_state is not LockState.WITHDRAWN or watch.preimage is None:", "if True:",
        (AFTER + "test_rule_4_what_was_found_stays_found_while_the_second_is_silent",),
    ),
    Guard(
        4, "doubted-needs-the-secret", "A doubted withdrawal counts only with the secret.", PLAN,
        "s.facts.secret_is_shown or not s.destination.is_doubted", "True",
        (NEXT_STEP + "test_rule_4_what_no_two_nodes_tell_of_our_lock_ends_no_duty",),
    ),
    Guard(
        4, "doubted-duty-goes-on", "The maker's withdrawal is due until two nodes tell of it.", PLAN,
        "if s.destination.head is LockState.WITHDRAWN and not s.destination.is_doubted:",
        "if s.destination.head is LockState.WITHDRAWN:",
        (NEXT_STEP + "test_rule_4_what_no_two_nodes_tell_of_our_lock_ends_no_duty",),
    ),
    Guard(
        4, "doubted-is-taken-back", "A doubted withdrawal keeps no lock of ours from its refund.", PLAN,
        "s.destination.is_doubted and s.destination.final is LockState.OPEN", "False",
        (NEXT_STEP + "test_rule_4_what_no_two_nodes_tell_of_our_lock_ends_no_duty",),
    ),
    Guard(
        4, "doubted-is-overdue", "A withdrawal that one node alone tells of calls a person.",
        "sessions_app/alarming.py",
        "return is_there and not facts.is_doubted", "return is_there",
        (AFTER + "test_a_withdrawal_that_one_node_alone_tells_of_is_overdue",),
    ),
    Guard(
        4, "prepared-by-any", "No node alone keeps us from signing, by fees or our balance.", PREPARING,
        "views, poor, error = adapter.views(),", "views, poor, error = adapter.views()[:1],",
        (BEFORE + "test_rule_4_no_node_alone_keeps_a_withdrawal_from_being_signed",),
    ),
    Guard(
        4, "named-block-is-known", "No node alone names the block by which bytes are valid.", PREPARING,
        "return denied >= ENOUGH or not read.exists()", "return denied >= ENOUGH",
        (BEFORE + "test_rule_4_no_node_alone_keeps_a_withdrawal_from_being_signed",
         BEFORE + "test_a_block_that_nobody_else_tells_of_waits_for_the_poller"),
    ),
    Guard(
        4, "named-block-was-read", "No node alone denies the block by which bytes are valid.", PREPARING,
        "return denied >= ENOUGH or not read.exists()", "return True",
        (BEFORE + "test_rule_4_a_second_node_that_denies_every_block_holds_nothing_up",),
    ),
    Guard(
        4, "named-block-denied-by-two", "Two nodes know better than what the poller was shown.",
        PREPARING,
        "return denied >= ENOUGH or not read.exists()", "return not read.exists()",
        (BEFORE + "test_rule_4_what_the_poller_was_shown_counts_less_than_two_nodes",),
    ),
    Guard(
        4, "named-block-is-recent", "No bytes are signed by a block that is nearly too old.", PREPARING,
        "return is_recent and view.block(height).hash == hash_", "return view.block(height).hash == hash_",
        (BEFORE + "test_rule_4_bytes_are_not_signed_by_an_old_block",),
    ),
    Guard(
        4, "locks-by-the-first-balance", "A lock is not signed by the best balance that is told.",
        PREPARING,
        " or not costs_a_fee(call):", ":",
        (BEFORE + "test_what_moves_our_money_is_signed_by_the_first_balance_that_is_told",),
    ),
)  # fmt: skip
