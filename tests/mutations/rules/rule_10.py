"""Rule 10: no RPC inside a transaction."""

from tests.mutations.guard import Guard

SENDING = "chains_app/outbox/sending.py"
SIGNING = "chains_app/outbox/signing.py"
CHAINS = "tests/integration/chains/"
SESSIONS = "tests/integration/sessions/"
TWO_NODES = SESSIONS + "test_agreement.py::"
VOIDING = CHAINS + "test_voiding.py::"
DIFFERENTLY = TWO_NODES + "test_rule_7_nothing_is_staked_on_what_two_nodes_tell_differently"

ROWS = (
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
        """    try:
        for leg in legs.values():
            require_agreement(leg.id)
        return (
""",
        """    from django.db import transaction

    try:
        with transaction.atomic():
            for leg in legs.values():
                require_agreement(leg.id)
        return (
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
