"""The devnet's token: NEP-141, NEP-145, NEP-148 and their events."""

import pytest

from devnet.near.client import NEAR, ViewError, call
from tests.contracts.near.interface import Token, events, refusal
from tests.contracts.near.world import ARTIFACTS, TOKENS, World, deploy

REGISTRATION = (1 + 64 + 16 + 40) * 10**19
CODE = (ARTIFACTS / "token.wasm").read_bytes()


def test_metadata_and_supply_can_be_read(world: World) -> None:
    assert world.token.view("ft_total_supply") == str(10 * TOKENS)
    assert world.token.view("ft_metadata") == {
        "spec": "ft-1.0.0",
        "name": "Devnet Dollar",
        "symbol": "DUSD",
        "icon": None,
        "reference": None,
        "reference_hash": None,
        "decimals": 6,
    }


def test_the_owner_gets_the_whole_supply_at_initialization(world: World) -> None:
    arguments = {
        "owner_id": "bob.test.near",
        "total_supply": "5",
        "name": "N",
        "symbol": "S",
        "decimals": 0,
    }
    made = deploy(world.near, world.root, "new.test.near", CODE, call("new", arguments))
    assert events(made, "nep141") == [("ft_mint", {"owner_id": "bob.test.near", "amount": "5"})]
    token = Token(world.near, "new.test.near")
    assert token.balance("bob.test.near") == 5
    again = token.call(world.bob, "new", arguments)
    assert refusal(again) == "E_ALREADY_INITIALIZED: the contract is initialized once"


@pytest.mark.parametrize("method", ["ft_metadata", "ft_total_supply"])
def test_nothing_is_read_before_initialization(world: World, method: str) -> None:
    deploy(world.near, world.root, "new.test.near", CODE)
    with pytest.raises(ViewError, match="E_NOT_INITIALIZED: call new first"):
        world.near.view("new.test.near", method)


def test_a_transfer_moves_tokens_and_says_so(world: World) -> None:
    args = {"receiver_id": "bob.test.near", "amount": "7", "memo": "hi"}
    moved = world.token.call(world.alice, "ft_transfer", args, deposit=1)
    who = {"old_owner_id": "alice.test.near", "new_owner_id": "bob.test.near"}
    assert events(moved, "nep141") == [("ft_transfer", {**who, "amount": "7", "memo": "hi"})]
    assert world.token.balance("alice.test.near") == TOKENS - 7
    assert world.token.balance("bob.test.near") == TOKENS + 7


@pytest.mark.parametrize(
    ("receiver", "amount", "error"),
    [
        ("carol.test.near", "1", "E_NOT_REGISTERED: carol.test.near has no storage deposit"),
        ("alice.test.near", "1", "E_SAME_ACCOUNT: alice.test.near to itself"),
        ("bob.test.near", "0", "E_BAD_ARGUMENTS: amount is 0"),
        (
            "bob.test.near",
            str(TOKENS + 1),
            f"E_BALANCE: alice.test.near holds {TOKENS}, not {TOKENS + 1}",
        ),
    ],
)
def test_a_transfer_that_can_not_be_is_refused(
    world: World, receiver: str, amount: str, error: str
) -> None:
    for method in ("ft_transfer", "ft_transfer_call"):
        args = {"receiver_id": receiver, "amount": amount, "msg": ""}
        refused = world.token.call(world.alice, method, args, deposit=1)
        assert refusal(refused) == error
    assert world.token.balance("alice.test.near") == TOKENS


@pytest.mark.parametrize("method", ["ft_transfer", "ft_transfer_call"])
@pytest.mark.parametrize("deposit", [0, 2])
def test_transfers_want_one_yocto(world: World, method: str, deposit: int) -> None:
    args = {"receiver_id": "bob.test.near", "amount": "7", "msg": ""}
    before = world.near.balance("alice.test.near")
    refused = world.token.call(world.alice, method, args, deposit=deposit)
    assert refusal(refused) == f"E_DEPOSIT: attached {deposit} yocto, attach 1"
    assert world.spent(world.alice, before, refused) == 0


def test_a_transfer_call_wants_gas_for_its_resolution(world: World) -> None:
    args = {"receiver_id": "htlc.test.near", "amount": "7", "msg": ""}
    refused = world.token.call(world.alice, "ft_transfer_call", args, deposit=1, gas=29)
    assert refusal(refused) == f"E_GAS: attached {29 * 10**12} gas, attach {30 * 10**12}"


def test_tokens_sent_to_a_receiver_without_a_contract_come_back(world: World) -> None:
    sent = world.token.transfer_call(world.alice, "bob.test.near", 7, "")
    assert sent.json == "0"
    there = {"old_owner_id": "alice.test.near", "new_owner_id": "bob.test.near", "amount": "7"}
    back = {"old_owner_id": "bob.test.near", "new_owner_id": "alice.test.near", "amount": "7"}
    assert events(sent, "nep141") == [
        ("ft_transfer", there),
        ("ft_transfer", {**back, "memo": "refund"}),
    ]
    assert world.token.balance("alice.test.near") == TOKENS


def send_all_to_bob(world: World) -> str:
    """Alice's tokens are with Bob, who has no contract to keep them, but not yet taken back."""
    args = {"receiver_id": "bob.test.near", "amount": str(TOKENS), "msg": ""}
    token = world.token.account_id
    sent = world.submit_to(world.alice, token, "ft_transfer_call", args, 1)
    world.mine_until(lambda: world.token.balance("alice.test.near") == 0)
    return sent


def test_tokens_that_come_back_to_a_sender_who_left_are_burnt(world: World) -> None:
    with world.blocks_by_hand():
        sent = send_all_to_bob(world)
        world.submit_to(world.alice, world.token.account_id, "storage_unregister", {}, 1)
    outcome = world.outcome(sent, world.alice)
    burnt = {"owner_id": "bob.test.near", "amount": str(TOKENS)}
    assert events(outcome, "nep141")[-1] == ("ft_burn", burnt)
    assert world.token.balance("bob.test.near") == TOKENS
    assert world.token.view("ft_total_supply") == str(9 * TOKENS)


def test_only_what_the_receiver_still_has_comes_back(world: World) -> None:
    with world.blocks_by_hand():
        sent = send_all_to_bob(world)
        args = {"receiver_id": "htlc.test.near", "amount": str(2 * TOKENS - 5)}
        world.submit_to(world.bob, world.token.account_id, "ft_transfer", args, 1)
    assert world.outcome(sent, world.alice).json == str(TOKENS - 5)
    assert world.token.balance("alice.test.near") == 5
    assert world.token.balance("bob.test.near") == 0
    assert world.token.balance("htlc.test.near") == 2 * TOKENS - 5


def test_only_the_token_resolves_a_transfer(world: World) -> None:
    args = {"sender_id": "alice.test.near", "receiver_id": "bob.test.near", "amount": "7"}
    refused = world.token.call(world.alice, "ft_resolve_transfer", args)
    assert refusal(refused) == "E_CALLER: only the contract itself may"


def test_registration_has_one_price(world: World) -> None:
    price = str(REGISTRATION)
    assert world.token.view("storage_balance_bounds") == {"min": price, "max": price}
    carol = {"account_id": "carol.test.near"}
    assert world.token.view("storage_balance_of", carol) is None
    before = world.near.balance("carol.test.near")
    registered = world.token.call(world.carol, "storage_deposit", {}, deposit=NEAR)
    assert registered.json == {"total": price, "available": "0"}
    assert world.spent(world.carol, before, registered) == REGISTRATION
    assert world.token.view("storage_balance_of", carol) == {"total": price, "available": "0"}


def test_a_second_registration_gives_the_deposit_back(world: World) -> None:
    before = world.near.balance("carol.test.near")
    args = {"account_id": "bob.test.near", "registration_only": True}
    again = world.token.call(world.carol, "storage_deposit", args, deposit=NEAR)
    assert again.json == {"total": str(REGISTRATION), "available": "0"}
    assert world.spent(world.carol, before, again) == 0


def test_a_registration_below_its_price_is_refused(world: World) -> None:
    refused = world.token.call(world.carol, "storage_deposit", {}, deposit=REGISTRATION - 1)
    assert refusal(refused) == (
        f"E_DEPOSIT: attached {REGISTRATION - 1} yocto, attach {REGISTRATION}"
    )


def test_there_is_nothing_to_withdraw_beyond_the_registration(world: World) -> None:
    kept = {"total": str(REGISTRATION), "available": "0"}
    assert world.token.call(world.bob, "storage_withdraw", {}, deposit=1).json == kept
    refused = world.token.call(world.bob, "storage_withdraw", {"amount": "1"}, deposit=1)
    assert refusal(refused) == "E_BALANCE: 0 yocto available, not 1"
    refused = world.token.call(world.carol, "storage_withdraw", {}, deposit=1)
    assert refusal(refused) == "E_NOT_REGISTERED: carol.test.near has no storage deposit"


def test_unregistering_returns_the_price(world: World) -> None:
    world.token.register(world.root, "carol.test.near")
    before = world.near.balance("carol.test.near")
    gone = world.token.call(world.carol, "storage_unregister", {}, deposit=1)
    assert gone.json is True
    assert world.spent(world.carol, before, gone) == -REGISTRATION
    assert world.token.call(world.carol, "storage_unregister", {}, deposit=1).json is False


def test_unregistering_with_tokens_needs_force_and_burns_them(world: World) -> None:
    refused = world.token.call(world.bob, "storage_unregister", {}, deposit=1)
    assert refusal(refused) == f"E_BALANCE: bob.test.near still holds {TOKENS}; force burns it"
    gone = world.token.call(world.bob, "storage_unregister", {"force": True}, deposit=1)
    burnt = {"owner_id": "bob.test.near", "amount": str(TOKENS)}
    assert events(gone, "nep141") == [("ft_burn", burnt)]
    assert world.token.view("ft_total_supply") == str(9 * TOKENS)
