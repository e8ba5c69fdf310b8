"""A whole swap, both ways, to the last base unit."""

from collections import Counter

import pytest
from django.db import transaction

from chains_app.adapters.memory import MemoryAdapter
from chains_app.adapters.memory_chain import FEE
from chains_app.locks import Call, LockState, LockTerms
from chains_app.models import Attempt, Intent
from secrets_app.models import SealedSecret, SecretAccess
from sessions_app import sweeps
from sessions_app.models import Role
from sessions_app.selectors import list_events, wallet_transactions
from tests.integration.sessions.world import AMOUNTS, BACK, THERE, World, path, reload, terms

SWAPPED = [
    "initialized", "executing", "source_locking", "source_locked", "destination_locking",
    "both_locked", "revealing_secret", "completed",
]  # fmt: skip


@pytest.mark.parametrize("route", [THERE, BACK])
def test_a_swap_pays_both_parties_to_the_last_unit(world: World, route: str) -> None:
    before = Counter(world.balances("maker", "lock", "duty", "escrows"))
    session = world.start(route)
    world.lock_source(session)
    world.live(14)
    assert path(session) == SWAPPED
    assert world.both_on_chain(session) == (LockState.WITHDRAWN, LockState.WITHDRAWN)
    source, destination = terms(session, Role.SOURCE), terms(session, Role.DESTINATION)
    changes = Counter(world.balances("maker", "lock", "duty", "escrows"))
    changes.subtract(before)
    assert changes == {
        ("maker", source.chain): -AMOUNTS[route] - FEE,
        ("maker", destination.chain): destination.amount,
        ("lock", source.chain): AMOUNTS[route],
        ("lock", destination.chain): -destination.amount - FEE,
        ("duty", source.chain): -FEE,
        ("duty", destination.chain): -FEE,
        ("escrows", source.chain): 0,
        ("escrows", destination.chain): 0,
    }


def test_the_locks_are_made_under_the_terms_that_the_fill_fixed(world: World) -> None:
    session = reload(world.start())
    source, destination = terms(session, Role.SOURCE), terms(session, Role.DESTINATION)
    deadlines = session.fixed_deadlines
    assert deadlines is not None
    assert (source.depositor, source.beneficiary) == ("maker", "lock")
    assert (destination.depositor, destination.beneficiary) == ("lock", "maker")
    assert source.hashlock == destination.hashlock == bytes(session.hashlock)
    assert source.amount == session.quote.source_amount
    assert session.quote.end_amount <= destination.amount <= session.quote.start_amount
    assert source.timelock == deadlines.source_timelock
    assert source.lock_by == deadlines.source_lock_by
    assert destination.timelock == deadlines.destination_timelock
    assert destination.lock_by == deadlines.destination_lock_by
    assert session.timelock_policy == session.quote.policy


def test_the_wallet_is_told_what_to_send_until_its_lock_is_seen(world: World) -> None:
    session = world.create()
    assert wallet_transactions(session) == []
    session = world.execute(session)
    (wanted,) = wallet_transactions(session)
    assert wanted["terms"] == terms(session, Role.SOURCE).to_json()
    world.lock_source(session)
    world.live(1)
    assert wallet_transactions(reload(session)) == []


def test_rule_10_a_wallets_transactions_are_told_inside_one_too(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them then: which are missing only a node can tell."""
    asked: list[bool] = []

    def told(_: MemoryAdapter, __: LockTerms, *, only_missing: bool) -> list[dict[str, object]]:
        asked.append(only_missing)
        return []

    monkeypatch.setattr(MemoryAdapter, "wallet_transactions", told)
    session = world.start()
    wallet_transactions(session)
    with transaction.atomic():
        wallet_transactions(session)
    assert asked == [True, False]


def test_rule_5_each_write_of_a_swap_is_made_once(world: World) -> None:
    session = world.start()
    world.lock_source(session)
    world.live(20)
    roles = {leg.id: leg.role for leg in session.legs.all()}
    intents = [(roles[each.reference], each.call, each.status) for each in Intent.objects.all()]
    assert sorted(intents) == [
        ("destination", "lock", "done"),
        ("destination", "withdraw", "done"),
        ("source", "withdraw", "done"),
    ]
    assert [each.status for each in Attempt.objects.all()] == ["final"] * 3


def test_rule_13_the_secret_is_opened_once_and_forgotten_after_the_end(world: World) -> None:
    session = world.start()
    world.lock_source(session)
    world.live(14)
    purposes = SecretAccess.objects.values_list("purpose", flat=True)
    assert list(purposes) == ["withdrawal of the destination leg"]
    assert sweeps.forget_secrets() == 1
    assert reload(session).secret_id is None
    assert sweeps.forget_secrets() == 0


def test_rule_13_a_secret_is_kept_while_its_session_is_open(world: World) -> None:
    """Also when it had ended at the time that the sweep looked for it."""
    session = world.start()
    assert sweeps._forget_batch([session.pk]) == 0
    assert reload(session).secret_id is not None
    assert SealedSecret.objects.get().sealed is not None


def test_the_feed_has_every_move_in_its_order(world: World) -> None:
    session = world.start()
    world.lock_source(session)
    world.live(14)
    events = list_events(session)
    assert [event.seq for event in events] == list(range(1, 9))
    assert [event.before for event in events] == ["", *SWAPPED[:-1]]
    assert [event.seq for event in list_events(session, after=6)] == [7, 8]
    assert reload(session).version == 8


def test_many_swaps_at_once_each_complete(world: World) -> None:
    sessions = [world.start(route) for route in (THERE, BACK) * 4]
    for session in sessions:
        world.lock_source(session)
        world.block(0)
    for _ in range(40):  # keys take turns, so how many blocks it takes depends on their order
        if all(path(session)[-1] == "completed" for session in sessions):
            break
        world.live(1)
    assert [path(session) for session in sessions] == [SWAPPED] * 8


def test_rule_4_the_source_is_withdrawn_only_after_the_destination_is_final(world: World) -> None:
    session = world.start()
    world.lock_source(session)
    while world.on_chain(session, Role.DESTINATION) is not LockState.WITHDRAWN:
        world.live(1)
    source = session.legs.get(role=Role.SOURCE).id
    wanted = Intent.objects.filter(reference=source, call=Call.WITHDRAW.value)
    world.work()
    assert not wanted.exists()
    world.live(2)
    assert wanted.exists()
