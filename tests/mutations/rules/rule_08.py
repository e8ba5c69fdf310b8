"""Rule 8: the database is the queue."""

from tests.mutations.guard import Guard

INGEST = "chains_app/ingest.py"
LEASES = "chains_app/leases.py"
LIFECYCLE = "sessions_app/lifecycle.py"
SENDING = "chains_app/outbox/sending.py"
HINTS = "orchestrator/hints.py"
CHAINS = "tests/integration/chains/"
SESSIONS = "tests/integration/sessions/"
RACES = SESSIONS + "test_races.py::"
LEASED = CHAINS + "test_leases.py::"
HINTED = "tests/integration/floor/test_hints.py::"

ROWS = (
    Guard(
        8, "fencing-token", "A write carries the fencing token that its lease gave.", LEASES,
        "    if fresh is None or fresh.version != row.version:\n", "    if fresh is None:\n",
        (LEASED + "test_rule_8_a_worker_that_lost_its_lease_writes_nothing",
         LEASED + "test_rule_8_a_zombie_neither_signs_nor_sends"),
    ),
    Guard(
        8, "fencing-token-grows", "Each claim makes the fencing token a new one.", LEASES,
        "lease_owner = %(owner)s, version = version + 1,", "lease_owner = %(owner)s,",
        (LEASED + "test_rule_8_a_worker_that_lost_its_lease_writes_nothing",
         LEASED + "test_rule_8_a_zombie_neither_signs_nor_sends"),
    ),
    Guard(
        8, "fencing-release", "Who lost its lease gives nothing back.", LEASES,
        "WHERE id = %(pk)s AND version = %(version)s AND", "WHERE id = %(pk)s AND",
        (LEASED + "test_rule_8_a_worker_that_lost_its_lease_writes_nothing",),
    ),
    Guard(
        8, "fencing-poller", "A poller that lost its lease commits nothing.", INGEST,
        "    if moved is None:\n", "    if False:\n",
        (LEASED + "test_rule_8_a_poller_that_lost_its_lease_commits_nothing",),
    ),
    Guard(
        8, "fencing-cursor", "The cursor is written under the fencing token.", INGEST,
        "WHERE id = %(id)s AND version = %(version)s", "WHERE id = %(id)s",
        (LEASED + "test_rule_8_a_poller_that_lost_its_lease_commits_nothing",),
    ),
    Guard(
        8, "fencing-rewind", "A reorganisation ends the leases of who has read what is gone.", INGEST,
        "touched = Intent.objects.filter(ended | is_claimed | Exists(included), chain=chain)",
        "touched = Intent.objects.filter(ended | Exists(included), chain=chain)",
        ("tests/integration/chains/test_poller_reorganisations.py::"
         "test_rule_8_who_works_on_what_a_reorganisation_takes_back_ends_nothing",),
    ),
    Guard(
        8, "fencing-sent", "A sender that lost its lease leaves its attempt to the new one.",
        SENDING,
        "pk=attempt.pk, status__in=IN_DOUBT, intent__version=intent.version",
        "pk=attempt.pk, status__in=IN_DOUBT",
        (LEASED + "test_rule_8_a_sender_that_lost_its_lease_records_nothing",),
    ),
    Guard(
        8, "skip-locked", "Workers that claim at once skip each other's rows.", LEASES,
        "FOR UPDATE SKIP LOCKED", "FOR UPDATE",
        (LEASED + "test_rule_8_a_claim_skips_what_another_is_taking",),
    ),
    Guard(
        8, "lease-is-kept", "What somebody has claimed is left alone until its lease is over.",
        LEASES,
        '"(lease_expires_at IS NULL AND due_at <=', '"(due_at <=',
        (LEASED + "test_rule_8_a_claimed_intent_is_left_alone_until_its_lease_is_over",),
    ),
    Guard(
        8, "lease-runs-out", "What a dead worker had claimed is free when its lease ends.", LEASES,
        '" OR lease_expires_at < statement_timestamp())"', '")"',
        (LEASED + "test_rule_8_a_claimed_intent_is_left_alone_until_its_lease_is_over",),
    ),
    Guard(
        8, "heartbeat", "A heartbeat keeps the lease.", LEASES,
        "                _renew(rows)\n", "                pass\n",
        (LEASED + "test_rule_8_a_heartbeat_keeps_the_lease",),
    ),
    Guard(
        8, "heartbeat-ends", "Whatever interrupts a worker, nobody renews what he left.", LEASES,
        "        self._worked_on.pop(id(rows), None)\n        with self._beating:\n            pass\n",
        "        with self._beating:\n            self._worked_on.pop(id(rows), None)\n",
        (LEASED + "test_rule_8_who_is_interrupted_while_a_beat_hangs_has_left_his_work",),
    ),
    Guard(
        8, "heartbeat-of-a-fork", "A fork renews nothing that its parent works on.", LEASES,
        "os.register_at_fork(after_in_child=_heart.begin_anew)\n", "",
        (LEASED + "test_rule_8_a_fork_renews_nothing_of_its_parents",),
    ),
    Guard(
        8, "heartbeat-of-the-owner", "A late heartbeat takes nothing back.", LEASES,
        "id = ANY(%(keys)s) AND lease_owner = %(owner)s\n", "id = ANY(%(keys)s)\n",
        (LEASED + "test_rule_8_a_late_heartbeat_takes_nothing_back",),
    ),
    Guard(
        8, "woken-while-claimed", "What was woken while it was worked on is due when released.",
        LEASES,
        "least(due_at, statement_timestamp() + %(pause)s::interval)",
        "statement_timestamp() + %(pause)s::interval",
        (LEASED + "test_rule_8_what_is_woken_while_claimed_is_due_when_released",),
    ),
    Guard(
        8, "one-bad-row", "What fails is set aside, and the others go on.",
        "chains_app/outbox/worker.py",
        """    except Exception:
        log.exception("intent_failed", intent=str(intent))""",
        """    except ZeroDivisionError:
        log.exception("intent_failed", intent=str(intent))""",
        (LEASED + "test_rule_8_what_fails_is_set_aside_and_the_others_go_on",),
    ),
    Guard(
        8, "key-awaited-in-flight", "What is in flight is looked at while others wait for its key.",
        "chains_app/outbox/worker.py", "known is None or known.attempts or wall", "known is None or wall",
        (LEASED + "test_who_waits_for_a_busy_key_asks_no_node",),
    ),
    Guard(
        8, "key-awaited-too-long", "What is too late to be signed ends, whatever its keys do.",
        "chains_app/outbox/worker.py", " or wall_clock() > intent.send_by", "",
        (LEASED + "test_who_waits_for_a_busy_key_asks_no_node",),
    ),
    Guard(
        8, "key-awaited-needlessly", "What a token's lock needs first is not kept waiting for the lock's key.",
        "chains_app/outbox/worker.py", " and not may_need_a_preliminary(intent)", "",
        (LEASED + "test_who_waits_for_a_busy_key_asks_no_node",),
    ),
    Guard(
        8, "sweep-skips", "A sweep of sessions skips what another holds.", LIFECYCLE,
        'select_for_update(of=("self",), no_key=True, skip_locked=True)',
        'select_for_update(of=("self",), no_key=True, nowait=True)',
        (RACES + "test_rule_8_a_sweep_skips_what_another_holds_and_finds_it_later",),
    ),
    Guard(
        8, "hint-on-commit", "A hint is sent when its work is committed, and not before.", HINTS,
        "        transaction.on_commit(lambda: _send(task_name, of))\n",
        "        _send(task_name, of)\n",
        (HINTED + "test_a_hint_waits_for_the_commit",
         HINTED + "test_a_rolled_back_transaction_sends_no_hint"),
    ),
    Guard(
        8, "hint-of-its-queue", "A hint for one chain keeps back none for another.", HINTS,
        '":".join(("hint", task_name, *of))', '":".join(("hint", task_name))',
        (HINTED + "test_a_task_with_several_queues_has_a_hint_for_each",),
    ),
    Guard(
        8, "hint-may-be-lost", "Without a broker a commit goes through.", HINTS,
        "except (RedisError, KombuError, OSError) as error:", "except ZeroDivisionError as error:",
        (HINTED + "test_rule_8_without_redis_a_commit_goes_through_and_the_hint_is_lost",),
    ),
)  # fmt: skip
