"""Rule 5: voiding, preliminaries, repayments, and makers' orders."""

from tests.mutations.guard import Guard

DECISION = "chains_app/outbox/decision.py"
PRELIMINARIES = "chains_app/outbox/preliminaries.py"
DEATHS = "chains_app/outbox/deaths.py"
REPAYMENTS = "chains_app/outbox/repayments.py"
INTENTS = "chains_app/intents.py"
INGEST = "chains_app/ingest.py"
LIFECYCLE = "sessions_app/lifecycle.py"
CHAINS = "tests/integration/chains/"
SESSIONS = "tests/integration/sessions/"
VOIDING = CHAINS + "test_voiding.py::"
UNKNOWN = "tests/integration/chains/test_unknown.py::"
REPAID = CHAINS + "test_repayments.py::"
NEEDED = CHAINS + "test_preliminaries.py::"
NEEDED_TO_THE_END = CHAINS + "test_preliminaries_ending.py::"
REORGANISED = CHAINS + "test_poller_reorganisations.py::"
GASLESS = SESSIONS + "test_gasless.py::"

ROWS = (
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
        5, "void-is-planned-anew", "A void write that is due again is planned again.", LIFECYCLE,
        "if known is not None and known.status is not IntentStatus.VOID:",
        "if known is not None:",
        (SESSIONS + "test_writers.py::"
         "test_rule_5_a_write_that_was_voided_is_planned_again_while_it_is_due",),
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
        (NEEDED + "test_two_legs_share_one_approval",
         NEEDED + "test_two_legs_share_one_registration"),
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
        (REORGANISED + "test_rule_5_a_reorganisation_opens_a_done_intent_again",),
    ),
    Guard(
        5, "included-goes-back", "A reorganisation sends an included attempt back.", INGEST,
        "    _send_back(gone if is_ours else gone.exclude(repaid))\n", "",
        (REORGANISED + "test_rule_5_a_reorganisation_sends_an_included_attempt_back",),
    ),
    Guard(
        5, "dead-goes-back", "So are those of its nonce that were dead while it was final.", INGEST,
        "Q(pk=attempt.pk) | Q(status=AttemptStatus.DEAD)", "Q(pk=attempt.pk)",
        (REORGANISED + "test_rule_5_a_reorganisation_sends_back_each_attempt_of_a_nonce",),
    ),
    Guard(
        5, "repayment-not-in-doubt", "A repayment whose end is unknown is not made again.",
        REPAYMENTS,
        "return Effect.AT_HEAD if in_doubt else Effect.MISSING, None",
        "return Effect.MISSING, None",
        ("tests/unit/chains/test_repayments.py::"
         "test_rule_5_a_repayment_whose_end_is_not_known_is_not_made_again",),
    ),
    Guard(
        5, "proved-dead", "What left us is dead only when nodes prove it.",
        "chains_app/outbox/following.py",
        "if fate is Fate.DEAD and not are_dead(intent, left, adapter, tier):",
        "if False:",
        (UNKNOWN + "test_rule_5_what_a_node_that_lags_does_not_know_is_not_dead",
         REPAID + "test_rule_5_what_has_just_left_is_not_taken_for_dead",
         REPAID + "test_rule_5_what_another_node_knows_is_not_dead"),
    ),
    Guard(
        5, "repayment-settled", "What has just left is not taken for dead.", DEATHS,
        "max(ages) <= REMEMBERED_FOR and min(ages) >= SETTLED_AFTER",
        "max(ages) <= REMEMBERED_FOR",
        (REPAID + "test_rule_5_what_has_just_left_is_not_taken_for_dead",),
    ),
    Guard(
        5, "repayment-remembered", "What nodes may have forgotten is not taken for dead.", DEATHS,
        "max(ages) <= REMEMBERED_FOR and min(ages) >= SETTLED_AFTER",
        "min(ages) >= SETTLED_AFTER",
        (REPAID + "test_rule_5_what_left_long_ago_is_never_taken_for_dead",),
    ),
    Guard(
        5, "repayment-unknown-to-all", "What any node knows is not dead.", DEATHS,
        "return proofs.count(True) >= needed and False not in proofs",
        "return proofs.count(True) >= needed",
        (REPAID + "test_rule_5_what_another_node_knows_is_not_dead",),
    ),
    Guard(
        5, "over-of-one", "What another node calls unused is not over.",
        "chains_app/outbox/following.py",
        "    if used is False:\n        return Fate.DISPUTED, statuses\n", "",
        (UNKNOWN + "test_rule_6_what_one_node_calls_over_is_pending_while_another_calls_its_nonce_"
         "unused",),
    ),
    Guard(
        5, "repayment-two-proofs", "One of several nodes proves no death of a repayment.", DEATHS,
        "needed = min(ENOUGH, get_chain(intent.chain).nodes) if is_repayment(intent) else 1",
        "needed = 1",
        (REPAID + "test_rule_5_one_of_several_nodes_proves_no_death_of_a_repayment",),
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
    Guard(
        5, "repayment-is-not-freed", "No repayment is sent again to free its nonce.",
        "chains_app/outbox/worker.py",
        "if read.newest.sealed_raw is not None or is_repayment(intent):",
        "if read.newest.sealed_raw is not None:",
        (CHAINS + "test_signers.py::test_rule_5_a_repayment_is_not_sent_again_to_free_its_nonce",),
    ),
)  # fmt: skip
