"""Rule 7: what two nodes have to agree about."""

from tests.mutations.guard import Guard

AGREEMENT = "chains_app/agreement.py"
POLLER = "chains_app/poller.py"
COMPARING = "chains_app/comparing.py"
ONE_LIE = "tests/integration/sessions/test_one_lie.py::"
AFTER = "tests/integration/sessions/test_lies_after_the_reveal.py::"
AGREED = "chains_app/adapters/agreed.py"
SESSIONS = "tests/integration/sessions/"
TWO_NODES = SESSIONS + "test_agreement.py::"
DIFFERENTLY = TWO_NODES + "test_rule_7_nothing_is_staked_on_what_two_nodes_tell_differently"

ROWS = (
    Guard(
        7, "quorum", "Nothing is staked on what one node tells alone: two have to agree.", AGREED,
        "ENOUGH: Final = 2", "ENOUGH: Final = 1",
        (DIFFERENTLY, TWO_NODES + "test_rule_7_nothing_is_staked_on_one_node_alone"),
    ),
    Guard(
        7, "quorum-differs", "Two nodes that tell different things are no answer.", AGREED,
        "alike = [each for each in told if heart(each) == heart(told[-1])]", "alike = told",
        (DIFFERENTLY,),
    ),
    Guard(
        7, "quorum-asked", "Two nodes are asked before our lock and before the secret.",
        "sessions_app/guard.py",
        """        for leg in legs.values():
            require_agreement(leg.id)
        return (
""",
        "        return (\n",
        (DIFFERENTLY,),
    ),
    Guard(
        7, "quorum-final", "What one node calls final is not final.", AGREEMENT,
        '    _require(watch, agreed.is_final(final, watch.tier), f"the finality of block {final}")\n',
        "",
        (TWO_NODES + "test_rule_7_what_one_node_calls_final_is_not_final",),
    ),
    Guard(
        7, "quorum-final-by-two", "A block is final when two nodes say so.", AGREED,
        "if told.count(True) == ENOUGH:", "if told.count(True) == 1:",
        (TWO_NODES + "test_rule_7_what_one_node_calls_final_is_not_final",),
    ),
    Guard(
        7, "quorum-block", "Two nodes have the block that we went by.", AGREEMENT,
        '_require(watch, blocks[-1].hash == hash_, f"block {height}")', "pass",
        (TWO_NODES + "test_rule_7_a_reading_that_two_nodes_do_not_confirm_is_not_acted_on",),
    ),
    Guard(
        7, "quorum-lock", "Two nodes show the lock as it was read.", AGREEMENT,
        '    _require(watch, (reading.state, reading.is_paid) == stored, f"lock {watch.lock_id}")\n',
        "",
        (TWO_NODES + "test_rule_7_a_lock_that_two_nodes_show_otherwise_is_not_acted_on",),
    ),
    Guard(
        7, "quorum-transactions", "Two nodes show our transaction on the lock as it ended.",
        AGREEMENT,
        "    _require_transactions(watch, agreed)\n", "",
        (TWO_NODES + "test_rule_7_no_secret_leaves_on_a_lock_whose_transaction_another_shows_as_"
         "failed",),
    ),
    Guard(
        7, "quorum-ended", "What is kept of our lock's transaction is what two nodes tell.",
        "chains_app/outbox/following.py",
        "if fate is Fate.FINAL and is_compared(intent):", "if False:",
        (TWO_NODES + "test_rule_7_a_node_that_lies_about_our_lock_alone_holds_nothing_up",),
    ),
    Guard(
        7, "quorum-repaid", "How a repayment ended is what two nodes tell.", AGREEMENT,
        "_STAKED_ON: Final = (Call.LOCK.value, Call.REPAY.value)",
        "_STAKED_ON: Final = (Call.LOCK.value,)",
        (TWO_NODES + "test_rule_4_how_a_repayment_ended_is_not_believed_of_one_node",),
    ),
    Guard(
        7, "quorum-time", "A lock is too late to be made by the time that two nodes tell.",
        AGREEMENT,
        '    _require(watch, not is_over or is_made or is_too_late, f"the time of block {final}")\n',
        "",
        (ONE_LIE + "test_rule_4_a_false_time_makes_no_lock_of_ours_too_late",),
    ),
    Guard(
        7, "quorum-present", "A block of the future is not believed of one node.", POLLER,
        "    _require_present(cursor, adapter, page)\n", "",
        (ONE_LIE + "test_a_block_of_the_future_is_not_believed_of_one_node",),
    ),
    Guard(
        7, "quorum-end", "That a lock is over is what two nodes tell.", COMPARING,
        "    if not _is_compared(watch, reading):\n", "    if True:\n",
        (ONE_LIE + "test_our_lock_that_one_node_misread_or_left_out_is_read_again",
         ONE_LIE + "test_an_end_of_our_lock_that_one_node_alone_tells_is_looked_at_again",
         AFTER + "test_rule_4_no_node_talks_us_out_of_the_source"),
    ),
    Guard(
        7, "doubted-is-not-final", "What no two nodes tell of a lock's end is never final.",
        "chains_app/watching.py",
        "return newest((reading for reading in readings if not reading.is_doubted), up_to)",
        "return newest(readings, up_to)",
        (AFTER + "test_rule_1_what_one_node_tells_alone_completes_nothing",),
    ),
    Guard(
        7, "doubted-is-read-again", "An end that no two nodes tell is looked at again.",
        "chains_app/learned.py",
        """    if reading.is_doubted:
        return _look_at_doubted(watch, reading)
""", "",
        (AFTER + "test_rule_4_a_paid_maker_that_one_node_alone_tells_of_is_enough_at_the_last_safe_"
         "moment",),
    ),
    Guard(
        7, "compared-where-both-are", "A node that is behind is asked of its own head.",
        COMPARING,
        "return view.read_lock(terms, view.head())", "raise",
        (AFTER + "test_a_second_node_that_is_always_late_holds_nothing_up",),
    ),
    Guard(
        7, "named-and-absent", "What a fact told of and is not there is read again.",
        "chains_app/learned.py",
        "if due is not None and _is_named_absent(watch, reading):", "if False:",
        (ONE_LIE + "test_the_makers_lock_that_one_node_misread_is_read_again",),
    ),
    Guard(
        7, "doubted", "A lock that the outbox sees otherwise than it is stored is read again.",
        "chains_app/outbox/following.py",
        "    doubt(watch, known.readings, reading)\n", "",
        (ONE_LIE + "test_our_lock_that_one_node_misread_or_left_out_is_read_again",),
    ),
    Guard(
        7, "overdue-is-read", "What is to be refunded or paid by now is read again.",
        "chains_app/learned.py",
        "return due or (overdue_time(terms, reading) if watch.pays_out else None)", "return due",
        ("tests/integration/chains/test_poller_clock.py::"
         "test_what_is_overdue_is_read_again_although_no_fact_tells_of_it",),
    ),
    Guard(
        7, "quorum-from-its-amount", "Two nodes have to agree from the configured amount on.",
        "chains_app/config.py",
        "terms.amount >= ", "terms.amount > ",
        (TWO_NODES + "test_below_the_configured_amount_nobody_has_to_agree",),
    ),
    Guard(
        7, "quorum-state-is-there", "The state is asked for where full nodes still have it.",
        AGREEMENT,
        "if cursor.height - final > STATE_BLOCKS:", "if False:",
        (TWO_NODES + "test_rule_7_the_state_is_asked_where_nodes_still_have_it",),
    ),
)  # fmt: skip
