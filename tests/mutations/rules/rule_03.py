"""Rule 3: what a secret of ours waits for."""

from tests.mutations.guard import Guard

PLAN = "sessions_app/domain/plan.py"
FILLED = "sessions_app/domain/filled.py"
MACHINE = "sessions_app/domain/guards.py"
SNAPSHOT = "sessions_app/domain/snapshot.py"
GUARD = "sessions_app/guard.py"
SERVICES = "sessions_app/services.py"
ADMISSION = "sessions_app/admission.py"
UNIT = "tests/unit/sessions/"
SESSIONS = "tests/integration/sessions/"
NEXT_STEP = UNIT + "test_next_step.py::"
WRITES = UNIT + "test_guards.py::"
ASKED = SESSIONS + "test_guard.py::"
MAKER = SESSIONS + "test_maker_mode.py::"
WALKED = SESSIONS + "test_walking_away.py::"
NODES = ASKED + "test_rule_3_what_only_a_node_can_tell_stops_our_lock_and_the_secret"
STAYS = NEXT_STEP + "test_rule_3_the_secret_stays"
NOT_LEFT = WRITES + "test_rule_3_the_secret_does_not_leave"
OWN_PLACE = (
    "tests/conformance/test_parties.py::"
    "test_rule_3_a_lock_that_would_pay_its_own_place_is_known_before_it_is_refused"
)

ROWS = (
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
        'IsAmong(F("intent__reference"), Given("references")), left_at__isnull=False',
        'IsAmong(F("intent__reference"), Given("references"))',
        ("tests/integration/chains/test_voiding.py::"
         "test_rule_5_a_no_before_the_first_send_voids_the_attempt",),
    ),
    Guard(
        3, "left-never-times-out", "Only a secret that provably has not left can time out.", PLAN,
        "    if s.facts.secret_left or s.facts.secret_is_shown:\n        return None\n",
        "    if s.facts.secret_is_shown:\n        return None\n",
        (NEXT_STEP + "test_rule_3_only_a_secret_that_never_left_can_time_out",),
    ),
    Guard(
        3, "asked-for-the-maker", "Lock and secret stay while the maker could not be paid.", GUARD,
        "    return problem\n\n\ndef _keep_refusal", "    return None\n\n\ndef _keep_refusal",
        (NODES,),
    ),
    Guard(
        3, "not-waited-for", "Who takes no payment for long is not waited for.", GUARD,
        "now - seconds(since) >= session.timelock_policy.inclusion", "False",
        (WALKED + "test_a_payout_that_is_refused_for_long_ends_the_swap",),
    ),
    Guard(
        3, "refused-to-us-too", "A payment that we would not get either is not the maker's.", GUARD,
        "if problem is not None and adapter.payout_problem(terms, terms.depositor) is None:",
        "if problem is not None:",
        (WALKED + "test_a_payment_that_nobody_could_take_counts_against_nobody",),
    ),
    Guard(
        3, "taken-again", "A payment that is taken again is as if it had never been refused.", GUARD,
        "rows.update(payout_refused_at=None, payout_is_refused=False)", "pass",
        (WALKED + "test_a_payout_that_is_taken_in_time_goes_on",),
    ),
    Guard(
        3, "no-free-option", "Who walks away after a lock again and again may not go on.", ADMISSION,
        "if (count := left.distinct().count()) >= most:", "if (count := 0) > most:",
        (WALKED + "test_who_walks_away_again_and_again_may_not_go_on",),
    ),
    Guard(
        3, "asked-for-us", "Lock and secret stay while we could not be paid.", GUARD,
        "or get_adapter(source.chain).payout_problem(source, source.beneficiary)", "",
        (NODES,),
    ),
    Guard(
        3, "own-place-evm", "No lock is signed that would pay its own address.",
        "chains_app/adapters/evm.py",
        "        if to == escrow:\n", "        if False:\n",
        (OWN_PLACE,),
    ),
    Guard(
        3, "own-place-near", "No lock is signed that would pay the contract that holds it.",
        "chains_app/adapters/near.py",
        "        if to == self._htlc:\n", "        if False:\n",
        (OWN_PLACE,),
    ),
    Guard(
        3, "asked-for-gas", "Lock and secret stay without the gas of our own withdrawal.", GUARD,
        "            or _gas_problem(source, legs[Role.SOURCE].session_id)\n", "",
        (NODES,),
    ),
    Guard(
        3, "gas-of-others", "Gas that other swaps hold pays for no withdrawal of this one.", GUARD,
        "if not needed <= spendable < needed + others:", "if True:",
        (ASKED + "test_rule_3_gas_that_other_swaps_hold_pays_for_no_withdrawal_of_ours",),
    ),
    Guard(
        3, "gas-of-the-account", "A key's allowance need not cover what other keys will spend.", GUARD,
        "return adapter.balance(keys[0].account, None) >= needed + others", "return False",
        (ASKED + "test_rule_3_a_key_whose_allowance_is_less_than_what_others_hold_may_pay_for_ours",),
    ),
    Guard(
        3, "asked-for-paused-duties", "Lock and secret stay while nobody could withdraw for us.",
        GUARD,
        "(chain, k.account, k.public) not in paused", "True",
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


def _payout_problem""",
        """        )
    except ChainError:
        return None


def _payout_problem""",
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
