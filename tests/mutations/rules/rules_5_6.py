"""Rules 5 and 6: sign, store, commit, send; unknown is not failed."""

from tests.mutations.guard import Guard

DECISION = "chains_app/outbox/decision.py"
EFFECTS = "chains_app/outbox/effects.py"
SENDING = "chains_app/outbox/sending.py"
SIGNING = "chains_app/outbox/signing.py"
NONCES = "chains_app/outbox/nonces.py"
FOREIGN = "chains_app/outbox/foreign.py"
PRELIMINARIES = "chains_app/outbox/preliminaries.py"
REPAYMENTS = "chains_app/outbox/repayments.py"
INTENTS = "chains_app/intents.py"
INGEST = "chains_app/ingest.py"
LIFECYCLE = "sessions_app/lifecycle.py"

CHAINS = "tests/integration/chains/"
SESSIONS = "tests/integration/sessions/"
DECIDED = "tests/unit/chains/test_decision.py::"
VOIDING = CHAINS + "test_voiding.py::"
UNKNOWN = CHAINS + "test_unknown.py::"
SIGNERS = CHAINS + "test_signers.py::"
STRANGER = CHAINS + "test_foreign.py::"
REPAID = CHAINS + "test_repayments.py::"
NEEDED = CHAINS + "test_preliminaries.py::"
NEEDED_TO_THE_END = CHAINS + "test_preliminaries_ending.py::"
POLLER = CHAINS + "test_poller.py::"
OUTBOX = CHAINS + "test_outbox.py::"
GASLESS = SESSIONS + "test_gasless.py::"
WITHOUT_ATTEMPT = DECIDED + "test_rule_5_without_an_attempt"
WITH_ATTEMPT = DECIDED + "test_rule_5_with_an_attempt_alive"
EFFECT_DECIDES = DECIDED + "test_rule_5_the_effect_decides"
TOO_LATE = DECIDED + "test_rule_5_nothing_is_sent_that_could_only_be_mined_too_late"
FATE = DECIDED + "test_rule_6_the_fate_of_a_nonce"

GUARD_OF_SENDS = (
    Guard(
        5, "guard-at-the-signature", "The guard is asked before anything is signed.", SIGNING,
        """    if not verdict.ok:
        raise GuardRefusedError(verdict)
""",
        "",
        (VOIDING + "test_rule_5_a_no_before_signing_signs_nothing_and_is_kept",),
    ),
    Guard(
        5, "guard-at-the-first-send", "The guard is asked again before the first send.", SENDING,
        "verdict = ports.ask_guard(intent.contract_call, intent.reference, Moment.SEND)",
        'verdict = ports.Verdict(ok=True, reason="agreed")',
        (VOIDING + "test_rule_5_a_no_before_the_first_send_voids_the_attempt",),
    ),
    Guard(
        5, "a-no-voids", "Anything but a yes at the first send voids the attempt.", SENDING,
        "            void_attempt(attempt, verdict.to_json())\n", "            pass\n",
        (VOIDING + "test_rule_5_a_no_before_the_first_send_voids_the_attempt",),
    ),
    Guard(
        5, "a-no-sends-nothing", "What the guard refused is not sent.", SENDING,
        """    if not verdict.ok:
        raise GuardRefusedError(verdict)
""",
        "",
        (VOIDING + "test_rule_5_a_no_before_the_first_send_voids_the_attempt",),
    ),
    Guard(
        5, "no-guard-is-a-no", "What could lose money is not signed without a guard.",
        "chains_app/ports.py",
        "if call is None or call in UNGUARDED:", "if True:",
        (VOIDING + "test_rule_5_without_a_guard_what_could_lose_money_is_not_signed",),
    ),
    Guard(
        5, "refusal-is-kept", "A refusal is stored with its intent.",
        "chains_app/outbox/worker.py",
        "        _store_refusal(intent, refused)\n", "        pass\n",
        (VOIDING + "test_rule_5_a_no_before_signing_signs_nothing_and_is_kept",),
    ),
    Guard(
        5, "facts-of-ten-seconds", "A first send is decided on facts of at most 10 s.", SENDING,
        "            _require_fresh(facts_read_at)\n", "",
        (VOIDING + "test_rule_5_nothing_leaves_on_facts_older_than_ten_seconds",),
    ),
    Guard(
        5, "facts-no-older", "Ten seconds, and no more.", SENDING,
        "FRESH_SECONDS: Final = 10", "FRESH_SECONDS: Final = 11",
        (VOIDING + "test_rule_5_nothing_leaves_on_facts_older_than_ten_seconds",),
    ),
    Guard(
        5, "left-before-sent", "`left_at` is committed with the verdict before the bytes leave.",
        SENDING,
        """            ports.announce({intent.reference})
        else:""",
        """            ports.announce({intent.reference})
            broadcast(intent, attempt)
        else:""",
        (VOIDING + "test_rule_5_the_verdict_is_committed_before_the_bytes_leave",),
    ),
    Guard(
        5, "void-is-seen-at-the-signature", "A signer that finds its intent void signs nothing.",
        SIGNING,
        """        locked = lock(intent)
        if not locked.is_open:
            raise LeaseLostError(f"{intent} has ended")
""",
        "",
        (VOIDING + "test_rule_5_a_sender_that_finds_its_intent_void_sends_nothing",),
    ),
    Guard(
        5, "void-is-seen-at-the-send", "A sender that finds its intent void sends nothing.", SENDING,
        """        if not lock(intent).is_open:
            raise LeaseLostError(f"{intent} has ended")
        if verdict.ok:""",
        "        if verdict.ok:",
        (VOIDING + "test_rule_5_left_at_and_voiding_wait_for_each_other",
         VOIDING + "test_rule_5_a_sender_that_finds_its_intent_void_sends_nothing"),
    ),
    Guard(
        5, "only-signed-leaves", "Only an attempt that is signed and was not voided leaves.", SENDING,
        "            if changed != 1:\n", "            if False:\n",
        (VOIDING + "test_rule_5_an_attempt_that_was_voided_meanwhile_does_not_leave",),
    ),
    Guard(
        5, "send-by", "Nothing leaves for the first time after its `send_by`.",
        "chains_app/outbox/following.py",
        "may_leave=now <= intent.send_by", "may_leave=True",
        (VOIDING + "test_rule_5_nothing_leaves_after_its_last_moment",
         VOIDING + "test_rule_5_what_is_signed_is_voided_when_its_time_has_passed"),
    ),
    Guard(
        5, "void-when-late", "What is signed and too late is voided, not sent.", DECISION,
        "wanted = s.is_open and s.effect is Effect.MISSING and s.may_leave and s.is_useful",
        "wanted = s.is_open and s.effect is Effect.MISSING",
        (WITH_ATTEMPT,),
    ),
    Guard(
        5, "sign-when-in-time", "What could only leave too late is not signed.", DECISION,
        "if not (s.may_leave and s.is_useful):", "if False:",
        (WITHOUT_ATTEMPT,),
    ),
    Guard(
        5, "signed-long-ago", "What was signed long ago is signed anew before it leaves.", DECISION,
        "if wanted and attempt.age < STALE_AFTER else", "if wanted else",
        (WITH_ATTEMPT,),
    ),
    Guard(
        5, "no-resend-too-late", "Nothing is sent again that could only be mined too late.", DECISION,
        "if not s.is_open or not s.is_useful:", "if not s.is_open:",
        (WITH_ATTEMPT, UNKNOWN
         + "test_rule_5_bytes_are_not_sent_again_when_they_could_only_come_too_late"),
    ),
    Guard(
        5, "last-block-of-a-withdrawal", "The last block that takes a withdrawal is before the timelock.",
        EFFECTS,
        "return Seconds(terms.timelock - 1)", "return terms.timelock",
        (TOO_LATE,),
    ),
    Guard(
        5, "next-block", "What is sent now comes in a later block.", EFFECTS,
        "now + 1 <= last", "now <= last",
        (TOO_LATE,),
    ),
)  # fmt: skip

NONCE = (
    Guard(
        5, "no-second-nonce", "A new nonce is taken only when the last attempt is dead.", DECISION,
        "    if s.attempt is None:\n        return _without_attempt(s) if s.is_open else Move.WAIT",
        "    if s.attempt is None or s.attempt.fate is Fate.UNKNOWN:\n"
        "        return _without_attempt(s) if s.is_open else Move.WAIT",
        (WITH_ATTEMPT,),
    ),
    Guard(
        5, "effect-first", "The effect decides: done by anybody is done.", EFFECTS,
        """        if _shows(call, final):
            return Effect.DONE
""",
        "",
        (EFFECT_DECIDES, OUTBOX + "test_rule_5_done_by_anybody_is_done"),
    ),
    Guard(
        5, "done-when-final", "An intent is done when a final block shows the effect.", EFFECTS,
        """    if _shows(call, head):
        return Effect.AT_HEAD""",
        """    if _shows(call, head):
        return Effect.DONE""",
        (EFFECT_DECIDES,),
    ),
    Guard(
        5, "nothing-at-the-head", "What the head shows done is not made again.", DECISION,
        """    if s.effect is Effect.AT_HEAD:
        return Move.WAIT
""",
        "",
        (WITHOUT_ATTEMPT,),
    ),
    Guard(
        5, "impossible-lock", "A lock is impossible only when a final block is past its `lock_by`.",
        EFFECTS,
        "return final.time > terms.lock_by", "return final.time >= terms.lock_by",
        (EFFECT_DECIDES,),
    ),
    Guard(
        5, "impossible-withdrawal", "A withdrawal is impossible from the timelock on, not before.",
        EFFECTS,
        "or final.time >= terms.timelock", "or final.time >= terms.timelock - 1",
        (EFFECT_DECIDES,),
    ),
    Guard(
        5, "refund-from-the-timelock", "A refund is made from the chain's own timelock on.", EFFECTS,
        "return head.state is LockState.OPEN and head.time >= terms.timelock",
        "return head.state is LockState.OPEN",
        (EFFECT_DECIDES,),
    ),
    Guard(
        5, "void-only-what-stayed", "An intent of which something left us does not end void.",
        DECISION,
        "return Move.WAIT if s.ever_left else Move.END_VOID", "return Move.END_VOID",
        (WITHOUT_ATTEMPT,),
    ),
    Guard(
        5, "old-reading", "A try that is newer than what was read is not made again.", DECISION,
        "ready = s.effect is Effect.MISSING and not s.read_is_old and _has_rested(s)",
        "ready = s.effect is Effect.MISSING and _has_rested(s)",
        (WITHOUT_ATTEMPT,),
    ),
    Guard(
        5, "marked-first", "What became of an attempt is written down before its intent ends.",
        DECISION,
        "if s.attempt is not None and (mark := _mark(s.attempt)) is not None:",
        "if s.attempt is not None and s.effect is not Effect.DONE "
        "and (mark := _mark(s.attempt)) is not None:",
        (WITH_ATTEMPT,),
    ),
    Guard(
        5, "void-nonce-is-used-next", "A voided nonce goes to that signer's next attempt.", NONCES,
        "nonce = unused if void is None else void", "nonce = unused",
        (SIGNERS + "test_rule_5_a_void_nonce_goes_to_the_next_attempt",),
    ),
    Guard(
        5, "void-nonce-is-filled", "A voided nonce before others is filled by a transfer to itself.",
        NONCES,
        "        _plan_fill(fill, signer, attempt.nonce)\n", "        pass\n",
        (SIGNERS
         + "test_rule_5_a_void_nonce_before_others_is_filled_by_a_transfer_to_itself",),
    ),
    Guard(
        5, "void-nonce-is-free", "A voided nonce that another attempt has taken is not given out.",
        NONCES,
        "free = void.exclude(Exists(used.exclude(status=AttemptStatus.VOID)))", "free = void",
        (SIGNERS + "test_rule_5_a_void_nonce_goes_to_the_next_attempt",),
    ),
    Guard(
        5, "stuck-nonce-is-freed", "A stuck nonce that nobody wants any more is freed.", DECISION,
        "return Move.FREE_NONCE if is_stuck else Move.WAIT", "return Move.WAIT",
        (WITH_ATTEMPT,
         SIGNERS + "test_rule_5_a_stuck_nonce_that_nobody_wants_any_more_is_freed"),
    ),
    Guard(
        5, "fee-on-the-same-nonce", "A raised fee shares the nonce of what it replaces.", SIGNING,
        "intent=intent, signer=signer, nonce=replaced.nonce, replaces=replaced,",
        "intent=intent, signer=signer, nonce=take_nonce(signer, 0), replaces=replaced,",
        (UNKNOWN + "test_rule_5_a_stuck_transaction_gets_a_higher_fee_on_its_nonce",),
    ),
    Guard(
        5, "no-raise-where-nonces-skip", "Where nonces may skip a stuck transaction is not replaced.",
        DECISION,
        "is_stuck = attempt.age >= STUCK_AFTER and attempt.may_be_replaced",
        "is_stuck = attempt.age >= STUCK_AFTER",
        (DECIDED
         + "test_rule_5_where_nonces_may_skip_a_stuck_transaction_is_not_replaced",),
    ),
    Guard(
        5, "one-in-flight-when-signed", "A NEAR key has one transaction in flight, under its lock.",
        NONCES,
        "    elif _in_flight(signer).exists():\n", "    elif False:\n",
        (SIGNERS
         + "test_rule_5_a_near_key_taken_while_another_worker_prepared_is_not_used",),
    ),
    Guard(
        5, "foreign-nonce", "A nonce that we never gave out is not taken from the chain.", NONCES,
        "if floor > signer.next_nonce and not signer.adopts_nonce:", "if False:",
        (STRANGER + "test_one_wrong_count_leaves_no_gap",),
    ),
    Guard(
        5, "adopts-once", "A resumed key takes the chain's number once.", NONCES,
        "rows.update(next_nonce=max(unused, nonce + 1), adopts_nonce=False)",
        "rows.update(next_nonce=max(unused, nonce + 1))",
        (STRANGER + "test_a_resumed_key_that_takes_a_void_nonce_adopts_none_later",),
    ),
    Guard(
        5, "adopts-what-all-tell", "A key takes only a number that all its nodes tell.", SIGNING,
        "        confirm_floor(signer, key, prepared.nonce_floor)\n", "        pass\n",
        (STRANGER + "test_a_new_key_waits_while_its_nodes_tell_different_nonces",),
    ),
    Guard(
        5, "stranger-stops-the-key", "A key that somebody else signs with stops.",
        "chains_app/outbox/worker.py",
        "        foreign.stop_after_stranger(refused.signer, refused.nonce)\n", "        pass\n",
        (STRANGER + "test_a_key_that_took_part_in_a_strangers_transaction_stops_and_says_so",),
    ),
    Guard(
        5, "stranger-under-our-nonce", "A stranger's use of a nonce of ours stops the key.", FOREIGN,
        """        if is_a_strangers:
            _stop(signer, nonce)""",
        """        if False:
            _stop(signer, nonce)""",
        (STRANGER
         + "test_a_stranger_who_took_the_nonce_of_bytes_on_their_way_stops_the_key",),
    ),
    Guard(
        5, "stranger-by-all-nodes", "One node alone stops no key beside another.", FOREIGN,
        "return bool(finals) and min(finals) >= nonce",
        "return bool(finals) and max(finals) >= nonce",
        (STRANGER + "test_one_node_alone_stops_no_key_beside_another",),
    ),
    Guard(
        5, "stranger-when-final", "What is not final yet stops no key.", FOREIGN,
        "finals.append(view.key_state(key).final_nonce)",
        "finals.append(view.key_state(key).head_nonce)",
        (STRANGER + "test_what_is_not_final_yet_stops_nothing_and_nothing_is_signed",),
    ),
)  # fmt: skip

VOIDING_ROWS = (
    Guard(
        5, "left-is-not-voided", "What has left us is never called void.", INTENTS,
        """    if attempts.filter(intent__call__in=names, left_at__isnull=False).exists():
        return False
""",
        "",
        (VOIDING + "test_rule_5_what_left_is_not_voided",
         VOIDING + "test_rule_5_voiding_is_all_or_nothing"),
    ),
    Guard(
        5, "voiding-locks-the-row", "Voiding and `left_at` wait for each other on the intent's row.",
        INTENTS,
        'locked = list(rows.select_for_update(of=("self",)).order_by("pk"))',
        'locked = list(rows.order_by("pk"))',
        (VOIDING + "test_rule_5_left_at_and_voiding_wait_for_each_other",),
    ),
    Guard(
        5, "move-voids", "A move that counts on a write never leaving voids it in its commit.",
        LIFECYCLE,
        "        if not _void(step.void, legs):\n            return False\n", "",
        (SESSIONS + "test_races.py::"
         "test_rule_5_a_sender_whose_lock_is_voided_meanwhile_sends_nothing",
         SESSIONS + "test_races.py::test_rule_5_a_lock_that_left_first_is_never_taken_for_void"),
    ),
    Guard(
        5, "void-lock-stays-void", "A lock that was voided is never wanted again.", INTENTS,
        "    if call is Call.LOCK:\n        return False\n", "",
        (VOIDING + "test_a_void_lock_is_never_wanted_again",),
    ),
    Guard(
        5, "preliminaries-go-with-the-lock", "What a lock needed is called off with it.", INTENTS,
        "also = {call.value for call in PRELIMINARIES} if Call.LOCK.value in names else set()",
        "also: set[str] = set()",
        (NEEDED_TO_THE_END
         + "test_rule_5_a_preliminary_that_is_signed_and_not_sent_goes_with_its_lock",),
    ),
    Guard(
        5, "preliminary-of-a-void-lock", "Nothing is made for a lock that was called off.",
        PRELIMINARIES,
        "if is_late or _is_called_off(intent):", "if is_late:",
        (NEEDED_TO_THE_END
         + "test_rule_5_what_a_reorganisation_opens_again_is_not_made_for_a_void_lock",),
    ),
    Guard(
        5, "preliminary-when-missing", "What anybody has made is not made again.", PRELIMINARIES,
        """    if next_one is not call:
        return Effect.AT_HEAD if is_alive else Effect.DONE
""",
        "",
        (NEEDED + "test_rule_5_what_anybody_has_made_is_not_made_again",),
    ),
    Guard(
        5, "preliminary-guarded", "Nothing is spent for a lock that may not be made.",
        "sessions_app/guard.py",
        "guarded = Call.LOCK if call in PRELIMINARIES else call", "guarded = call",
        (SESSIONS + "test_tokens.py::"
         "test_rule_2_a_preliminary_may_leave_exactly_when_its_lock_may",),
    ),
    Guard(
        5, "watched-before-planned", "Nothing is planned on a lock that nobody watches.", INTENTS,
        "if watch is None or watch.terms != terms:", "if False:",
        (VOIDING + "test_a_lock_that_nobody_watches_is_not_planned",),
    ),
    Guard(
        5, "opens-again", "A reorganisation opens an intent that had ended.", INGEST,
        "        status=IntentStatus.ACTIVE, ended_height=None, wanted_since=timezone.now()\n",
        "        wanted_since=timezone.now()\n",
        (POLLER + "test_rule_5_a_reorganisation_opens_a_done_intent_again",),
    ),
    Guard(
        5, "included-goes-back", "A reorganisation sends an included attempt back.", INGEST,
        "    _send_back(gone if is_ours else gone.exclude(repaid))\n", "",
        (POLLER + "test_rule_5_a_reorganisation_sends_an_included_attempt_back",),
    ),
)  # fmt: skip

REPAYMENT_ROWS = (
    Guard(
        5, "repayment-not-in-doubt", "A repayment whose end is unknown is not made again.",
        REPAYMENTS,
        "return Effect.AT_HEAD if in_doubt else Effect.MISSING, None",
        "return Effect.MISSING, None",
        ("tests/unit/chains/test_repayments.py::"
         "test_rule_5_a_repayment_whose_end_is_not_known_is_not_made_again",),
    ),
    Guard(
        5, "repayment-proved-dead", "A repayment is dead only when nodes prove it.",
        "chains_app/outbox/following.py",
        "if fate is Fate.DEAD and is_repayment(intent) and not are_proved_dead(left, adapter, tier):",
        "if False:",
        (REPAID + "test_rule_5_what_has_just_left_is_not_taken_for_dead",
         REPAID + "test_rule_5_what_another_node_knows_is_not_dead"),
    ),
    Guard(
        5, "repayment-settled", "What has just left is not taken for dead.", REPAYMENTS,
        "if max(ages) > REMEMBERED_FOR or min(ages) < SETTLED_AFTER:",
        "if max(ages) > REMEMBERED_FOR:",
        (REPAID + "test_rule_5_what_has_just_left_is_not_taken_for_dead",),
    ),
    Guard(
        5, "repayment-remembered", "What nodes may have forgotten is not taken for dead.", REPAYMENTS,
        "if max(ages) > REMEMBERED_FOR or min(ages) < SETTLED_AFTER:",
        "if min(ages) < SETTLED_AFTER:",
        (REPAID + "test_rule_5_what_left_long_ago_is_never_taken_for_dead",),
    ),
    Guard(
        5, "repayment-unknown-to-all", "What any node knows is not dead.", REPAYMENTS,
        "return True in proofs and False not in proofs", "return True in proofs",
        (REPAID + "test_rule_5_what_another_node_knows_is_not_dead",),
    ),
    Guard(
        5, "repayment-slowest-tier", "A repayment is final by the slowest tier.",
        "chains_app/outbox/following.py",
        "if intent.watch is not None and not is_repayment(intent):", "if intent.watch is not None:",
        (REPAID
         + "test_rule_5_a_failed_repayment_is_made_again_only_when_its_failure_is_final",),
    ),
    Guard(
        5, "repayment-not-forgotten", "A node that knows no block of ours opens no repayment again.",
        INGEST,
        "ended &= Q() if is_ours else ~Q(call=Call.REPAY.value)", "ended &= Q()",
        (REPAID + "test_a_node_that_knows_no_block_of_ours_does_not_open_it_again",),
    ),
    Guard(
        5, "repayment-once", "There is one repayment for each lock, ever.", INTENTS,
        """    _, is_new = Intent.objects.get_or_create(
        reference=reference,
        call=Call.REPAY.value,
        defaults={""",
        """    _, is_new = Intent.objects.update_or_create(
        reference=reference,
        call=Call.REPAY.value,
        defaults={"status": IntentStatus.PLANNED,""",
        (SESSIONS + "test_repayments.py::test_a_second_release_pays_nothing_more",
         REPAID + "test_rule_14_two_releases_at_once_are_one"),
    ),
)  # fmt: skip

ORDERS = (
    Guard(
        5, "order-is-asked-for", "An order that its chain would refuse now is not submitted.",
        "sessions_app/guard.py",
        "if reason is None and action is Action.LOCK_SOURCE:", "if False:",
        (GASLESS + "test_rule_5_an_order_whose_maker_left_is_not_signed",),
    ),
    Guard(
        5, "order-in-time", "An order is submitted only while its lock would be accepted.",
        "sessions_app/domain/plan.py",
        "is_due = is_missing and is_wanted and facts.source_now <= until",
        "is_due = is_missing and is_wanted",
        ("tests/unit/sessions/test_plan.py::"
         "test_an_order_whose_lock_would_come_too_late_is_not_submitted",),
    ),
    Guard(
        5, "order-while-fresh", "No order is submitted while a chain stands still, nor unwanted.",
        "sessions_app/domain/plan.py",
        "is_missing and is_wanted and facts", "is_missing and facts",
        (GASLESS + "test_rule_11_no_order_is_submitted_while_a_chain_stands_still",),
    ),
    Guard(
        5, "order-two-tries", "An order's depositor makes us pay for two failures at most.", DECISION,
        "return 2 if call is Call.LOCK_FOR else MOST_TRIES", "return MOST_TRIES",
        (SESSIONS + "test_gasless_cost.py::"
         "test_a_maker_can_make_us_pay_for_two_failures_and_no_more",),
    ),
    Guard(
        5, "order-is-the-makers", "Only an order that its chain would take starts a swap.",
        "sessions_app/gasless.py",
        "return None if stands else adapter.order_problem(signed)", "return None",
        (GASLESS + "test_an_order_that_is_not_the_makers_is_refused",),
    ),
    Guard(
        5, "order-signature", "An order is its depositor's, by its key or its contract.",
        "chains_app/adapters/evm_orders.py",
        "        if not self._is_signed(signed):\n", "        if False:\n",
        ("tests/conformance/test_orders.py::test_each_problem_is_told_with_its_numbers",),
    ),
    Guard(
        5, "order-fill-in-time", "A fill keeps the deadlines that its order was signed with.",
        "sessions_app/filling.py",
        "return Seconds(deadlines.accept_by - session.timelock_policy.time_to_lock)",
        "return ends_at",
        (GASLESS + "test_a_head_ahead_of_the_last_instant_fills_nothing",),
    ),
)  # fmt: skip

RULE_6 = (
    Guard(
        6, "unknown-is-not-dead", "A transaction that nobody knows is not failed.", DECISION,
        "return Fate.PENDING if Stage.PENDING in stages else Fate.UNKNOWN",
        "return Fate.PENDING if Stage.PENDING in stages else Fate.DEAD",
        (FATE, UNKNOWN + "test_rule_5_no_new_nonce_while_the_old_one_may_be_included"),
    ),
    Guard(
        6, "dead-at-a-final-block", "A nonce is used when a final block says so, not the head.",
        DECISION,
        "if key.final_nonce >= nonce or has_expired:", "if key.head_nonce >= nonce or has_expired:",
        (FATE, UNKNOWN + "test_rule_5_a_new_nonce_once_another_final_transaction_used_it"),
    ),
    Guard(
        6, "expired-at-a-final-block", "A block hash has expired when the final block is past it.",
        DECISION,
        "final_height >= expires_at_height", "final_height >= expires_at_height - 1",
        (FATE,),
    ),
    Guard(
        6, "included-is-not-dead", "What stands in a block is not dead, whoever used its nonce.",
        DECISION,
        """    if Stage.INCLUDED in stages:
        return Fate.INCLUDED
""",
        "",
        (FATE,),
    ),
    Guard(
        6, "final-first", "What is final is final, whatever else is known.", DECISION,
        """    if Stage.FINAL in stages:
        return Fate.FINAL
""",
        "",
        (FATE,),
    ),
    Guard(
        6, "key-before-statuses", "What follows from an absence was true before it was asked for.",
        "chains_app/outbox/following.py",
        """    key, final_height = adapter.key_state(key_of(signer)), _final_height(cursor, tier)
    statuses = {a.hash: adapter.transaction_status(a.hash, signer.account, tier) for a in left}
""",
        """    statuses = {a.hash: adapter.transaction_status(a.hash, signer.account, tier) for a in left}
    key, final_height = adapter.key_state(key_of(signer)), _final_height(cursor, tier)
""",
        (UNKNOWN + "test_rule_6_the_key_is_asked_before_its_transactions",),
    ),
    Guard(
        6, "lost-answer", "A lost answer is looked up by hash, and nothing is signed anew.", SENDING,
        """    except ChainUnavailableError as error:
        log.warning("answer_lost", hash=attempt.hash, reason=error.code)
        return
""",
        """    except ChainUnavailableError:
        Attempt.objects.filter(pk=attempt.pk).update(status=AttemptStatus.DEAD)
        return
""",
        (UNKNOWN + "test_rule_6_a_lost_answer_is_looked_up_and_never_signed_anew",),
    ),
    Guard(
        6, "refused-is-not-failed", "What a node refuses is followed like what it took.", SENDING,
        "_record(intent, attempt, AttemptStatus.LEFT, error.reason)",
        "_record(intent, attempt, AttemptStatus.DEAD, error.reason)",
        (UNKNOWN + "test_rule_6_what_a_node_refused_is_followed_and_never_signed_anew",),
    ),
)  # fmt: skip

ROWS = (*GUARD_OF_SENDS, *NONCE, *VOIDING_ROWS, *REPAYMENT_ROWS, *ORDERS, *RULE_6)
