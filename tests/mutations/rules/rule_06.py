"""Rule 6: unknown is not failed."""

from tests.mutations.guard import Guard

DECISION = "chains_app/outbox/decision.py"
SENDING = "chains_app/outbox/sending.py"
CHAINS = "tests/integration/chains/"
DECIDED = "tests/unit/chains/test_decision.py::"
UNKNOWN = CHAINS + "test_unknown.py::"
FATE = DECIDED + "test_rule_6_the_fate_of_a_nonce"

ROWS = (
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
    Guard(
        6, "disputed-is-not-outbid", "Where more than a fee is at stake, a disputed nonce is not outbid.",
        DECISION,
        "if is_stuck and (s.costs_a_fee or not is_disputed):", "if is_stuck:",
        (DECIDED + "test_rule_6_what_is_disputed_is_sent_again_under_its_own_nonce",),
    ),
)  # fmt: skip
