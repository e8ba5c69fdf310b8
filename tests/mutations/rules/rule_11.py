"""Rule 11: whose clock."""

from tests.mutations.guard import Guard

PLAN = "sessions_app/domain/plan.py"
CLOCKS = "sessions_app/domain/timelocks.py"
SNAPSHOT = "sessions_app/domain/snapshot.py"
BINDING = "sessions_app/binding.py"
SURPLUS = "sessions_app/surplus.py"
FILLS = "auctions_app/services.py"
UNIT = "tests/unit/sessions/"
CHAINS = "tests/integration/chains/"
SESSIONS = "tests/integration/sessions/"
AUCTIONS = "tests/integration/auctions/"
NEXT_STEP = UNIT + "test_next_step.py::"
STALE = UNIT + "test_timelocks.py::test_rule_11_a_head_is_stale_when_it_stops_or_lags"
STAYS = NEXT_STEP + "test_rule_3_the_secret_stays"
NOT_PLANNED = NEXT_STEP + "test_rule_2_our_lock_is_not_planned"
ASKED = SESSIONS + "test_guard.py::"
SURPLUSES = SESSIONS + "test_surplus.py::"
GASLESS = SESSIONS + "test_gasless.py::"
FILLED = AUCTIONS + "test_fills.py::"
VOIDING = CHAINS + "test_voiding.py::"
STOOD_STILL = (
    SESSIONS
    + "test_clocks.py::test_rule_11_a_source_whose_chain_stood_still_past_its_timelock_is_still_taken"
)

ROWS = (
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
        11, "stale-on-real-chains", "No process starts that believes a real chain's head whatever its age.",
        "chains_app/config.py",
        "        if real and not self.check_stale_heads:\n", "        if False:\n",
        ("tests/unit/chains/test_config.py::test_rule_11_stale_heads_are_not_allowed_on_real_chains",),
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
        "max(read.head.time, 0 if is_endless else wall_clock())", "read.head.time",
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
    Guard(
        11, "by-its-chain", "A withdrawal that costs a fee at most is judged by its chain's clock alone.",
        "chains_app/outbox/following.py",
        "    return bool(call and watch and goes_by_its_chain(call, watch.terms, intent.send_by))\n", "    return False\n",
        (VOIDING + "test_rule_11_what_is_wanted_without_end_outlives_a_halt_of_its_chain",),
    ),
    Guard(
        11, "source-without-end", "The withdrawal of a source that is ours has no other end.", "sessions_app/lifecycle.py",
        "    last = None if action is Action.WITHDRAW_SOURCE else last_useful_moment(call, terms)\n",
        "    last = last_useful_moment(call, terms)\n",
        (STOOD_STILL,),
    ),
)  # fmt: skip
