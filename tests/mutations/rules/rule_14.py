"""Rule 14: deaths and races, and what is promised twice."""

from tests.mutations.guard import Guard

FILLING = "sessions_app/filling.py"
ADMISSION = "sessions_app/admission.py"
FILLS = "auctions_app/services.py"
SIGNING = "chains_app/outbox/signing.py"
SENDING = "chains_app/outbox/sending.py"
NONCES = "chains_app/outbox/nonces.py"
UNIT = "tests/unit/sessions/"
CHAINS = "tests/integration/chains/"
SESSIONS = "tests/integration/sessions/"
AUCTIONS = "tests/integration/auctions/"
SERVED = SESSIONS + "test_services.py::"
MAKER_CAP = SESSIONS + "test_maker_cap.py::"
FILLED = AUCTIONS + "test_fills.py::"
RACED = AUCTIONS + "test_races.py::"
RESERVED = AUCTIONS + "test_reservations.py::"
NARROW = CHAINS + "test_signers.py::"
DIED = CHAINS + "test_crashes.py::test_rule_14_a_write_survives_a_death_right_after"

ROWS = (
    Guard(
        14, "stored-with-the-signature", "What is signed is stored in the same transaction.", SIGNING,
        "    attempt.save(force_insert=True)\n", "    attempt.id = None\n",
        (DIED + "[base lock: 3 sign]",),
    ),
    Guard(
        14, "left-is-committed", "A death after `left_at` finds that the bytes may be out.", SENDING,
        "status=AttemptStatus.LEFT, left_at=Now(), send_verdict",
        "status=AttemptStatus.SIGNED, send_verdict",
        (DIED + "[base lock: 4 send_first]",),
    ),
    Guard(
        14, "synchronous-commits", "A commit is on the database's disk before what follows it.",
        "orchestrator/settings.py",
        '    "synchronous_commit": "on",\n', "",
        ("tests/integration/test_settings.py::"
         "test_commits_are_synchronous_where_the_default_is_another",),
    ),
    Guard(
        14, "same-bytes-after-a-death", "What was signed is sent as it is by who comes next.",
        "chains_app/outbox/worker.py",
        """        case Move.SEND_FIRST:
            send_first(intent, read.newest, read.read_at)""",
        """        case Move.SEND_FIRST:
            settling.void_unsent(intent, read.newest)""",
        (DIED + "[base lock: 3 sign]",),
    ),
    Guard(
        14, "signer-is-locked", "Who signs holds the rows of the signer's account.", NONCES,
        'rows.select_for_update().order_by("pk")', 'rows.order_by("pk")',
        (NARROW + "test_rule_14_who_signs_holds_the_signers_row",),
    ),
    Guard(
        14, "reservations-lock", "Two fills at once do not reserve the same liquidity.", FILLS,
        'cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_RESERVATIONS_LOCK])', "pass",
        (RACED + "test_the_last_liquidity_goes_to_one_of_two_fills",),
    ),
    Guard(
        14, "reservations-in-a-transaction", "A fill stands in its caller's transaction.", FILLS,
        "    if not connection.in_atomic_block:\n", "    if False:\n",
        (FILLED + "test_a_fill_without_its_callers_transaction_is_refused",),
    ),
    Guard(
        14, "reserved-once", "A session is filled once.", FILLS,
        "    if Reservation.objects.filter(session_id=session_id).exists():\n", "    if False:\n",
        (FILLED + "test_a_session_is_filled_once",),
    ),
    Guard(
        14, "reserved-from-free", "What is reserved is not free for another fill.", FILLS,
        "if ours - held_now.get(balance, 0) < needed:", "if ours < needed:",
        (FILLED + "test_a_fill_leaves_the_next_one_what_it_did_not_reserve",),
    ),
    Guard(
        14, "reserved-all", "A fill needs every balance that its calls take.", FILLS,
        "    _require_free(needs, readings, amount)\n", "",
        (FILLED + "test_a_unit_less_than_needed_in_any_balance_refuses_the_fill",),
    ),
    Guard(
        14, "reserved-until-read-later", "A hold counts until a balance read later shows its end.",
        "auctions_app/selectors.py",
        ' | Q(**{f"{ended_at}__gt": instant})', "",
        (RESERVED + "test_a_hold_counts_until_a_balance_read_later_shows_what_left_us",),
    ),
    Guard(
        14, "reserved-until-final", "A reservation lasts until our lock is final or never made.",
        "sessions_app/domain/filled.py",
        "return self.destination.final is not LockState.ABSENT or (",
        "return self.destination.head is not LockState.ABSENT or (",
        (UNIT + "test_guards.py::"
         "test_the_reservation_ends_when_our_lock_is_final_or_never_made",),
    ),
    Guard(
        14, "gas-outlives-our-lock", "The gas of withdrawals and refunds is held beyond our lock.",
        "auctions_app/reservations.py",
        "reservation.holds.filter(chain=reservation.chain, role=SignerRole.LOCK.value)",
        "reservation.holds.all()",
        (RESERVED + "test_a_fill_leaves_revealed_swaps_the_gas_of_their_withdrawals",
         "tests/integration/sessions/test_returns.py::"
         "test_the_gas_of_both_legs_is_held_until_they_are_paid"),
    ),
    Guard(
        14, "gas-until-decided", "Gas is held until both legs have ended finally.",
        "sessions_app/domain/filled.py",
        "return destination_is_over and source_is_over", "return destination_is_over",
        (UNIT + "test_guards.py::"
         "test_gas_is_held_until_nothing_is_left_to_withdraw_or_refund",),
    ),
    Guard(
        14, "gas-held-again", "A session that a reorganisation opens holds its gas again.",
        "sessions_app/coordinator.py",
        "        hold_gas(session_id=session.id)\n", "        pass\n",
        ("tests/integration/sessions/test_returns.py::"
         "test_gas_is_held_again_when_a_reorganisation_opens_the_session",),
    ),
    Guard(
        14, "gas-is-freed", "No hold outlives its session.",
        "sessions_app/coordinator.py",
        "        release_gas(session_id=session.id, heads=heads)\n", "        pass\n",
        ("tests/integration/sessions/test_returns.py::"
         "test_the_gas_of_both_legs_is_held_until_they_are_paid",),
    ),
    Guard(
        14, "reserved-before-our-lock", "It lasts while our lock may still be planned.",
        "sessions_app/domain/filled.py",
        "self.destination_is_gone and self.facts.status not in _BEFORE_OUR_LOCK",
        "self.destination_is_gone",
        (UNIT + "test_guards.py::"
         "test_the_reservation_ends_when_our_lock_is_final_or_never_made",),
    ),
    Guard(
        14, "quote-once", "A quote is bound to one session.", FILLS,
        "Quote.objects.filter(id=quote_id, bound_to=None, expires_at__gt=instant(now))",
        "Quote.objects.filter(id=quote_id, expires_at__gt=instant(now))",
        (RACED + "test_a_quote_under_race_is_bound_once",),
    ),
    Guard(
        14, "quote-in-time", "A quote is taken before it expires.", FILLS,
        "Quote.objects.filter(id=quote_id, bound_to=None, expires_at__gt=instant(now))",
        "Quote.objects.filter(id=quote_id, bound_to=None)",
        (AUCTIONS + "test_quotes.py::test_a_quote_is_gone_at_the_instant_of_its_expiry",),
    ),
    Guard(
        14, "maker-cap", "The sum open in mode `maker` is capped for each chain.", FILLS,
        "    if taken + stake > most:\n", "    if False:\n",
        (MAKER_CAP + "test_what_would_pass_the_cap_waits_and_runs_out",),
    ),
    Guard(
        14, "open-sessions-cap", "What one client or maker has open is capped.", ADMISSION,
        '    if found["count"] >= most:\n', "    if False:\n",
        (SERVED + "test_what_is_open_at_a_time_has_a_cap",),
    ),
    Guard(
        14, "abandoned-cap", "Who lets our lock expire again and again may not go on.", ADMISSION,
        "    if (count := abandoned.distinct().count()) >= most:\n", "    if count := 0:\n",
        (SESSIONS + "test_maker_mode.py::"
         "test_who_abandons_swaps_after_our_lock_may_not_go_on",),
    ),
    Guard(
        14, "paused-route", "Nothing is filled by a route that staff have paused.", FILLS,
        "    require_running(route)\n    chains = ", "    chains = ",
        ("tests/integration/doors/test_staff_rest.py::"
         "test_a_paused_route_takes_nothing_new_and_open_swaps_go_on",),
    ),
    Guard(
        14, "paused-signers", "Nothing is begun that no signer of ours would end.",
        "auctions_app/selectors.py",
        "        elif idle is not None:\n", "        elif False:\n",
        ("tests/integration/doors/test_staff_rest.py::"
         "test_no_maker_locks_for_nothing_while_signers_that_the_swap_needs_are_paused",),
    ),
    Guard(
        14, "fees-above-cap", "No swap begins while a chain asks fees above what we pay.", FILLING,
        "    adapter.prepare_transfer_to_self(signing_keys(name, SignerRole.DUTY)[0])"
        "  # or FeeAboveCapError\n",
        "",
        (SERVED + "test_no_swap_begins_while_a_chains_fees_are_above_what_we_pay",),
    ),
)  # fmt: skip
