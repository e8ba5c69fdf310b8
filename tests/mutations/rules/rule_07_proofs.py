"""Rule 7: what a lock is proved by, and what strangers' locks are not."""

from tests.mutations.guard import Guard

WATCHING = "chains_app/watching.py"
SEEN = "chains_app/seen.py"
POLLER = "chains_app/poller.py"
INGEST = "chains_app/ingest.py"
SELECTORS = "chains_app/selectors.py"
BINDING = "sessions_app/binding.py"
SURPLUS = "sessions_app/surplus.py"
EVM = "chains_app/adapters/evm.py"
NEAR = "chains_app/adapters/near.py"
CHAINS = "tests/integration/chains/"
SESSIONS = "tests/integration/sessions/"
CONFORMANCE = "tests/conformance/"
LYING = SESSIONS + "test_lying_nodes.py::"
SEEN_HASHLOCKS = SESSIONS + "test_seen_hashlocks.py::"
SURPLUSES = SESSIONS + "test_surplus.py::"
POLLED = CHAINS + "test_poller.py::"
REORGANISED = CHAINS + "test_poller_reorganisations.py::"
STRANGERS = CHAINS + "test_poller_strangers.py::"
ON_EVM = CONFORMANCE + "test_evm.py::"
ON_NEAR = CONFORMANCE + "test_near.py::"
LOCKS = CONFORMANCE + "test_locks.py::"
REORGANISATIONS = SESSIONS + "test_reorganisations.py::"

ROWS = (
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
        (LOCKS + "test_rule_7_a_lock_with_one_other_term_is_absent",),
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
        (LOCKS + "test_rule_7_a_lock_with_one_other_term_is_absent",),
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
        (CONFORMANCE + "test_tokens.py::test_a_preparation_serves_its_own_lock_alone",),
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
        (REORGANISED + "test_rule_7_a_final_block_that_is_no_ancestor_of_ours_is_not_believed",
         REORGANISED + "test_rule_7_a_foreign_final_block_below_our_head_is_not_believed"),
    ),
    Guard(
        7, "final-below-our-head", "A foreign final block at a height of ours is not believed.",
        INGEST,
        "is_older = final.height < floor and final.height not in ours",
        "is_older = final.height < cursor.height",
        (REORGANISED + "test_rule_7_a_foreign_final_block_below_our_head_is_not_believed",),
    ),
    Guard(
        7, "reading-is-final-later", "A reading is final when a final block is as high as its own.",
        SELECTORS,
        "head, final = newest(readings), believed(readings, up_to)",
        "head, final = newest(readings), believed(readings)",
        (POLLED + "test_a_lock_is_seen_at_the_head_and_then_final",
         POLLED + "test_rule_7_an_absence_is_final_only_when_its_block_is"),
    ),
    Guard(
        7, "outbox-reading-is-final-later", "The outbox goes by final readings in the same way.",
        WATCHING,
        "found = believed(readings, cursor.final_height(watch.tier))",
        "found = believed(readings)",
        (CHAINS + "test_outbox.py::test_rule_5_a_lock_goes_from_planned_to_done",),
    ),
    Guard(
        7, "absence-after-lock-by", "Absence is read at the head after `lock_by`.", WATCHING,
        "        due = Seconds(terms.lock_by + 1)\n", "        pass\n",
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
        (REORGANISED + "test_rule_7_blocks_that_do_not_follow_on_ours_are_a_reorganisation",),
    ),
    Guard(
        7, "reorganised-readings-go", "A reorganisation takes back what was read.", INGEST,
        "    gone.delete()\n", "",
        (REORGANISED + "test_rule_7_a_reorganisation_takes_back_what_was_read",),
    ),
    Guard(
        7, "reorganised-finality", "Finality of a replaced block is taken back.", INGEST,
        "        cursor.finals |= {tier: [fork.height, fork.hash, fork.time] for tier in above}\n", "",
        (REORGANISED + "test_finality_of_a_replaced_block_is_taken_back",),
    ),
    Guard(
        7, "first-seen-stays", "What was seen in time stays in time through a reorganisation.",
        BINDING,
        "session.source_seen_in_time |= seen_at", "session.source_seen_in_time = seen_at",
        (SESSIONS + "test_binding.py::test_what_a_session_has_seen_is_not_unseen",),
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
        " and adapter.lock_id(terms) == fact.lock_id\n", "\n",
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
        "each not in told][:MOST_LOCKS]\n", "each not in told]\n",
        (SEEN_HASHLOCKS + "test_what_one_block_can_make_us_store_is_bounded",),
    ),
    Guard(
        7, "strangers-wait", "Strangers' locks are read after those of agreed swaps.", POLLER,
        '        "-pays_out", _IS_COMPARED, "due_time"\n', '        _IS_COMPARED, "due_time"\n',
        (STRANGERS + "test_strangers_locks_hold_no_reading_of_an_agreed_one_up",),
    ),
    Guard(
        7, "compared-waits", "What is merely compared at a start waits behind what is due.", POLLER,
        "if watch.pays_out and watch.due_time != COMPARED]", "if watch.pays_out]",
        (POLLED + "test_what_is_merely_compared_waits_behind_what_is_due",),
    ),
    Guard(
        7, "creation-of-the-lock", "Only what made the lock itself is kept to make it again.", POLLER,
        "if is_ours(watch.terms) or not learned.shows_made(watch, fact) or",
        "if is_ours(watch.terms) or",
        (POLLED + "test_the_bytes_that_made_a_makers_lock_are_kept_until_it_is_over",),
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
    Guard(
        7, "broken-tier", "A tier that a reorganisation went below protects no new swap for a day.",
        INGEST, "        _break(cursor, above)\n", "",
        (REORGANISATIONS + "test_rule_7_finality_is_slower_after_a_reorganisation_below_it",),
    ),
    Guard(
        7, "broken-tiers", "Nor does any fast one of a chain of which no block of ours is left.",
        INGEST, "        _break(cursor, cursor.finals)\n", "",
        (REORGANISATIONS + "test_rule_7_a_chain_without_a_common_block_is_trusted_by_no_fast_tier",),
    ),
)  # fmt: skip
