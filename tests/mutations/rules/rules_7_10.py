"""Rules 7 to 10: truth is on the chain, the database is the queue, one writer, no RPC inside."""

from tests.mutations.guard import Guard

AGREEMENT = "chains_app/agreement.py"
AGREED = "chains_app/adapters/agreed.py"
WATCHING = "chains_app/watching.py"
SEEN = "chains_app/seen.py"
POLLER = "chains_app/poller.py"
INGEST = "chains_app/ingest.py"
SELECTORS = "chains_app/selectors.py"
LEASES = "chains_app/leases.py"
BINDING = "sessions_app/binding.py"
SURPLUS = "sessions_app/surplus.py"
LIFECYCLE = "sessions_app/lifecycle.py"
COORDINATOR = "sessions_app/coordinator.py"
SENDING = "chains_app/outbox/sending.py"
SIGNING = "chains_app/outbox/signing.py"
EVM = "chains_app/adapters/evm.py"
NEAR = "chains_app/adapters/near.py"
HINTS = "orchestrator/hints.py"

CHAINS = "tests/integration/chains/"
SESSIONS = "tests/integration/sessions/"
CONFORMANCE = "tests/conformance/"
TWO_NODES = SESSIONS + "test_agreement.py::"
LYING = SESSIONS + "test_lying_nodes.py::"
SEEN_HASHLOCKS = SESSIONS + "test_seen_hashlocks.py::"
SURPLUSES = SESSIONS + "test_surplus.py::"
WRITERS = SESSIONS + "test_writers.py::"
RACES = SESSIONS + "test_races.py::"
POLLED = CHAINS + "test_poller.py::"
STRANGERS = CHAINS + "test_poller_strangers.py::"
LEASED = CHAINS + "test_leases.py::"
VOIDING = CHAINS + "test_voiding.py::"
ON_EVM = CONFORMANCE + "test_evm.py::"
ON_NEAR = CONFORMANCE + "test_near.py::"
LOCKS = CONFORMANCE + "test_locks.py::"
HINTED = "tests/integration/floor/test_hints.py::"
DIFFERENTLY = TWO_NODES + "test_rule_7_nothing_is_staked_on_what_two_nodes_tell_differently"

QUORUM = (
    Guard(
        7, "quorum", "Nothing is staked on what one node tells alone: two have to agree.", AGREED,
        "ENOUGH: Final = 2", "ENOUGH: Final = 1",
        (DIFFERENTLY, TWO_NODES + "test_rule_7_nothing_is_staked_on_one_node_alone"),
    ),
    Guard(
        7, "quorum-differs", "Two nodes that tell different things are no answer.", AGREED,
        "if len({heart(each) for each in told}) > 1:", "if False:",
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
        '_require(watch, block.hash == hash_, f"block {height}")', "pass",
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

PROOFS = (
    Guard(
        7, "evm-code", "A lock's address holds our escrow's code.", EVM,
        "if ours and bytes.fromhex(code[2:]) == self._contracts.clone_code:", "if ours:",
        (ON_EVM + "test_rule_7_state_without_our_code_is_no_lock",),
    ),
    Guard(
        7, "evm-terms", "A lock's state holds the hash of exactly our terms.",
        "chains_app/adapters/evm_contract.py",
        """        if slot[1:] != self.lock_id(terms)[:31]:
            return LockState.ABSENT, False
""",
        "",
        (LOCKS + "test_rule_7_a_lock_with_one_other_term_is_absent",),
    ),
    Guard(
        7, "evm-contract", "A lock in another factory is none of ours.", EVM,
        "ours = (terms.chain, terms.contract) == (self.name, self._spec.contract)", "ours = True",
        (CONFORMANCE
         + "test_locks.py::test_rule_7_a_lock_of_another_contract_or_chain_is_absent",),
    ),
    Guard(
        7, "evm-block-by-hash", "State is read at a block that is named by its hash.", EVM,
        'at = {"blockHash": block.hash, "requireCanonical": True}', "at = hex(block.height)",
        (CONFORMANCE + "test_reorganisation.py::test_rule_7_nothing_is_read_at_a_replaced_block",),
    ),
    Guard(
        7, "evm-emitter", "A creation's event counts when our factory emitted it.",
        "chains_app/adapters/evm_logs.py",
        'if emitter != self._factory or len(log["topics"]) != 3:',
        'if len(log["topics"]) != 3:',
        (ON_EVM + "test_rule_7_a_strangers_creation_event_is_no_fact",),
    ),
    Guard(
        7, "near-code", "A lock's contract has the code that we pinned.", NEAR,
        "if self._has_our_code(block.hash) and ours and identifier:", "if ours and identifier:",
        (ON_NEAR + "test_rule_7_a_contract_with_other_code_holds_no_lock",),
    ),
    Guard(
        7, "near-contract", "A lock in another contract is none of ours.", NEAR,
        "ours = (terms.chain, terms.contract) == (self.name, self._htlc)", "ours = True",
        (CONFORMANCE
         + "test_locks.py::test_rule_7_a_lock_of_another_contract_or_chain_is_absent",),
    ),
    Guard(
        7, "near-block-by-hash", "A record is read at a block that is named by its hash.", NEAR,
        """            at = {"block_id": block.hash}
            record""",
        """            at = OPTIMISTIC
            record""",
        (LOCKS + "test_rule_7_a_lock_is_read_as_it_stood_at_the_named_block",),
    ),
    Guard(
        7, "near-prepared", "A lock that is only prepared holds no money.",
        "chains_app/adapters/near_contract.py",
        '    "open": (LockState.OPEN, False),\n',
        '    "open": (LockState.OPEN, False),\n    "prepared": (LockState.OPEN, False),\n',
        (CONFORMANCE
         + "test_tokens.py::test_a_lock_without_its_preliminaries_is_refused_and_moves_nothing",
         CONFORMANCE + "test_tokens.py::test_a_preparation_serves_its_own_lock_alone"),
    ),
    Guard(
        7, "near-contract-has-no-key", "A contract whose account has a key is refused.", NEAR,
        "if self._rpc.access_keys(self._htlc):", "if False:",
        (ON_NEAR + "test_a_contract_account_with_a_key_is_a_problem",),
    ),
    Guard(
        7, "final-is-an-ancestor", "A final block is believed when it is an ancestor of our head.",
        INGEST,
        "if is_older or ours.get(final.height) == final.hash:", "if True:",
        (POLLED + "test_rule_7_a_final_block_that_is_no_ancestor_of_ours_is_not_believed",
         POLLED + "test_rule_7_a_foreign_final_block_below_our_head_is_not_believed"),
    ),
    Guard(
        7, "final-below-our-head", "A foreign final block at a height of ours is not believed.",
        INGEST,
        "is_older = final.height < floor and final.height not in ours",
        "is_older = final.height < cursor.height",
        (POLLED + "test_rule_7_a_foreign_final_block_below_our_head_is_not_believed",),
    ),
    Guard(
        7, "reading-is-final-later", "A reading is final when a final block is as high as its own.",
        SELECTORS,
        "head, final = newest(readings), newest(readings, up_to)",
        "head, final = newest(readings), newest(readings)",
        (POLLED + "test_a_lock_is_seen_at_the_head_and_then_final",
         POLLED + "test_rule_7_an_absence_is_final_only_when_its_block_is"),
    ),
    Guard(
        7, "outbox-reading-is-final-later", "The outbox goes by final readings in the same way.",
        WATCHING,
        "found = newest(watch.observations.all(), cursor.final_height(watch.tier))",
        "found = newest(watch.observations.all())",
        (CHAINS + "test_outbox.py::test_rule_5_a_lock_goes_from_planned_to_done",),
    ),
    Guard(
        7, "absence-after-lock-by", "Absence is read at the head after `lock_by`.", WATCHING,
        "        due = terms.lock_by + 1\n", "        pass\n",
        (POLLED + "test_rule_7_absence_counts_only_when_read_after_lock_by",),
    ),
    Guard(
        7, "absence-of-what-stood", "The outbox believes no absence of what was final before.",
        WATCHING,
        "return None if is_absent and watch.stood_finally else found", "return found",
        (LYING + "test_rule_7_a_node_of_another_network_makes_no_lock_of_ours_disappear",
         LYING + "test_rule_7_a_contract_that_is_configured_anew_makes_no_lock_disappear"),
    ),
    Guard(
        7, "stood-finally", "That a final block showed a lock is remembered.", INGEST,
        "        Watch.objects.filter(pk=watch.pk).update(stood_finally=True)\n", "        pass\n",
        (LYING + "test_rule_7_a_contract_that_is_configured_anew_makes_no_lock_disappear",),
    ),
    Guard(
        7, "blocks-connect", "Blocks that do not follow on ours are a reorganisation.", POLLER,
        "return page if is_connected else None", "return page",
        (POLLED + "test_rule_7_blocks_that_do_not_follow_on_ours_are_a_reorganisation",),
    ),
    Guard(
        7, "reorganised-readings-go", "A reorganisation takes back what was read.", INGEST,
        "    gone.delete()\n", "",
        (POLLED + "test_rule_7_a_reorganisation_takes_back_what_was_read",),
    ),
    Guard(
        7, "reorganised-finality", "Finality of a replaced block is taken back.", INGEST,
        "            if final[0] > fork.height:\n", "            if False:\n",
        (POLLED + "test_finality_of_a_replaced_block_is_taken_back",),
    ),
    Guard(
        7, "first-seen-stays", "What was seen in time stays in time through a reorganisation.",
        BINDING,
        "session.source_seen_in_time |= seen_at", "session.source_seen_in_time = seen_at",
        (SESSIONS + "test_reorganisations.py::"
         "test_a_lock_that_was_seen_in_time_and_comes_back_late_is_still_taken",
         "tests/integration/sessions/test_binding.py::"
         "test_what_a_session_has_seen_is_not_unseen"),
    ),
    Guard(
        7, "seen-by-accept-by", "A source lock counts as seen in time up to `accept_by`.", BINDING,
        "seen_at is not None and seen_at <= deadlines.accept_by", "seen_at is not None",
        (SESSIONS + "test_returns.py::"
         "test_a_source_lock_after_accept_by_is_refused_and_given_back",),
    ),
    Guard(
        7, "preimage-fits", "A preimage counts when it fits the hashlock.", WATCHING,
        "if shown and len(shown) == LENGTH and fits(Secret(shown), terms.hashlock, function):",
        "if shown:",
        (POLLED + "test_rule_7_a_preimage_that_does_not_fit_is_none",),
    ),
    Guard(
        7, "preimage-fits-the-session", "A session is opened by what fits its own leg's hashlock.",
        BINDING,
        "return preimage is not None and fits(Secret(preimage), terms.hashlock, function)",
        "return preimage is not None",
        ("tests/integration/sessions/test_binding.py::"
         "test_rule_7_a_preimage_that_does_not_fit_opens_nothing",),
    ),
    Guard(
        7, "lock-of-one-reference", "A lock is watched under one reference and one set of terms.",
        WATCHING,
        "if not Watch.objects.filter(reference=reference, **fields).exists():", "if False:",
        (POLLED + "test_a_lock_is_watched_under_one_reference_and_one_set_of_terms",),
    ),
    Guard(
        7, "lock-seen-has-left", "A lock of ours that stands has left us, whatever we stored.",
        BINDING,
        "destination_lock_left=Call.LOCK in left or seen,", "destination_lock_left=Call.LOCK in left,",
        ("tests/integration/sessions/test_binding.py::"
         "test_rule_7_a_lock_of_ours_that_stands_has_left_us",),
    ),
    Guard(
        7, "surplus-id", "A stranger's lock is for us only under the id of its own terms.", SEEN,
        "                and adapter.lock_id(terms) == fact.lock_id,\n", "                ,\n",
        (SEEN_HASHLOCKS + "test_rule_7_a_lock_at_another_place_than_its_terms_say_is_not_for_us",),
    ),
    Guard(
        7, "surplus-is-no-leg", "A lock that is a session's leg is never surplus.", SURPLUS,
        "    except WatchConflictError:\n        SeenLock",
        "    except ZeroDivisionError:\n        SeenLock",
        (SURPLUSES + "test_a_lock_that_turns_out_to_be_a_leg_is_never_surplus",),
    ),
    Guard(
        7, "surplus-waits-for-legs", "Nothing goes back while its session has not fixed its legs.",
        SURPLUS,
        "if not legs and session.status not in ENDED:", "if False:",
        (SURPLUSES + "test_nothing_goes_back_while_a_session_has_not_fixed_its_legs",),
    ),
    Guard(
        7, "surplus-final", "A stranger's lock goes back when it is open and final.", SURPLUS,
        "if (facts.head, facts.final) != (LockState.OPEN, LockState.OPEN):", "if False:",
        (SURPLUSES + "test_rule_7_what_is_not_final_does_not_go_back",),
    ),
    Guard(
        7, "surplus-owed-when-final", "Of a stranger's lock only what has reached us is repaid.",
        SURPLUS,
        "if facts.final is not LockState.WITHDRAWN or not facts.final_paid:", "if False:",
        (SURPLUSES + "test_what_is_open_is_not_repaid",),
    ),
    Guard(
        7, "hashlock-is-new", "A hashlock that a chain has seen opens no session.",
        "sessions_app/admission.py",
        "if used or is_hashlock_known(hashlock) or is_hashlock_seen(hashlock):",
        "if used or is_hashlock_known(hashlock):",
        (SEEN_HASHLOCKS + "test_a_hashlock_that_anybody_used_on_a_chain_is_refused",),
    ),
    Guard(
        7, "strangers-are-bounded", "What one block can make us store is bounded.", SEEN,
        "        if looked_at <= MOST_LOCKS:\n", "        if True:\n",
        (SEEN_HASHLOCKS + "test_what_one_block_can_make_us_store_is_bounded",),
    ),
    Guard(
        7, "strangers-wait", "Strangers' locks are read after those of agreed swaps.", POLLER,
        'found = list(due.order_by("-pays_out", "due_time")[:MOST_READS])',
        'found = list(due.order_by("due_time")[:MOST_READS])',
        (STRANGERS + "test_strangers_locks_hold_no_reading_of_an_agreed_one_up",),
    ),
    Guard(
        7, "strangers-hide-nothing", "Too many events of strangers hide none of ours.", POLLER,
        "    except TooManyFactsError:\n        log.warning",
        "    except ZeroDivisionError:\n        log.warning",
        (STRANGERS + "test_strangers_events_too_many_to_read_hide_none_of_ours",),
    ),
    Guard(
        7, "node-of-another-chain", "A node of another chain is asked for nothing.",
        "chains_app/adapters/evm_nodes.py",
        "    if given != chain_id(spec):\n", "    if False:\n",
        (CONFORMANCE + "test_nodes.py::test_a_node_of_another_chain_is_not_used_and_is_told_of",),
    ),
)  # fmt: skip

RULE_8 = (
    Guard(
        8, "fencing-token", "A write carries the fencing token that its lease gave.", LEASES,
        "    if fresh.version != row.version:\n", "    if False:\n",
        (LEASED + "test_rule_8_a_worker_that_lost_its_lease_writes_nothing",
         LEASED + "test_rule_8_a_zombie_neither_signs_nor_sends"),
    ),
    Guard(
        8, "fencing-token-grows", "Each claim makes the fencing token a new one.", LEASES,
        'lease_expires_at=Now() + LEASE, version=F("version") + 1', "lease_expires_at=Now() + LEASE",
        (LEASED + "test_rule_8_a_worker_that_lost_its_lease_writes_nothing",
         LEASED + "test_rule_8_a_zombie_neither_signs_nor_sends"),
    ),
    Guard(
        8, "fencing-release", "Who lost its lease gives nothing back.", LEASES,
        "filter(pk=row.pk, version=row.version).update(\n        due_at=due_at,",
        "filter(pk=row.pk).update(\n        due_at=due_at,",
        (LEASED + "test_rule_8_a_worker_that_lost_its_lease_writes_nothing",),
    ),
    Guard(
        8, "fencing-poller", "A poller that lost its lease commits nothing.", INGEST,
        "    if not written:\n", "    if False:\n",
        (LEASED + "test_rule_8_a_poller_that_lost_its_lease_commits_nothing",),
    ),
    Guard(
        8, "fencing-cursor", "The cursor is written under the fencing token.", INGEST,
        "ours = ChainCursor.objects.filter(pk=cursor.pk, version=cursor.version)",
        "ours = ChainCursor.objects.filter(pk=cursor.pk)",
        (LEASED + "test_rule_8_a_poller_that_lost_its_lease_commits_nothing",),
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
        'candidates.select_for_update(skip_locked=True, of=("self",))',
        "candidates.all()",
        (LEASED + "test_rule_8_two_workers_never_hold_the_same_intent",),
    ),
    Guard(
        8, "lease-is-kept", "What somebody has claimed is left alone until its lease is over.",
        LEASES,
        "return Q(lease_expires_at__isnull=True, due_at__lte=Now()) | Q(lease_expires_at__lt=Now())",
        "return Q(due_at__lte=Now())",
        (LEASED + "test_rule_8_a_claimed_intent_is_left_alone_until_its_lease_is_over",),
    ),
    Guard(
        8, "lease-runs-out", "What a dead worker had claimed is free when its lease ends.", LEASES,
        "return Q(lease_expires_at__isnull=True, due_at__lte=Now()) | Q(lease_expires_at__lt=Now())",
        "return Q(lease_expires_at__isnull=True, due_at__lte=Now())",
        (LEASED + "test_rule_8_a_claimed_intent_is_left_alone_until_its_lease_is_over",),
    ),
    Guard(
        8, "heartbeat", "A heartbeat keeps the lease.", LEASES,
        "        claimed.update(lease_expires_at=Now() + LEASE)\n", "        pass\n",
        (LEASED + "test_rule_8_a_late_heartbeat_takes_nothing_back",),
    ),
    Guard(
        8, "heartbeat-of-the-owner", "A late heartbeat takes nothing back.", LEASES,
        "pk__in=[row.pk for row in rows], lease_owner=rows[0].lease_owner",
        "pk__in=[row.pk for row in rows]",
        (LEASED + "test_rule_8_a_late_heartbeat_takes_nothing_back",),
    ),
    Guard(
        8, "woken-while-claimed", "What was woken while it was worked on is due when released.",
        LEASES,
        'due_at = F("due_at") if pause is None else Least(F("due_at"), Now() + Value(pause))',
        "due_at = None if pause is None else Now() + Value(pause)",
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
        8, "sweep-skips", "A sweep of sessions skips what another holds.", LIFECYCLE,
        'select_for_update(of=("self",), no_key=True, skip_locked=True)',
        'select_for_update(of=("self",), no_key=True, nowait=True)',
        (RACES + "test_rule_8_a_sweep_skips_what_another_holds_and_finds_it_later",),
    ),
    Guard(
        8, "hint-on-commit", "A hint is sent when its work is committed, and not before.", HINTS,
        "        transaction.on_commit(lambda: _send(task_name))\n", "        _send(task_name)\n",
        (HINTED + "test_a_hint_waits_for_the_commit",
         HINTED + "test_a_rolled_back_transaction_sends_no_hint"),
    ),
    Guard(
        8, "hint-may-be-lost", "Without a broker a commit goes through.", HINTS,
        "except (RedisError, KombuError, OSError) as error:", "except ZeroDivisionError as error:",
        (HINTED + "test_rule_8_without_redis_a_commit_goes_through_and_the_hint_is_lost",),
    ),
)  # fmt: skip

RULES_9_AND_10 = (
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
        9, "one-commit", "A move, its transition and its intents are one transaction.", COORDINATOR,
        "@transaction.atomic\ndef _advance_batch(", "def _advance_batch(",
        (RACES + "test_rule_8_a_sweep_skips_what_another_holds_and_finds_it_later",),
    ),
    Guard(
        9, "notice-on-commit", "The feed hears of a move when it is committed.", LIFECYCLE,
        "transaction.on_commit(partial(ring, newest.items()))", "ring(newest.items())",
        (WRITERS + "test_rule_9_the_feed_hears_of_a_move_when_it_is_committed",),
    ),
    Guard(
        10, "guard-outside", "The guard of a first send is asked outside of any transaction.",
        SENDING,
        """    verdict = ports.ask_guard(intent.contract_call, intent.reference, Moment.SEND)
    with transaction.atomic():
""",
        """    with transaction.atomic():
        verdict = ports.ask_guard(intent.contract_call, intent.reference, Moment.SEND)
""",
        (VOIDING + "test_rule_10_a_guard_is_asked_outside_of_any_transaction",),
    ),
    Guard(
        10, "prepare-outside", "What a signature needs of a node is asked before its transaction.",
        SIGNING,
        """    with transaction.atomic():
        locked = lock(intent)
""",
        """    with transaction.atomic():
        prepared = _prepare(intent, key)
        locked = lock(intent)
""",
        (VOIDING + "test_rule_10_no_exchange_happens_inside_a_transaction",),
    ),
    Guard(
        10, "broadcast-outside", "Bytes are sent outside of the transaction that let them leave.",
        SENDING,
        """    if not verdict.ok:
        raise GuardRefusedError(verdict)
    broadcast(intent, attempt)
""",
        """    if not verdict.ok:
        raise GuardRefusedError(verdict)
    with transaction.atomic():
        broadcast(intent, attempt)
""",
        (VOIDING + "test_rule_10_no_exchange_happens_inside_a_transaction",),
    ),
    Guard(
        10, "agreement-outside", "Two nodes are asked outside of any transaction.",
        "sessions_app/guard.py",
        """    evidence = Evidence.gather([session], wall_clock())
    evidence.bind(session)
    facts = evidence.snapshot(session, age=FACTS_AGE)
""",
        """    from django.db import transaction
    transaction.atomic().__enter__()
    evidence = Evidence.gather([session], wall_clock())
    evidence.bind(session)
    facts = evidence.snapshot(session, age=FACTS_AGE)
""",
        (DIFFERENTLY,),
    ),
    Guard(
        10, "wallet-outside", "What a wallet has to send is not asked inside a transaction.",
        "sessions_app/selectors.py",
        "may_ask = not connection.in_atomic_block", "may_ask = True",
        (SESSIONS + "test_swaps.py::test_rule_10_a_wallets_transactions_are_told_inside_one_too",),
    ),
)  # fmt: skip

ROWS = (*QUORUM, *PROOFS, *RULE_8, *RULES_9_AND_10)
