"""Arguments are taken strictly, and ids follow from all of them."""

from typing import Any

import pytest

from devnet.near.client import ViewError
from tests.contracts.near.interface import Lock, refusal
from tests.contracts.near.world import World

LOCK = Lock("alice.test.near", "bob.test.near", None, 5, lock_by=10, timelock=20)


def rejection(world: World, arguments: Any) -> str:
    with pytest.raises(ViewError) as raised:
        world.htlc.view("lock_id", arguments)
    return str(raised.value)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"token": "token.test.near"},
        {"token": "t" * 64},
        {"amount": 2**128 - 1},
        {"hashlock": "ff" * 32},
        {"lock_by": 0},
        {"timelock": 2**64 - 1},
        {"depositor": "00" * 32, "beneficiary": "a-b_c.d"},
    ],
)
def test_an_id_is_the_hash_of_all_parameters(world: World, change: dict[str, Any]) -> None:
    lock = LOCK.but(**change)
    assert world.htlc.view("lock_id", lock.arguments()) == lock.id()


def test_an_id_binds_chain_and_contract() -> None:
    ids = {LOCK.id(), LOCK.id(contract="other.test.near"), LOCK.id(chain_id="near:mainnet")}
    assert len(ids) == 3


@pytest.mark.parametrize("field", sorted(LOCK.arguments()))
def test_every_parameter_has_to_be_named(world: World, field: str) -> None:
    arguments = LOCK.arguments()
    del arguments[field]
    assert f"E_BAD_ARGUMENTS: missing field `{field}`" in rejection(world, arguments)


def test_an_unknown_field_is_refused(world: World) -> None:
    arguments = LOCK.arguments() | {"time_lock": "5"}
    assert "E_BAD_ARGUMENTS: unknown field `time_lock`" in rejection(world, arguments)


def test_a_field_named_twice_is_refused(world: World) -> None:
    twice = b'{"id":"' + b"0" * 64 + b'","id":"' + b"1" * 64 + b'"}'
    with pytest.raises(ViewError, match="E_BAD_ARGUMENTS: duplicate field `id`"):
        world.htlc.view("get_lock", twice)


@pytest.mark.parametrize("arguments", [b"", b" ", b"null", b'"x"', b"7", b"\xff", b'["a"]'])
def test_arguments_are_one_json_object(world: World, arguments: bytes) -> None:
    assert "E_BAD_ARGUMENTS: expected a JSON object" in rejection(world, arguments)


@pytest.mark.parametrize("arguments", [b"{", b"{}x", b'{"depositor":"\xff"}', b"{" * 5000])
def test_broken_json_is_refused(world: World, arguments: bytes) -> None:
    assert "E_BAD_ARGUMENTS: " in rejection(world, arguments)


@pytest.mark.parametrize("field", ["depositor", "beneficiary", "token"])
@pytest.mark.parametrize(
    "account",
    [
        "",
        "a",
        "a" * 65,
        "Alice.near",
        "al ice",
        ".near",
        "near.",
        "a..b",
        "a-.b",
        "a__b",
        "-a",
        "a_",
        "a@b",
        "älice.near",
        "bob\n",
        "\u0430lice.near",
    ],
)
def test_an_invalid_account_id_is_refused(world: World, field: str, account: str) -> None:
    assert "is not a NEAR account id" in rejection(world, LOCK.arguments() | {field: account})


@pytest.mark.parametrize("field", ["amount", "lock_by", "timelock"])
@pytest.mark.parametrize(
    "number", ["", "-1", "+1", "01", "1.0", "1e3", " 1", "1 ", "0x1", "٣", str(2**128), 7, None]
)
def test_numbers_are_canonical_decimal_strings(world: World, field: str, number: Any) -> None:
    assert "E_BAD_ARGUMENTS: " in rejection(world, LOCK.arguments() | {field: number})


@pytest.mark.parametrize("field", ["lock_by", "timelock"])
def test_times_fit_64_bits(world: World, field: str) -> None:
    arguments = LOCK.arguments() | {field: str(2**64)}
    assert "is not a decimal number in range" in rejection(world, arguments)


@pytest.mark.parametrize("hashlock", ["", "ab" * 31, "ab" * 33, "AB" * 32, "0x" + "ab" * 31, None])
def test_a_hashlock_is_64_lower_case_digits(world: World, hashlock: str | None) -> None:
    arguments = LOCK.arguments() | {"hashlock": hashlock}
    assert "E_BAD_ARGUMENTS: " in rejection(world, arguments)


def test_a_lock_of_nothing_is_refused(world: World) -> None:
    assert "E_BAD_ARGUMENTS: amount is 0" in refusal(
        world.htlc.lock(world.alice, world.native_lock(amount=0))
    )


def test_a_timelock_before_lock_by_is_refused(world: World) -> None:
    lock = world.native_lock()
    wrong = lock.but(timelock=lock.lock_by - 1)
    assert refusal(world.htlc.lock(world.alice, wrong)) == (
        f"E_BAD_ARGUMENTS: lock_by {wrong.lock_by} is after timelock {wrong.timelock}"
    )


@pytest.mark.parametrize("field", ["depositor", "beneficiary", "token"])
def test_the_contract_is_no_party_of_its_own_locks(world: World, field: str) -> None:
    lock = world.token_lock(**{field: "htlc.test.near"})
    assert refusal(world.htlc.prepare(world.carol, lock)) == (
        "E_BAD_ARGUMENTS: htlc.test.near can be no party of its own lock"
    )


def test_a_lock_that_was_never_made_reads_null(world: World) -> None:
    assert world.htlc.get(LOCK) is None
