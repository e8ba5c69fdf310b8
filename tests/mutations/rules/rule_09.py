"""Rule 9: one writer of status."""

from tests.mutations.guard import Guard

LIFECYCLE = "sessions_app/lifecycle.py"
SESSIONS = "tests/integration/sessions/"
WRITERS = SESSIONS + "test_writers.py::"
RACES = SESSIONS + "test_races.py::"

ROWS = (
    Guard(
        9, "moves-of-the-table", "A status moves by the table of states alone.", LIFECYCLE,
        "if not is_allowed(before, after, by_reorganisation=step.by_reorganisation):", "if False:",
        (WRITERS + "test_rule_9_a_move_outside_the_table_writes_nothing",),
    ),
    Guard(
        9, "back-by-reorganisation", "Back a session goes by a reorganisation alone.",
        "sessions_app/domain/states.py",
        "if by_reorganisation and BACK.get(before) is after:", "if BACK.get(before) is after:",
        ("tests/unit/sessions/test_states.py::"
         "test_what_a_reorganisation_undoes_no_other_reason_may",),
    ),
    Guard(
        9, "in-a-transaction", "Nothing is moved outside of a transaction.", LIFECYCLE,
        "        if not connection.in_atomic_block:\n", "        if False:\n",
        (WRITERS + "test_rule_9_nothing_is_moved_outside_a_transaction",),
    ),
    Guard(
        9, "transition-row", "Each move writes its transition.", LIFECYCLE,
        "        self._record(session, before.value, step.reason, step.by_reorganisation)\n", "",
        (WRITERS + "test_rule_9_a_move_and_its_transition_are_one_commit",),
    ),
    Guard(
        9, "row-is-locked", "Who advances a session holds its row.", LIFECYCLE,
        'Session.objects.select_for_update(of=("self",), no_key=True).filter(',
        "Session.objects.filter(",
        (RACES + "test_rule_8_a_sweep_skips_what_another_holds_and_finds_it_later",
         RACES + "test_two_executions_at_once_start_one_auction"),
    ),
    Guard(
        9, "notice-on-commit", "The feed hears of a move when it is committed.", LIFECYCLE,
        "transaction.on_commit(partial(ring, newest.items()))", "ring(newest.items())",
        (WRITERS + "test_rule_9_the_feed_hears_of_a_move_when_it_is_committed",),
    ),
)  # fmt: skip
