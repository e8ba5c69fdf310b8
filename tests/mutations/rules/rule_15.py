"""Rule 15: signers are narrow."""

from tests.mutations.guard import Guard

SURPLUS = "sessions_app/surplus.py"
SIGNING = "chains_app/outbox/signing.py"
SENDING = "chains_app/outbox/sending.py"
CAPS = "chains_app/outbox/caps.py"
NONCES = "chains_app/outbox/nonces.py"
SIGNERS = "chains_app/signers.py"
NEAR = "chains_app/adapters/near.py"
CHAINS = "tests/integration/chains/"
SESSIONS = "tests/integration/sessions/"
CONFORMANCE = "tests/conformance/"
ASKED = SESSIONS + "test_guard.py::"
SURPLUSES = SESSIONS + "test_surplus.py::"
NARROW = CHAINS + "test_signers.py::"
CAPPED = CHAINS + "test_caps.py::"
UNKNOWN = CHAINS + "test_unknown.py::"
NEEDED = CHAINS + "test_preliminaries.py::"
REPAID = CHAINS + "test_repayments.py::"
SELECTORS = "chains_app/selectors.py"
CHECKS = "sessions_app/checks.py"
KEPT = SESSIONS + "test_checks.py::test_rule_15_"

ROWS = (
    Guard(
        15, "destination-contract", "A signer calls our configured contract alone.", SIGNERS,
        "    if terms.contract != contract:\n", "    if False:\n",
        (NARROW + "test_rule_15_a_signer_refuses_any_other_destination",),
    ),
    Guard(
        15, "destination-token", "A signer calls our configured tokens alone.", SIGNERS,
        "    if terms.token is not None and terms.token not in tokens:\n", "    if False:\n",
        (CHAINS + "test_signers.py::test_rule_15_what_a_signer_refuses_and_why",),
    ),
    Guard(
        15, "own-locks", "A lock account makes its own locks alone.", SIGNERS,
        "    if call in _FOR_THE_DEPOSITOR and terms.depositor != account:\n", "    if False:\n",
        (NARROW + "test_rule_15_a_signer_refuses_any_other_destination",
         NEEDED + "test_rule_15_a_preliminary_for_anybody_elses_lock_is_refused"),
    ),
    Guard(
        15, "own-benefits", "An early refund or repayment is its beneficiary's alone.", SIGNERS,
        "    if call in _FOR_THE_BENEFICIARY and terms.beneficiary != account:\n", "    if False:\n",
        (REPAID + "test_rule_15_what_did_not_reach_the_lock_account_is_not_repaid",),
    ),
    Guard(
        15, "released", "A repayment that nobody released is not signed.", SIGNERS,
        "    if call is Call.REPAY and not is_released:\n", "    if False:\n",
        (NARROW + "test_rule_15_what_a_signer_refuses_and_why",),
    ),
    Guard(
        15, "native-preliminaries", "A native lock has nothing before it.", SIGNERS,
        "    if call in PRELIMINARIES and terms.token is None:\n", "    if False:\n",
        (NEEDED + "test_rule_15_a_native_lock_has_no_preliminary",),
    ),
    Guard(
        15, "refusal-is-asked", "What a signer refuses is asked before each first signature.", SIGNING,
        "    if reason is not None:\n        raise SignerRefusedError(f\"{intent} is not signed",
        "    if False:\n        raise SignerRefusedError(f\"{intent} is not signed",
        (NARROW + "test_rule_15_a_signer_refuses_any_other_destination",),
    ),
    Guard(
        15, "duties-by-duty", "Duties go out from accounts that hold gas only.", SIGNERS,
        "return SignerRole.LOCK if call in _BY_LOCK_ACCOUNT else SignerRole.DUTY",
        "return SignerRole.LOCK",
        (NARROW + "test_rule_15_duties_go_out_from_their_own_account",),
    ),
    Guard(
        15, "locks-by-lock", "Locks and early refunds go out from the lock account alone.", SIGNERS,
        "_BY_LOCK_ACCOUNT: Final = (*_FOR_THE_DEPOSITOR, *_FOR_THE_BENEFICIARY)",
        "_BY_LOCK_ACCOUNT: Final = (Call.LOCK,)",
        (NEEDED + "test_rule_15_preliminaries_go_out_from_the_lock_account",),
    ),
    Guard(
        15, "kill-switch", "A key that was switched off signs nothing.", CAPS,
        "    if not signer.is_enabled:\n        raise SignerRefusedError(f\"{signer} is paused\")\n",
        "",
        (NARROW + "test_rule_15_the_kill_switch_is_read_under_the_lock_that_signs",),
    ),
    Guard(
        15, "kill-switch-at-the-send", "A key that was switched off first sends nothing.", SENDING,
        "            _require_enabled(attempt)\n", "",
        (NARROW + "test_rule_15_the_kill_switch_stops_what_is_signed_and_not_sent",),
    ),
    Guard(
        15, "balance", "Nothing is signed that the account could not pay.", CAPS,
        "if balance is not None and balance < cost:", "if False:",
        (NARROW + "test_a_signer_without_the_money_signs_nothing",),
    ),
    Guard(
        15, "caps-are-written", "Each account's caps come from the configuration.", NONCES,
        ".exclude(**wanted).update(**wanted)", ".exclude(**wanted)",
        (CAPPED + "test_rule_15_keys_have_the_caps_that_are_configured_for_their_account",),
    ),
    Guard(
        15, "caps-before-the-secret", "No secret leaves while a cap would stop our own withdrawal.",
        "sessions_app/guard.py",
        "return cap_problem(chain, role, needed, largest=needed, beside=others)", "return None",
        (ASKED + "test_rule_3_what_only_a_node_can_tell_stops_our_lock_and_the_secret",),
    ),
    Guard(
        15, "caps-before-a-fill", "Nothing is filled that a cap would keep us from doing.",
        "auctions_app/services.py",
        "_require_under_caps(balance, needed, held_now.get(balance, 0), amount)", "pass",
        ("tests/integration/auctions/test_reservations.py::"
         "test_rule_15_what_our_caps_would_stop_is_not_filled",),
    ),
    Guard(
        15, "caps-let-sign", "No cap stops each of its calls.", "chains_app/config.py",
        "            if cap < cost:\n", "            if False:\n",
        ("tests/unit/chains/test_config.py::test_rule_15_a_cap_that_stops_each_call_is_named",),
    ),
    Guard(
        15, "cap-transaction", "A signer has a cap per transaction.", CAPS,
        '({"transaction": largest} | total).items()', "total.items()",
        (CAPPED + "test_rule_15_a_cap_stops_what_would_pass_it",),
    ),
    Guard(
        15, "cap-hour", "A signer has a cap per hour.", CAPS,
        '    return {"hour": hour, "day": day}', '    return {"day": day}',
        (CAPPED + "test_rule_15_a_cap_stops_what_would_pass_it",),
    ),
    Guard(
        15, "cap-day", "A signer has a cap per day.", CAPS,
        '    return {"hour": hour, "day": day}', '    return {"hour": hour}',
        (CAPPED + "test_rule_15_a_cap_stops_what_would_pass_it",),
    ),
    Guard(
        15, "cap-counts-spending", "A cap counts what was signed before.", CAPS,
        "period: before + cost for", "period: cost for",
        (CAPPED + "test_rule_15_a_cap_counts_what_was_signed_in_its_period",),
    ),
    Guard(
        15, "cap-counts-all-keys", "A cap counts all keys of an account.", CAPS,
        '"account": signer.account}', '"account": signer.public_key[:64]}',
        (CAPPED + "test_rule_15_a_cap_counts_all_keys_of_an_account",),
    ),
    Guard(
        15, "cap-counts-no-void", "What was voided was not spent.", NONCES,
        "        caps.take_back(attempt)\n", "        pass\n",
        (CAPPED + "test_rule_15_what_is_void_was_not_spent",),
    ),
    Guard(
        15, "cap-counts-newest", "Of a nonce the newest fee is what may be spent.", SIGNING,
        "        caps.take_back(replaced)\n", "        pass\n",
        (CAPPED + "test_rule_15_of_a_nonce_the_newest_fee_counts",),
    ),
    Guard(
        15, "cap-minute-whole", "A minute of which a part still counts, counts.", CAPS,
        "Now() - _HOUR - STRETCH", "Now() - _HOUR",
        (CAPPED + "test_rule_15_a_cap_counts_what_was_signed_in_its_period",),
    ),
    Guard(
        15, "cap-minute-of-a-day", "So does it of a day.", CAPS,
        "Now() - _DAY - STRETCH", "Now() - _DAY",
        (CAPPED + "test_rule_15_a_cap_counts_what_was_signed_in_its_period",),
    ),
    Guard(
        15, "cap-minute-ends", "Nothing is added to a minute that is over.", CAPS,
        "since__gt=Now() - STRETCH", "since__gt=Now() - _DAY",
        (CAPPED + "test_what_is_signed_within_a_minute_is_one_sum",),
    ),
    Guard(
        15, "cap-of-a-raised-fee", "A raised fee keeps to the signer's caps.", SIGNING,
        """        caps.check_signer(signer, least.cost_cap)
        return least""",
        "        return least",
        (UNKNOWN + "test_rule_15_a_raised_fee_stays_under_the_cap",),
    ),
    Guard(
        15, "fee-cap", "No fee is raised above the registry's cap.", SIGNING,
        "    if raised.cost_cap > cap:\n", "    if False:\n",
        (UNKNOWN + "test_rule_5_fees_rise_to_the_registrys_cap_and_no_further",),
    ),
    Guard(
        15, "hurried-fee-cap", "In a hurry the signer's caps hold as ever.", SIGNING,
        "        caps.check_signer(signer, highest.cost_cap)\n", "        pass\n",
        (UNKNOWN + "test_rule_15_in_a_hurry_the_signers_caps_hold_as_ever",),
    ),
    Guard(
        15, "freed-without-value", "A freed nonce's fee is bounded by fees, not by a value.", SIGNING,
        "return cap + fee if to_self else cap", "return 2 * cap if to_self else cap",
        (UNKNOWN + "test_rule_15_a_freed_nonce_never_costs_what_the_call_would_have_moved",),
    ),
    Guard(
        15, "hurry-behind", "The most urgent call sets the fee of the nonces before it.", SIGNING,
        "nonce__gt=replaced.nonce, status__in=ALIVE", "nonce__gt=10**9, status__in=ALIVE",
        (UNKNOWN + "test_rule_15_the_most_urgent_call_sets_the_fee_of_the_nonces_before_it",),
    ),
    Guard(
        15, "hurry", "Near its last moment a stuck call pays all that it may.", SIGNING,
        "    return begun and chain_now(intent.chain, by_itself=by_itself) <= last\n", "    return False\n",
        (UNKNOWN + "test_rule_5_near_its_last_moment_a_stuck_call_pays_all_that_it_may",),
    ),
    Guard(
        15, "gap-before-all", "A nonce's gap is filled before what waits behind it.", NONCES,
        "fill.send_by, fill.urgency = NEVER, FILL_URGENCY", "fill.send_by, fill.urgency = NEVER, 0",
        (NARROW + "test_rule_15_a_gap_is_filled_before_all_that_waits_behind_it",),
    ),
    Guard(
        15, "evm-fee-cap", "Nothing is prepared while gas costs more than the cap.",
        "chains_app/adapters/evm.py",
        "        if base_fee > most:\n", "        if False:\n",
        (CONFORMANCE + "test_evm.py::"
         "test_rule_15_nothing_is_prepared_while_gas_costs_more_than_the_cap",),
    ),
    Guard(
        15, "evm-first-fee-cap", "A first fee stays below the cap.",
        "chains_app/adapters/evm_signing.py",
        "fee = min(_BASE_FEE_HEADROOM * base_fee + tip, most)",
        "fee = _BASE_FEE_HEADROOM * base_fee + tip",
        (CONFORMANCE + "test_evm.py::"
         "test_rule_15_a_first_fee_stays_below_the_cap_that_reservations_count_on",),
    ),
    Guard(
        15, "near-registration-cap", "A token that asks more for a registration is not paid.", NEAR,
        "        if asked > most:\n", "        if False:\n",
        (CONFORMANCE
         + "test_tokens.py::test_rule_15_a_token_that_asks_more_for_a_registration_is_not_paid",),
    ),
    Guard(
        15, "near-duty-keys", "A duty's key on NEAR may call the duties' methods alone.", NEAR,
        "if not near_contract.fits(role, access[\"permission\"], self._htlc):", "if False:",
        (CONFORMANCE + "test_near.py::test_rule_15_a_duty_key_that_can_do_more_is_a_problem",),
    ),
    Guard(
        15, "near-allowance", "A function-call key's allowance bounds what it may spend.", NEAR,
        "balance=max(0, balance if allowance is None else min(balance, allowance)),",
        "balance=max(0, balance),",
        (CONFORMANCE + "test_near.py::test_a_keys_allowance_bounds_what_it_may_spend",),
    ),
    Guard(
        15, "never-ours", "What is never ours on a leg is never agreed to.",
        "sessions_app/guard.py",
        "    if action is None:\n        return Verdict(ok=False, reason=",
        "    if action is None:\n        return Verdict(ok=True, reason=",
        (ASKED + "test_rule_15_what_is_never_ours_is_never_agreed_to",),
    ),
    Guard(
        15, "never-ours-on-a-surplus", "A stranger's lock is never withdrawn by us.", SURPLUS,
        'return f"{call.value} is never ours on a surplus"', "return None",
        (SURPLUSES + "test_the_guard_never_lets_a_surplus_be_withdrawn",),
    ),
    Guard(
        15, "surplus-floor", "What is not worth its refund is left to its timelock.", SURPLUS,
        "    if value <= floor:\n", "    if False:\n",
        (SURPLUSES + "test_what_is_worth_no_more_than_the_floor_is_left_to_its_timelock",),
    ),
    Guard(
        15, "surplus-fee", "What may cost more to give back than it is worth is left, too.", SURPLUS,
        "    return max(Fraction(market.surplus_floor_dollars), fee)\n",
        "    return Fraction(market.surplus_floor_dollars)\n",
        (SURPLUSES + "test_what_may_cost_more_to_give_back_than_it_is_worth_is_left_to_its_timelock",),
    ),
    Guard(
        15, "fee-at-risk", "No call may cost more than the smallest lock of its route.",
        "auctions_app/pricing.py", "    if fee <= at_risk:\n", "    if True:\n",
        ("tests/unit/auctions/test_market.py::test_no_call_may_cost_more_than_the_smaller_lock_of_the_least_swap",),
    ),
    Guard(
        15, "surplus-tokens", "A token that is none of ours is left.", SURPLUS,
        "    if value is None or floor is None:\n",
        "    if value is None or floor is None:\n        return _session_objection(surplus)\n    if False:\n",
        (SURPLUSES + "test_a_token_that_is_none_of_ours_is_shown_and_left",),
    ),
    Guard(
        15, "surplus-paid-once", "What was repaid is not repaid again.", SURPLUS,
        "    if surplus.pk in repaid([surplus.pk]):\n", "    if False:\n",
        (SURPLUSES + "test_what_reached_us_is_owed_shown_and_repaid_once",),
    ),
    Guard(
        15, "kept-when-ended", "A contract whose swaps have ended and are not over is not taken out.",
        CHECKS, "_used_by_open_swaps() | places_in_use()", "_used_by_open_swaps()",
        (KEPT + "an_unpaid_payout_keeps_its_contract",),
    ),
    Guard(
        15, "kept-while-owed", "Nor one that a repayment is owed for.", CHECKS,
        "~HAS_ENDED | is_owed", "~HAS_ENDED",
        (KEPT + "what_is_owed_of_a_cancelled_order_keeps_its_contract_and_token",),
    ),
    Guard(
        15, "kept-until-settled", "Nor one whose ends a reorganisation may undo.", SELECTORS,
        "for rows in (unsettled, written)", "for rows in (written,)",
        (KEPT + "what_a_reorganisation_may_open_again_keeps_its_contract",),
    ),
    Guard(
        15, "kept-while-written", "Nor one that something is still to be written of.", SELECTORS,
        "for rows in (unsettled, written)", "for rows in (unsettled,)",
        (KEPT + "a_released_repayment_keeps_its_contract_and_a_strangers_lock_none",),
    ),
    Guard(
        15, "made-by-another", "A stuck nonce whose effect somebody else made is freed.",
        "chains_app/outbox/decision.py", "or not s.is_useful or is_made:", "or not s.is_useful:",
        (UNKNOWN + "test_rule_15_a_stuck_nonce_whose_effect_somebody_made_holds_nothing_up",),
    ),
    Guard(
        15, "known-later", "What left us and a node shows late is no stranger's.",
        "chains_app/outbox/foreign.py",
        "    return not {Stage.INCLUDED, Stage.FINAL} & set(found)\n", "    return True\n",
        (CHAINS + "test_foreign.py::test_what_a_node_did_not_know_at_first_is_no_strangers",),
    ),
    Guard(
        15, "freed-for-others", "It is freed only where others wait behind an unused nonce.",
        "chains_app/outbox/decision.py", "s.effect is Effect.AT_HEAD and attempt.holds_up", "s.effect is Effect.AT_HEAD",
        ("tests/unit/chains/test_decision.py::test_rule_5_with_an_attempt_alive",),
    ),
)  # fmt: skip
