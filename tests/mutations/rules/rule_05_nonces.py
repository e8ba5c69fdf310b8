"""Rule 5: effects, nonces, and strangers who use our keys."""

from tests.mutations.guard import Guard

DECISION = "chains_app/outbox/decision.py"
EFFECTS = "chains_app/outbox/effects.py"
SIGNING = "chains_app/outbox/signing.py"
NONCES = "chains_app/outbox/nonces.py"
FOREIGN = "chains_app/outbox/foreign.py"
CHAINS = "tests/integration/chains/"
DECIDED = "tests/unit/chains/test_decision.py::"
UNKNOWN = CHAINS + "test_unknown.py::"
SIGNERS = CHAINS + "test_signers.py::"
STRANGER = CHAINS + "test_foreign.py::"
OUTBOX = CHAINS + "test_outbox.py::"
WITHOUT_ATTEMPT = DECIDED + "test_rule_5_without_an_attempt"
WITH_ATTEMPT = DECIDED + "test_rule_5_with_an_attempt_alive"
EFFECT_DECIDES = DECIDED + "test_rule_5_the_effect_decides"

ROWS = (
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
        5, "nothing-at-the-head", "What the head shows done is neither made again nor called void.", DECISION,
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
        "return Move.WAIT if s.ever_left or s.is_endless else", "return Move.WAIT if s.is_endless else",
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
        (STRANGER + "test_what_is_not_final_yet_stops_nothing_and_nothing_is_signed",),
    ),
    Guard(
        5, "foreign-nonce-of-one", "One node that tells a nonce too high holds nothing up.",
        "chains_app/outbox/signing.py",
        "    elif prepared.nonce_floor > signer.next_nonce:\n", "    elif False:\n",
        (STRANGER + "test_one_wrong_count_leaves_no_gap_and_holds_nothing_up",),
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
        "    if not finals or min(finals) < nonce:", "    if not finals or max(finals) < nonce:",
        (STRANGER + "test_one_node_alone_stops_no_key_beside_another",),
    ),
    Guard(
        5, "stranger-when-final", "What is not final yet stops no key.", FOREIGN,
        "finals.append(view.key_state(key).final_nonce)",
        "finals.append(view.key_state(key).head_nonce)",
        (STRANGER + "test_what_is_not_final_yet_stops_nothing_and_nothing_is_signed",),
    ),
    Guard(
        5, "freed-once", "What can be freed for no more holds up no batch.",
        "chains_app/outbox/worker.py",
        "        if move is Move.FREE_NONCE:\n            return FREED_PAUSE\n", "",
        (SIGNERS + "test_what_can_be_freed_for_no_more_is_sent_once_and_then_waited_for",),
    ),
)  # fmt: skip
