"""Making and funding locks: what is accepted, what is refused, and where the money stays."""

import pytest

from devnet.near.client import NEAR, Outcome
from tests.contracts.near.interface import STORAGE_DEPOSIT, Lock, events, refusal
from tests.contracts.near.world import HOUR, World


def record(lock: Lock, state: str, payer: str) -> dict[str, object]:
    begun = {"id": lock.id(), "state": state, "in_flight": False, "secret": None}
    return begun | lock.arguments() | {"payer": payer}


def test_a_native_lock_holds_amount_and_storage_deposit(world: World) -> None:
    lock, before = world.native_lock(), world.near.balance(world.alice.account_id)
    held = world.near.balance(world.htlc.account_id)
    made = world.htlc.lock(world.alice, lock)
    assert made.json == lock.id()
    assert world.htlc.get(lock) == record(lock, "open", payer="alice.test.near")
    assert world.spent(world.alice, before, made) == lock.amount + STORAGE_DEPOSIT
    assert world.near.balance(world.htlc.account_id) >= held + lock.amount + STORAGE_DEPOSIT


def test_a_native_lock_is_announced_with_all_parameters(world: World) -> None:
    lock = world.native_lock()
    made = world.htlc.lock(world.alice, lock)
    whole = {"id": lock.id(), **lock.arguments(), "payer": "alice.test.near"}
    assert events(made) == [("lock_created", whole)]


def test_only_the_depositor_makes_a_native_lock(world: World) -> None:
    lock, before = world.native_lock(), world.near.balance(world.carol.account_id)
    refused = world.htlc.lock(world.carol, lock)
    assert refusal(refused) == (
        "E_CALLER: called by carol.test.near, the depositor is alice.test.near"
    )
    assert world.spent(world.carol, before, refused) == 0
    assert world.htlc.get(lock) is None


@pytest.mark.parametrize("error", [-1, 1, -STORAGE_DEPOSIT])
def test_a_native_lock_wants_its_exact_deposit(world: World, error: int) -> None:
    lock, before = world.native_lock(), world.near.balance(world.alice.account_id)
    exact = lock.amount + STORAGE_DEPOSIT
    refused = world.htlc.lock(world.alice, lock, deposit=exact + error)
    assert refusal(refused) == f"E_DEPOSIT: attached {exact + error} yocto, attach {exact}"
    assert world.spent(world.alice, before, refused) == 0


def test_an_amount_beyond_any_deposit_is_refused(world: World) -> None:
    refused = world.htlc.lock(world.alice, world.native_lock(amount=2**128 - 1), deposit=1)
    assert refusal(refused) == ("E_DEPOSIT: amount and storage deposit together are out of range")


def test_lock_refuses_a_token(world: World) -> None:
    refused = world.htlc.lock(world.alice, world.token_lock())
    assert refusal(refused) == (
        "E_BAD_ARGUMENTS: a token's lock is prepared, then funded by ft_transfer_call"
    )


def test_prepare_refuses_near(world: World) -> None:
    refused = world.htlc.prepare(world.alice, world.native_lock())
    assert refusal(refused) == "E_BAD_ARGUMENTS: token is null, NEAR is locked by lock"


def test_no_native_lock_is_made_after_lock_by(world: World) -> None:
    lock, before = world.native_lock(), world.near.balance(world.alice.account_id)
    world.pass_hours(1)
    refused = world.htlc.lock(world.alice, lock)
    now = refusal(refused).removeprefix("E_TOO_LATE: now ").split(",")[0]
    assert refusal(refused) == f"E_TOO_LATE: now {now}, lock_by {lock.lock_by}"
    assert lock.lock_by < int(now) <= world.now()
    assert world.spent(world.alice, before, refused) == 0


def test_the_same_lock_is_made_once(world: World) -> None:
    lock = world.open_native_lock()
    before = world.near.balance(world.alice.account_id)
    refused = world.htlc.lock(world.alice, lock)
    assert refusal(refused) == f"E_EXISTS: lock {lock.id()} is there already"
    assert world.spent(world.alice, before, refused) == 0


@pytest.mark.parametrize("change", ["amount", "beneficiary", "lock_by", "timelock"])
def test_a_depositor_uses_a_hashlock_once_whatever_else_changes(world: World, change: str) -> None:
    lock = world.open_native_lock()
    value = "carol.test.near" if change == "beneficiary" else getattr(lock, change) + 1
    second = lock.but(**{change: value})
    before = world.near.balance(world.alice.account_id)
    refused = world.htlc.lock(world.alice, second)
    assert refusal(refused) == (
        f"E_TAKEN: alice.test.near has used this token with hashlock {lock.hashlock}"
    )
    assert world.spent(world.alice, before, refused) == 0
    assert world.htlc.get(second) is None


def test_a_hashlock_stays_used_after_the_lock_has_ended(world: World) -> None:
    lock = world.open_native_lock()
    assert world.htlc.withdraw(world.carol, lock).json is True
    refused = world.htlc.lock(world.alice, lock.but(amount=NEAR))
    assert refusal(refused).startswith("E_TAKEN: ")
    refused = world.htlc.lock(world.alice, lock)
    assert refusal(refused) == f"E_EXISTS: lock {lock.id()} is there already"


@pytest.mark.parametrize("ended", ["withdrawn", "refunded"])
def test_a_tokens_hashlock_stays_used_after_the_lock_has_ended(world: World, ended: str) -> None:
    lock = world.token_lock()
    rival = world.prepared_lock(amount=1)  # bound before the other is funded
    assert world.htlc.prepare(world.carol, lock).failures == []
    assert world.fund(lock).json == str(lock.amount)
    if ended == "withdrawn":
        assert world.htlc.withdraw(world.carol, lock).json is True
    else:
        assert world.htlc.refund_early(world.bob, lock).json is True
    assert world.htlc.state(lock) == ended

    held = world.token.balance("alice.test.near")
    assert world.fund(rival).json == "0"
    assert world.token.balance("alice.test.near") == held
    assert world.htlc.state(rival) == "prepared"
    refused = refusal(world.htlc.prepare(world.carol, lock.but(amount=2)))
    assert refused.startswith("E_TAKEN: ")
    refused = refusal(world.htlc.prepare(world.carol, lock))
    assert refused == f"E_EXISTS: lock {lock.id()} is there already"


def test_hashlocks_of_other_depositors_and_assets_are_free(world: World) -> None:
    world.open_native_lock()
    bobs = world.native_lock(depositor="bob.test.near", beneficiary="alice.test.near")
    assert world.htlc.lock(world.bob, bobs).failures == []
    assert world.htlc.state(world.open_token_lock()) == "open"


def test_anybody_prepares_and_pays_the_storage(world: World) -> None:
    lock, before = world.token_lock(), world.near.balance(world.carol.account_id)
    prepared = world.htlc.prepare(world.carol, lock)
    assert prepared.json == lock.id()
    whole = {"id": lock.id(), **lock.arguments(), "payer": "carol.test.near"}
    assert events(prepared) == [("lock_prepared", whole)]
    assert world.htlc.get(lock) == record(lock, "prepared", payer="carol.test.near")
    assert world.spent(world.carol, before, prepared) == STORAGE_DEPOSIT


@pytest.mark.parametrize("deposit", [0, STORAGE_DEPOSIT - 1, STORAGE_DEPOSIT + 1])
def test_prepare_wants_the_exact_storage_deposit(world: World, deposit: int) -> None:
    before = world.near.balance(world.carol.account_id)
    refused = world.htlc.prepare(world.carol, world.token_lock(), deposit=deposit)
    assert refusal(refused) == f"E_DEPOSIT: attached {deposit} yocto, attach {STORAGE_DEPOSIT}"
    assert world.spent(world.carol, before, refused) == 0


def test_a_lock_is_prepared_once_and_not_after_lock_by(world: World) -> None:
    lock = world.prepared_lock()
    refused = world.htlc.prepare(world.alice, lock)
    assert refusal(refused) == f"E_EXISTS: lock {lock.id()} is there already"
    late = lock.but(amount=1)
    world.pass_hours(1)
    assert refusal(world.htlc.prepare(world.alice, late)).startswith("E_TOO_LATE: now ")


def test_a_taken_hashlock_is_not_prepared_again(world: World) -> None:
    lock = world.open_token_lock()
    refused = world.htlc.prepare(world.carol, lock.but(amount=1))
    assert refusal(refused) == (
        f"E_TAKEN: alice.test.near has used this token with hashlock {lock.hashlock}"
    )


def test_the_depositors_tokens_open_a_prepared_lock(world: World) -> None:
    lock = world.prepared_lock()
    before = world.token.balance("alice.test.near")
    funded = world.fund(lock)
    assert funded.json == str(lock.amount)
    whole = {"id": lock.id(), **lock.arguments(), "payer": "carol.test.near"}
    assert events(funded) == [("lock_created", whole)]
    assert world.htlc.get(lock) == record(lock, "open", payer="carol.test.near")
    assert world.token.balance("htlc.test.near") == lock.amount
    assert world.token.balance("alice.test.near") == before - lock.amount


def assert_all_tokens_came_back(world: World, funding: Outcome) -> None:
    assert funding.json == "0"
    assert funding.failures == []
    assert events(funding) == []
    assert world.token.balance("alice.test.near") == 1_000_000
    assert world.token.balance("bob.test.near") == 1_000_000
    assert world.token.balance("htlc.test.near") == 0


@pytest.mark.parametrize("amount", [1, 699, 701])
def test_another_amount_comes_back_whole(world: World, amount: int) -> None:
    lock = world.prepared_lock()
    assert_all_tokens_came_back(world, world.fund(lock, amount=amount))
    assert world.htlc.state(lock) == "prepared"


def test_another_sender_gets_everything_back(world: World) -> None:
    lock = world.prepared_lock()
    assert_all_tokens_came_back(world, world.fund(lock, signer=world.bob))
    assert world.htlc.state(lock) == "prepared"


def test_tokens_for_a_lock_that_is_not_prepared_come_back(world: World) -> None:
    assert_all_tokens_came_back(world, world.fund(world.token_lock()))


@pytest.mark.parametrize("msg", ["", "{}", "é" * 32, "0" * 63, "0" * 65, "G" * 64, '"', "\\"])
def test_tokens_with_an_unreadable_message_come_back(world: World, msg: str) -> None:
    sent = world.token.transfer_call(world.alice, world.htlc.account_id, 700, msg)
    assert_all_tokens_came_back(world, sent)


def test_an_id_in_capitals_is_not_the_id(world: World) -> None:
    lock = world.prepared_lock()
    htlc = world.htlc.account_id
    sent = world.token.transfer_call(world.alice, htlc, 700, lock.id().upper())
    assert_all_tokens_came_back(world, sent)


def test_tokens_after_lock_by_come_back(world: World) -> None:
    lock = world.prepared_lock()
    world.pass_hours(1)
    assert_all_tokens_came_back(world, world.fund(lock))
    assert world.htlc.state(lock) == "prepared"


def test_a_lock_that_is_open_takes_no_more_tokens(world: World) -> None:
    lock = world.open_token_lock()
    again = world.fund(lock)
    assert again.json == "0"
    assert world.token.balance("htlc.test.near") == lock.amount
    assert world.token.balance("alice.test.near") == 1_000_000 - lock.amount


def test_tokens_for_an_ended_lock_come_back(world: World) -> None:
    lock = world.open_token_lock()
    assert world.htlc.withdraw(world.carol, lock).json is True
    assert world.fund(lock).json == "0"
    assert world.token.balance("alice.test.near") == 1_000_000 - lock.amount


def test_tokens_for_a_native_lock_come_back(world: World) -> None:
    lock = world.open_native_lock(amount=700)
    assert_all_tokens_came_back(world, world.fund(lock))


def test_of_two_locks_prepared_for_one_hashlock_one_can_be_funded(world: World) -> None:
    first, second = world.prepared_lock(), world.prepared_lock(amount=300)
    assert world.fund(second).json == "300"
    assert world.fund(first).json == "0"
    assert world.htlc.state(first) == "prepared"
    assert world.htlc.state(second) == "open"
    assert world.token.balance("htlc.test.near") == 300


def test_a_lock_that_was_never_funded_is_removed_by_anybody_for_its_payer(world: World) -> None:
    lock = world.prepared_lock()
    world.pass_hours(1)
    before, usage = world.near.balance("carol.test.near"), world.storage_usage()
    removed = world.htlc.remove(world.alice, lock)
    assert events(removed) == [("lock_removed", {"id": lock.id()})]
    assert world.near.balance("carol.test.near") == before + STORAGE_DEPOSIT
    assert world.htlc.get(lock) is None
    assert world.storage_usage() < usage


def test_a_lock_that_can_still_be_funded_is_not_removed(world: World) -> None:
    lock = world.prepared_lock()
    refused = world.htlc.remove(world.carol, lock)
    assert refusal(refused).startswith("E_TOO_EARLY: now ")
    assert refusal(refused).endswith(f", lock_by {lock.lock_by}")
    assert world.htlc.state(lock) == "prepared"


def test_only_a_prepared_lock_is_removed(world: World) -> None:
    lock = world.open_token_lock()
    world.pass_hours(1)
    refused = world.htlc.remove(world.carol, lock)
    assert refusal(refused) == f"E_NOT_PREPARED: lock {lock.id()} is open"
    missing = lock.but(amount=1)
    refused = world.htlc.remove(world.carol, missing)
    assert refusal(refused) == f"E_NOT_FOUND: no lock {missing.id()}"


def test_a_removed_lock_does_not_use_up_its_hashlock(world: World) -> None:
    lock = world.prepared_lock()
    world.pass_hours(1)
    assert world.htlc.remove(world.carol, lock).failures == []
    later = lock.but(lock_by=lock.lock_by + HOUR)
    assert world.htlc.prepare(world.carol, later).failures == []
    assert world.fund(later).json == str(later.amount)
