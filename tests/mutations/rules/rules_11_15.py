"""Rules 11 to 15: whose clock, integers, secrets, deaths and races, narrow signers."""

from tests.mutations.guard import Guard

PLAN = "sessions_app/domain/plan.py"
CLOCKS = "sessions_app/domain/timelocks.py"
SNAPSHOT = "sessions_app/domain/snapshot.py"
BINDING = "sessions_app/binding.py"
SURPLUS = "sessions_app/surplus.py"
FILLING = "sessions_app/filling.py"
ADMISSION = "sessions_app/admission.py"
SERVICES = "sessions_app/services.py"
FILLS = "auctions_app/services.py"
AMOUNTS = "orchestrator/kernel/amounts.py"
FIELDS = "orchestrator/fields.py"
HASHLOCK = "orchestrator/kernel/hashlock.py"
CIPHER = "orchestrator/kernel/cipher.py"
REDACTION = "orchestrator/observability/redaction.py"
LOGS = "orchestrator/observability/logs.py"
VAULT = "secrets_app/services.py"
SIGNING = "chains_app/outbox/signing.py"
SENDING = "chains_app/outbox/sending.py"
NONCES = "chains_app/outbox/nonces.py"
SIGNERS = "chains_app/signers.py"
NEAR = "chains_app/adapters/near.py"

UNIT = "tests/unit/sessions/"
CHAINS = "tests/integration/chains/"
SESSIONS = "tests/integration/sessions/"
AUCTIONS = "tests/integration/auctions/"
CONFORMANCE = "tests/conformance/"
NEXT_STEP = UNIT + "test_next_step.py::"
STALE = UNIT + "test_timelocks.py::test_rule_11_a_head_is_stale_when_it_stops_or_lags"
STAYS = NEXT_STEP + "test_rule_3_the_secret_stays"
NOT_PLANNED = NEXT_STEP + "test_rule_2_our_lock_is_not_planned"
ASKED = SESSIONS + "test_guard.py::"
SURPLUSES = SESSIONS + "test_surplus.py::"
GASLESS = SESSIONS + "test_gasless.py::"
RETURNS = SESSIONS + "test_returns.py::"
SERVED = SESSIONS + "test_services.py::"
MAKER_CAP = SESSIONS + "test_maker_cap.py::"
FILLED = AUCTIONS + "test_fills.py::"
RACED = AUCTIONS + "test_races.py::"
RESERVED = AUCTIONS + "test_reservations.py::"
NUMBERS = "tests/unit/kernel/test_amounts.py::"
COLUMNS = "tests/integration/floor/test_fields.py::"
LOGGED = "tests/integration/floor/test_logs.py::"
IN_THE_VAULT = "tests/integration/secrets/test_vault.py::"
SEALED = "tests/unit/kernel/test_cipher.py::"
A_SECRET = "tests/unit/kernel/test_hashlock.py::"
VOIDING = CHAINS + "test_voiding.py::"
NARROW = CHAINS + "test_signers.py::"
UNKNOWN = CHAINS + "test_unknown.py::"
NEEDED = CHAINS + "test_preliminaries.py::"
REPAID = CHAINS + "test_repayments.py::"
DEATHS = CHAINS + "test_crashes.py::"
NOT_LOGGED = LOGGED + "test_rule_13_what_is_secret_is_not_logged"

RULE_11 = (
    Guard(
        11, "stale-stopped", "A head that has not advanced for too long is stale.", CLOCKS,
        "wall - head.advanced_at > stale_after or latest", "latest",
        (STALE,),
    ),
    Guard(
        11, "stale-lags", "A head that lags behind the clock or the other chain is stale.", CLOCKS,
        " or latest(wall, other.time) - head.time > slack", "",
        (STALE,),
    ),
    Guard(
        11, "stale-behind-the-other", "A head that lags behind the other chain alone is stale.",
        CLOCKS,
        "latest(wall, other.time) - head.time > slack", "wall - head.time > slack",
        (STALE,),
    ),
    Guard(
        11, "stale-no-lock", "No lock is planned while a chain stands still.", PLAN,
        "    if not s.facts.chains_are_fresh:\n        return Step()\n", "",
        (NOT_PLANNED,),
    ),
    Guard(
        11, "stale-no-lock-signed", "No lock is signed while a chain stands still.",
        "sessions_app/domain/guards.py",
        """    if not s.facts.chains_are_fresh:
        return "a chain's head is stale"
    if s.destination""",
        "    if s.destination",
        (UNIT + "test_guards.py::test_rule_2_our_lock_stays",),
    ),
    Guard(
        11, "stale-either-chain", "Both chains' heads have to be fresh.", BINDING,
        "for leg, other in ((source, destination), (destination, source))",
        "for leg, other in ((source, destination),)",
        (SESSIONS + "test_binding.py::test_rule_11_each_chain_has_to_be_fresh",),
    ),
    Guard(
        11, "ten-seconds", "Facts are at most 10 s old when something first leaves us.", BINDING,
        "bound = stale_after if age is None else min(age, stale_after)", "bound = stale_after",
        (ASKED + "test_rule_11_facts_older_than_ten_seconds_stop_our_lock",),
    ),
    Guard(
        11, "ten-and-no-more", "Ten seconds, and no more.", BINDING,
        "FACTS_AGE: Final = 10", "FACTS_AGE: Final = 11",
        (ASKED + "test_rule_11_facts_older_than_ten_seconds_stop_our_lock",),
    ),
    Guard(
        11, "as-old-as-the-question", "Facts are as old as the question that they answer.",
        "chains_app/ingest.py",
        "cursor.advanced_at = at or timezone.now()", "cursor.advanced_at = timezone.now()",
        (CHAINS + "test_poller_clock.py::test_facts_are_as_old_as_the_question_that_they_answer",),
    ),
    Guard(
        11, "advanced-when-higher", "A head is seen to advance only when it does.",
        "chains_app/ingest.py",
        "    if block.height > cursor.height:\n        cursor.advanced_at", "    if True:\n"
        "        cursor.advanced_at",
        (CHAINS + "test_poller_clock.py::test_rule_11_a_head_that_goes_back_has_not_advanced",),
    ),
    Guard(
        11, "destination-now", "A deadline to beat on the destination counts from the later clock.",
        SNAPSHOT,
        "return latest(self.clocks.destination_head, self.clocks.wall)", "return self.clocks.wall",
        (STAYS,),
    ),
    Guard(
        11, "destination-now-wall", "It counts from the wall clock when the head lags.", SNAPSHOT,
        "return latest(self.clocks.destination_head, self.clocks.wall)",
        "return self.clocks.destination_head",
        (NEXT_STEP + "test_rule_11_a_deadline_to_beat_counts_from_the_later_clock",),
    ),
    Guard(
        11, "source-now", "A deadline to beat on the source counts from the later clock.", SNAPSHOT,
        "return latest(self.clocks.source_head, self.clocks.wall)", "return self.clocks.wall",
        (STAYS,),
    ),
    Guard(
        11, "source-now-wall", "It counts from the wall clock when the head lags.", SNAPSHOT,
        "return latest(self.clocks.source_head, self.clocks.wall)",
        "return self.clocks.source_head",
        (NEXT_STEP + "test_rule_11_a_deadline_to_beat_counts_from_the_later_clock",),
    ),
    Guard(
        11, "refund-by-the-chain", "Our refund waits for the chain's own clock.", PLAN,
        "expired = s.facts.clocks.destination_head >= s.deadlines.destination_timelock",
        "expired = s.facts.destination_now >= s.deadlines.destination_timelock",
        (NEXT_STEP + "test_rule_11_a_refund_waits_for_the_chain_and_not_for_the_wall_clock",
         NEXT_STEP
         + "test_rule_4_a_destination_that_nobody_can_withdraw_any_more_is_taken_back"),
    ),
    Guard(
        11, "source-refund-by-the-chain", "The source's refund waits for its chain's own clock.",
        PLAN,
        """        expired = s.facts.clocks.source_head >= s.deadlines.source_timelock
        due.add(""",
        """        expired = s.facts.source_now >= s.deadlines.source_timelock
        due.add(""",
        (NEXT_STEP + "test_rule_11_a_refund_waits_for_the_chain_and_not_for_the_wall_clock",),
    ),
    Guard(
        11, "accept-by-the-chain", "`accept_by` has passed when the source's own head says so.", PLAN,
        "late = facts.clocks.source_head > s.deadlines.accept_by + facts.clock_slack",
        "late = facts.source_now > s.deadlines.accept_by + facts.clock_slack",
        (NEXT_STEP + "test_rule_11_accept_by_passes_by_the_source_chains_clock",),
    ),
    Guard(
        11, "accept-by-slack", "A reservation lasts for the clock slack beyond `accept_by`.", PLAN,
        "late = facts.clocks.source_head > s.deadlines.accept_by + facts.clock_slack",
        "late = facts.clocks.source_head > s.deadlines.accept_by",
        (NEXT_STEP + "test_rule_11_accept_by_passes_by_the_source_chains_clock",),
    ),
    Guard(
        11, "outbox-later-clock", "The outbox counts what it must beat from the later clock.",
        "chains_app/outbox/following.py",
        "now = Seconds(max(read.head.time, wall_clock()))", "now = read.head.time",
        (VOIDING
         + "test_rule_11_a_deadline_to_beat_counts_from_the_wall_when_the_head_lags",),
    ),
    Guard(
        11, "fill-latest", "A fill counts from the latest of wall clock and both heads.", FILLS,
        "filled_at = Seconds(max(wall, *(readings[chain].head for chain in chains)))",
        "filled_at = wall",
        (FILLED + "test_rule_11_a_fill_counts_from_the_latest_clock",),
    ),
    Guard(
        11, "order-fresh", "No order is submitted while a chain stands still.", PLAN,
        "        facts.chains_are_fresh and not facts.cancel_requested\n",
        "        not facts.cancel_requested\n",
        (GASLESS + "test_rule_11_no_order_is_submitted_while_a_chain_stands_still",),
    ),
    Guard(
        11, "surplus-fresh", "No stranger's lock goes back on stale facts.", SURPLUS,
        "reason = _staleness(surplus.chain) or _objection(call, surplus, facts)",
        "reason = _objection(call, surplus, facts)",
        (SURPLUSES + "test_rule_11_nothing_goes_back_on_stale_facts",),
    ),
    Guard(
        11, "surplus-ten-seconds", "Nor on facts of more than ten seconds.", SURPLUS,
        "if age > min(bound, FACTS_AGE) else None", "if age > bound else None",
        (SURPLUSES + "test_rule_11_nothing_goes_back_on_facts_older_than_ten_seconds",),
    ),
    Guard(
        11, "wakes-at-deadlines", "A session is looked at when a chain's lagging clock passes.",
        "sessions_app/domain/timers.py",
        "    yield d.destination_timelock, facts.clocks.destination_head\n", "",
        (UNIT + "test_timers.py::"
         "test_rule_11_a_refund_waits_for_a_chain_that_lags_and_is_not_forgotten",),
    ),
)  # fmt: skip

RULE_12 = (
    Guard(
        12, "int-columns", "Nothing but an int is stored as an amount.", FIELDS,
        "        if is_float_like:\n", "        if False:\n",
        (COLUMNS + "test_rule_12_nothing_but_an_int_is_stored",),
    ),
    Guard(
        12, "int-from-columns", "An amount comes back as an int.", FIELDS,
        "return None if value is None else int(value)", "return value",
        (COLUMNS + "test_rule_12_an_amount_comes_back_as_the_same_int",),
    ),
    Guard(
        12, "fees-up", "Fees are rounded up.", AMOUNTS,
        "if rounding is Rounding.DOWN else -(-product // denominator)",
        "if rounding is Rounding.DOWN else product // denominator",
        (NUMBERS + "test_the_two_roundings_enclose_the_exact_quotient",),
    ),
    Guard(
        12, "payouts-down", "Payouts are rounded down.", AMOUNTS,
        "return product // denominator if rounding", "return -(-product // denominator) if rounding",
        (NUMBERS + "test_the_two_roundings_enclose_the_exact_quotient",),
    ),
    Guard(
        12, "decimal-strings", "An amount is a canonical decimal string.", AMOUNTS,
        "if not _DECIMAL.fullmatch(text) or int(text) > MAX_AMOUNT:", "if int(text) > MAX_AMOUNT:",
        (NUMBERS + "test_anything_but_a_canonical_decimal_is_refused",),
    ),
    Guard(
        12, "amount-range", "An amount fits an EVM word.", AMOUNTS,
        "if not _DECIMAL.fullmatch(text) or int(text) > MAX_AMOUNT:",
        "if not _DECIMAL.fullmatch(text):",
        (NUMBERS + "test_anything_but_a_canonical_decimal_is_refused",),
    ),
    Guard(
        12, "near-amount-range", "An amount that no contract could hold has no lock.",
        "chains_app/adapters/near_contract.py",
        "    if terms.amount > _MAX_AMOUNT:\n        return \"\"\n", "",
        (CONFORMANCE + "test_locks.py::test_rule_7_a_lock_with_one_other_term_is_absent",),
    ),
)  # fmt: skip

RULE_13 = (
    Guard(
        13, "secret-repr", "A secret is in no repr.", HASHLOCK,
        'return "Secret(***)"', 'return f"Secret({self._value.hex()})"',
        (A_SECRET + "test_a_secret_is_not_shown_and_not_pickled",),
    ),
    Guard(
        13, "secret-pickle", "A secret is in no task, cache or message.", HASHLOCK,
        'raise TypeError("a secret is never pickled: it would reach a task, a cache or a log")',
        "return super().__reduce__()",
        (A_SECRET + "test_a_secret_is_not_shown_and_not_pickled",),
    ),
    Guard(
        13, "secret-length", "A secret has exactly 32 bytes.", HASHLOCK,
        "        if len(value) != LENGTH:\n            raise InvalidSecretError(f\"a secret",
        "        if False:\n            raise InvalidSecretError(f\"a secret",
        (A_SECRET + "test_a_secret_has_exactly_32_bytes",),
    ),
    Guard(
        13, "facts-repr", "What a chain showed is not in the repr of its facts.",
        "chains_app/selectors.py",
        "preimage: bytes | None = field(repr=False)", "preimage: bytes | None = field()",
        (CHAINS + "test_poller.py::test_a_preimage_shown_at_the_head_is_known_at_once",),
    ),
    Guard(
        13, "keys-repr", "Our keys are in no repr.", CIPHER,
        'return f"Cipher(keys={sorted(self._keys)})"', 'return f"Cipher(keys={self._keys})"',
        (SEALED + "test_keys_are_not_shown",),
    ),
    Guard(
        13, "sealed-row", "A secret stands in the vault only sealed.", VAULT,
        "row.sealed = vault_cipher().seal(secret.reveal(), row.associated_data())",
        "row.sealed = secret.reveal()",
        (IN_THE_VAULT + "test_rule_13_the_row_holds_no_plain_secret",),
    ),
    Guard(
        13, "sealed-for-its-row", "A sealed value opens in its own row alone.", CIPHER,
        "encrypt(nonce, plaintext, header + associated_data)", "encrypt(nonce, plaintext, header)",
        (SEALED + "test_what_is_sealed_opens",),
    ),
    Guard(
        13, "sealed-associated-data", "The row's identity is the seal's associated data.",
        "secrets_app/models.py",
        "return self.pk.bytes + self.reference.bytes", 'return b""',
        (IN_THE_VAULT + "test_a_sealed_value_moved_to_another_row_does_not_open",),
    ),
    Guard(
        13, "sealed-bytes", "Signed bytes that show a secret stand only sealed.", SIGNING,
        "_store_bytes(attempt, signed, is_secret=secret is not None)",
        "_store_bytes(attempt, signed, is_secret=False)",
        (VOIDING + "test_rule_13_bytes_with_a_secret_stand_sealed",),
    ),
    Guard(
        13, "opened-for-its-session", "A secret opens for its own session alone.", VAULT,
        "    if row.reference != reference:\n", "    if False:\n",
        (IN_THE_VAULT + "test_a_secret_opens_for_its_own_reference_only",
         ASKED + "test_rule_13_a_secret_is_opened_for_its_own_session_alone"),
    ),
    Guard(
        13, "opening-is-audited", "Who opened a secret, why and when is recorded.", VAULT,
        "    SecretAccess.objects.create(secret=row, actor=_actor(), purpose=purpose)\n", "",
        (IN_THE_VAULT + "test_rule_13_every_opening_leaves_who_why_and_when",),
    ),
    Guard(
        13, "opened-fits", "A secret that does not fit its hashlock is not given out.", VAULT,
        "if not fits(secret, bytes(row.hashlock), HashFunction(row.hash_function)):", "if False:",
        (IN_THE_VAULT + "test_a_row_whose_hashlock_was_changed_does_not_open",),
    ),
    Guard(
        13, "forgotten", "A secret is destroyed after the end.", VAULT,
        "kept.update(sealed=None, forgotten_at=Now())", "kept.update()",
        (IN_THE_VAULT + "test_a_forgotten_secret_is_gone_and_its_hashlock_stays",),
    ),
    Guard(
        13, "forgotten-at-the-end-only", "The secret of an open session is not forgotten.",
        "sessions_app/sweeps.py",
        "rows.filter(pk__in=session_ids, status__in=ENDED, secret_id__isnull=False)",
        "rows.filter(pk__in=session_ids, secret_id__isnull=False)",
        (SESSIONS
         + "test_swaps.py::test_rule_13_a_secret_is_kept_while_its_session_is_open",),
    ),
    Guard(
        13, "shown-before-the-vault", "What the chain has shown is not opened again.",
        "sessions_app/guard.py",
        "    if shown is not None:\n        return shown\n", "",
        (ASKED
         + "test_rule_13_each_opening_is_audited_until_the_chain_shows_the_secret",),
    ),
    Guard(
        13, "log-names", "What is named as a secret is not logged.", REDACTION,
        "if _SECRET_NAME.search(name) and not isinstance(value, bool | None):", "if False:",
        (NOT_LOGGED,),
    ),
    Guard(
        13, "log-words", "32-byte words in text are not logged.", REDACTION,
        "return _WORD.sub(REDACTED, _redact_credentials(text))", "return _redact_credentials(text)",
        (NOT_LOGGED,),
    ),
    Guard(
        13, "log-bytes", "Bytes are not logged.", REDACTION,
        "    if isinstance(value, bytes | bytearray | memoryview):\n        return REDACTED\n", "",
        (NOT_LOGGED,),
    ),
    Guard(
        13, "log-deep", "What stands deep inside a value is not logged.", REDACTION,
        "return [_redact(one) for one in value]", "return list(value)",
        (NOT_LOGGED,),
    ),
    Guard(
        13, "log-urls", "Of an address only scheme and host are logged.", REDACTION,
        'return _URL.sub(r"\\1://\\2", _IN_TEXT.sub(REDACTED, text))',
        "return _IN_TEXT.sub(REDACTED, text)",
        (NOT_LOGGED,),
    ),
    Guard(
        13, "log-calldata", "Calldata and signed bytes are not logged.", REDACTION,
        'return _URL.sub(r"\\1://\\2", _IN_TEXT.sub(REDACTED, text))',
        'return _URL.sub(r"\\1://\\2", text)',
        (NOT_LOGGED,),
    ),
    Guard(
        13, "log-everything", "Every line passes the redaction, a library's and a traceback too.",
        LOGS,
        "            redact_event,\n", "",
        (NOT_LOGGED, LOGGED + "test_rule_13_a_librarys_line_is_redacted_too",
         LOGGED + "test_rule_13_a_traceback_is_redacted_too"),
    ),
    Guard(
        13, "refusal-repeats-nothing", "A secret that does not fit is not repeated in the answer.",
        SERVICES,
        '"the secret does not fit the session\'s hashlock: give the 32 bytes that you hashed",',
        '"the secret does not fit the session\'s hashlock: " + secret.reveal().hex(),',
        (SESSIONS + "test_maker_mode.py::"
         "test_rule_3_a_secret_that_does_not_fit_is_not_taken_and_never_repeated",),
    ),
)  # fmt: skip

RULE_14 = (
    Guard(
        14, "stored-with-the-signature", "What is signed is stored in the same transaction.", SIGNING,
        "    attempt.save(force_insert=True)\n", "    attempt.id = None\n",
        (DEATHS + "test_rule_5_a_signed_attempt_is_sent_by_the_next_run_as_it_is",),
    ),
    Guard(
        14, "left-is-committed", "A death after `left_at` finds that the bytes may be out.", SENDING,
        "status=AttemptStatus.LEFT, left_at=Now(), send_verdict",
        "status=AttemptStatus.SIGNED, send_verdict",
        (DEATHS + "test_rule_14_a_lock_survives_a_death_at_every_point",),
    ),
    Guard(
        14, "same-bytes-after-a-death", "What was signed is sent as it is by who comes next.",
        "chains_app/outbox/worker.py",
        """        case Move.SEND_FIRST:
            send_first(intent, read.newest, read.read_at)""",
        """        case Move.SEND_FIRST:
            settling.void_unsent(intent, read.newest)""",
        (DEATHS + "test_rule_5_a_signed_attempt_is_sent_by_the_next_run_as_it_is",),
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
        "    _require_free(needs, readings)\n", "",
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
        14, "reserved-before-our-lock", "It lasts while our lock may still be planned.",
        "sessions_app/domain/filled.py",
        "self.destination_is_gone and self.facts.status not in _BEFORE_OUR_LOCK",
        "self.destination_is_gone",
        (UNIT + "test_guards.py::"
         "test_the_reservation_ends_when_our_lock_is_final_or_never_made",),
    ),
    Guard(
        14, "quote-once", "A quote is bound to one session.", FILLS,
        "Quote.objects.filter(id=quote_id, bound_to=None, expires_at__gt=_instant(now))",
        "Quote.objects.filter(id=quote_id, expires_at__gt=_instant(now))",
        (RACED + "test_a_quote_under_race_is_bound_once",),
    ),
    Guard(
        14, "quote-in-time", "A quote is taken before it expires.", FILLS,
        "Quote.objects.filter(id=quote_id, bound_to=None, expires_at__gt=_instant(now))",
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
        "    require_running(route.id)\n    chains = ", "    chains = ",
        ("tests/integration/doors/test_staff_rest.py::"
         "test_a_paused_route_takes_nothing_new_and_open_swaps_go_on",),
    ),
    Guard(
        14, "fees-above-cap", "No swap begins while a chain asks fees above what we pay.", FILLING,
        "    adapter.prepare_transfer_to_self(signing_keys(name, SignerRole.DUTY)[0])"
        "  # or FeeAboveCapError\n",
        "",
        (SERVED + "test_no_swap_begins_while_a_chains_fees_are_above_what_we_pay",),
    ),
    Guard(
        14, "move-in-circles", "A session that moves in circles is written by nobody.",
        "sessions_app/coordinator.py",
        """            if not commit.move(session, step, legs):
                evidence""",
        """            if commit.move(session, step, legs) is None:
                evidence""",
        (SESSIONS + "test_races.py::test_rule_5_a_lock_that_left_first_is_never_taken_for_void",),
    ),
)  # fmt: skip

RULE_15 = (
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
        15, "kill-switch", "A key that was switched off signs nothing.", NONCES,
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
        15, "balance", "Nothing is signed that the account could not pay.", NONCES,
        "if balance is not None and balance < cost:", "if False:",
        (NARROW + "test_a_signer_without_the_money_signs_nothing",),
    ),
    Guard(
        15, "cap-transaction", "A signer has a cap per transaction.", NONCES,
        '        (signer.cap_per_transaction, None, "transaction"),\n', "",
        (NARROW + "test_rule_15_a_cap_stops_what_would_pass_it",),
    ),
    Guard(
        15, "cap-hour", "A signer has a cap per hour.", NONCES,
        '        (signer.cap_per_hour, timedelta(hours=1), "hour"),\n', "",
        (NARROW + "test_rule_15_a_cap_stops_what_would_pass_it",),
    ),
    Guard(
        15, "cap-day", "A signer has a cap per day.", NONCES,
        '        (signer.cap_per_day, timedelta(days=1), "day"),\n', "",
        (NARROW + "test_rule_15_a_cap_stops_what_would_pass_it",),
    ),
    Guard(
        15, "cap-counts-spending", "A cap counts what was signed before.", NONCES,
        "if cap is not None and spent + cost > cap:", "if cap is not None and cost > cap:",
        (NARROW + "test_rule_15_a_cap_counts_what_was_signed_in_its_period",),
    ),
    Guard(
        15, "cap-counts-all-keys", "A cap counts all keys of an account.", NONCES,
        "        signer__account=signer.account,\n", "        signer=signer,\n",
        (NARROW + "test_rule_15_a_cap_counts_all_keys_of_an_account",),
    ),
    Guard(
        15, "cap-counts-no-void", "What was voided was not spent.", NONCES,
        "    ).exclude(status=AttemptStatus.VOID)\n    return int(signed", "    )\n    return int(signed",
        (NARROW + "test_rule_15_what_is_void_was_not_spent",),
    ),
    Guard(
        15, "cap-of-a-raised-fee", "A raised fee keeps to the signer's caps.", SIGNING,
        """        check_signer(signer, least.cost_cap, counted=counted)
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
        "        check_signer(signer, highest.cost_cap, counted=counted)\n", "        pass\n",
        (UNKNOWN + "test_rule_15_in_a_hurry_the_signers_caps_hold_as_ever",),
    ),
    Guard(
        15, "hurry", "Near its last moment a stuck call pays all that it may.", SIGNING,
        "return last is not None and chain_now(intent.chain) >= last - HURRY", "return False",
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
        "if not _fits(role, access[\"permission\"], self._htlc):", "if False:",
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
        15, "surplus-tokens", "A token that is none of ours is left.", SURPLUS,
        "    if value is None:\n", "    if value is None:\n        value = floor + 1\n    if False:\n",
        (SURPLUSES + "test_a_token_that_is_none_of_ours_is_shown_and_left",),
    ),
    Guard(
        15, "surplus-paid-once", "What was repaid is not repaid again.", SURPLUS,
        "    if surplus.pk in repaid([surplus.pk]):\n", "    if False:\n",
        (SURPLUSES + "test_what_reached_us_is_owed_shown_and_repaid_once",),
    ),
)  # fmt: skip

ROWS = (*RULE_11, *RULE_12, *RULE_13, *RULE_14, *RULE_15)
