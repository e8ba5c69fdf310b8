"""Rule 5: what a write is asked before it leaves us."""

from tests.mutations.guard import Guard

DECISION = "chains_app/outbox/decision.py"
EFFECTS = "chains_app/outbox/effects.py"
SENDING = "chains_app/outbox/sending.py"
SIGNING = "chains_app/outbox/signing.py"
CHAINS = "tests/integration/chains/"
DECIDED = "tests/unit/chains/test_decision.py::"
VOIDING = CHAINS + "test_voiding.py::"
UNKNOWN = CHAINS + "test_unknown.py::"
WITHOUT_ATTEMPT = DECIDED + "test_rule_5_without_an_attempt"
WITH_ATTEMPT = DECIDED + "test_rule_5_with_an_attempt_alive"
TOO_LATE = DECIDED + "test_rule_5_nothing_is_sent_that_could_only_be_mined_too_late"

ROWS = (
    Guard(
        5, "creation-in-time", "A maker's bytes are sent again only while they can be mined in time.",
        "chains_app/creations.py",
        "if chain_now(watch.chain) + 1 > watch.terms.lock_by:", "if False:",
        ("tests/integration/sessions/test_reorganisations.py::"
         "test_rule_5_what_could_only_be_mined_too_late_is_not_sent_again",),
    ),
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
        "        _store_refusal(intent, refused.verdict)\n", "        pass\n",
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
        "if not s.is_open or not s.is_useful or is_made:", "if not s.is_open or is_made:",
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
