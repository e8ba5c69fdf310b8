"""Calls: receipts block by block, promises and callbacks, gas and refunds, and failing calls."""

from typing import Any

import pytest
from py_near import transactions as tx

from devnet.near.client import NEAR, TGAS, NearClient, Outcome, Signer, ViewError, call
from tests.devnet.near.conftest import NewAccount
from tests.devnet.near.contracts import KEEPER, contract, number_of, value_of

GAS_PRICE = 100_000_000
RECEIPT, CALL = 108_059_500_000, 2_319_861_500_000

# Calls keeper.test.near "get" and "boom", and joins the results in callbacks. Addresses: texts
# from 1024; the two promise indices of the join at 0 and 8; zero at 64; payment at 80.
_TEXT = "keeper.test.neargetunreachablecaller.test.nearjoinedreportbalance"
_GET = """(call $promise_create (i64.const 16) (i64.const 1024) (i64.const 3) (i64.const 1040)
    (i64.const 0) (i64.const 0) (i64.const 64) (i64.const 10000000000000))"""
_BOOM = """(call $promise_create (i64.const 16) (i64.const 1024) (i64.const 11) (i64.const 1043)
    (i64.const 0) (i64.const 0) (i64.const 64) (i64.const 10000000000000))"""
_BOOM_PAID = _BOOM.replace("(i64.const 64)", "(i64.const 80)")
_BALANCE = """(i64.const 16) (i64.const 1054) (i64.const 7) (i64.const 1082)
    (i64.const 0) (i64.const 0) (i64.const 64) (i64.const 20000000000000)"""
_REPORT = """(i64.const 16) (i64.const 1054) (i64.const 6) (i64.const 1076)
    (i64.const 0) (i64.const 0) (i64.const 64) (i64.const 20000000000000)"""
CALLER = contract(
    {
        "forward": f"(call $promise_return {_GET})",
        "then": f"(call $promise_return (call $promise_then {_GET} {_REPORT}))",
        "then_failed": f"(call $promise_return (call $promise_then {_BOOM} {_REPORT}))",
        "then_failed_paid": f"""(i64.store (i32.const 88) (i64.const 0x10000))
            (call $promise_return (call $promise_then {_BOOM_PAID} {_BALANCE}))""",
        "join": f"""(i64.store (i32.const 0) {_GET}) (i64.store (i32.const 8) {_BOOM})
            (call $promise_return (call $promise_then
                (call $promise_and (i64.const 0) (i64.const 2)) {_REPORT}))""",
        "report": """(i64.store8 (i32.const 0) (call $promise_results_count))
            (i64.store8 (i32.const 1) (call $promise_result (i64.const 0) (i64.const 0)))
            (if (i64.gt_u (call $promise_results_count) (i64.const 1)) (then
                (i64.store8 (i32.const 2) (call $promise_result (i64.const 1) (i64.const 1)))))
            (call $read_register (i64.const 0) (i64.const 8))
            (call $value_return (i64.const 16) (i64.const 0))""",
        "report_missing": "(drop (call $promise_result (i64.const 0) (i64.const 0)))",
        "pay": """(i64.store (i32.const 80) (i64.const 0xDECEDA1000000))
            (call $promise_batch_action_transfer
                (call $promise_batch_create (i64.const 16) (i64.const 1024)) (i64.const 80))""",
        "pay_too_much": """(i64.store (i32.const 88) (i64.const -1))
            (call $promise_batch_action_transfer
                (call $promise_batch_create (i64.const 16) (i64.const 1024)) (i64.const 80))""",
        "give_all_gas": """(call $promise_batch_action_function_call_weight
            (call $promise_batch_create (i64.const 16) (i64.const 1024)) (i64.const 3)
            (i64.const 1040) (i64.const 0) (i64.const 0) (i64.const 64) (i64.const 0)
            (i64.const 1))""",
        "who": value_of("(call $predecessor_account_id (i64.const 0))"),
        "signer": value_of("(call $signer_account_id (i64.const 0))"),
        "deposit": """(call $attached_deposit (i64.const 0))
            (call $value_return (i64.const 16) (i64.const 0))""",
        "balance": """(call $account_balance (i64.const 0))
            (call $value_return (i64.const 16) (i64.const 0))""",
        "gas": number_of("(call $prepaid_gas)"),
        "yield": """(drop (call $promise_yield_create (i64.const 3) (i64.const 1040)
            (i64.const 0) (i64.const 0) (i64.const 1) (i64.const 0) (i64.const 0)))""",
    },
    text=_TEXT,
)


@pytest.fixture
def keeper(near: NearClient, new_account: NewAccount) -> Signer:
    made = new_account("keeper", wasm=KEEPER)
    near.send(made, made.account_id, [call("set", b"7")], "FINAL")
    return made


@pytest.fixture
def caller(new_account: NewAccount, keeper: Signer) -> Signer:
    return new_account("caller", wasm=CALLER)


@pytest.fixture
def alice(new_account: NewAccount) -> Signer:
    return new_account("alice")


def _error(outcome: Outcome) -> Any:
    return outcome.failure["ActionError"]["kind"]["FunctionCallError"]


def _heights(near: NearClient, outcome: Outcome) -> list[int]:
    """The heights of the transaction and of its receipts, counted from the transaction's."""
    outcomes = [outcome.raw["transaction_outcome"], *outcome.raw["receipts_outcome"]]
    heights = [near.rpc.call("block", each["block_hash"])["header"]["height"] for each in outcomes]
    return [height - heights[0] for height in heights]


# receipts and blocks


def test_a_receipt_runs_in_the_block_after(near: NearClient, alice: Signer) -> None:
    outcome = near.send(alice, "test.near", [tx.create_transfer_action(1)], "FINAL")
    assert _heights(near, outcome) == [0, 1]


def test_a_receipt_to_oneself_runs_in_the_same_block(near: NearClient, keeper: Signer) -> None:
    outcome = near.send(keeper, keeper.account_id, [call("get")], "FINAL")
    assert _heights(near, outcome) == [0, 0, 1]  # the last is the refund of unused gas


def test_a_forwarded_result(near: NearClient, alice: Signer, caller: Signer) -> None:
    outcome = near.send(alice, caller.account_id, [call("forward")], "FINAL")
    assert outcome.value == b"7"
    called = outcome.raw["receipts_outcome"][0]["outcome"]
    assert called["status"] == {"SuccessReceiptId": called["receipt_ids"][0]}
    executors = [each["executor_id"] for each in outcome.receipts]
    assert executors == ["caller.test.near", "keeper.test.near", *["alice.test.near"] * 2]
    assert _heights(near, outcome) == [0, 1, 2, 3, 2]


def test_a_callback_gets_the_result(near: NearClient, alice: Signer, caller: Signer) -> None:
    outcome = near.send(alice, caller.account_id, [call("then")], "FINAL")
    assert outcome.value == bytes([1, 1, 0, 0, 0, 0, 0, 0]) + b"7".ljust(8, b"\0")


def test_a_callback_learns_of_a_failure(near: NearClient, alice: Signer, caller: Signer) -> None:
    outcome = near.send(alice, caller.account_id, [call("then_failed")], "FINAL")
    assert outcome.value == b""
    assert [_text(failure) for failure in outcome.failures] == [
        "WebAssembly trap: An `unreachable` opcode was executed.",
        "Accessed invalid register id: 0",
    ]


def test_a_callback_finds_the_deposit_of_a_failed_call_given_back(
    near: NearClient, alice: Signer, caller: Signer
) -> None:
    """nearcore sends the refund before the data, so that within a shard it is there first."""
    before = near.balance(caller.account_id)
    outcome = near.send(alice, caller.account_id, [call("then_failed_paid")], "FINAL")
    [failed] = [_text(failure) for failure in outcome.failures]
    assert failed == "WebAssembly trap: An `unreachable` opcode was executed."
    assert int.from_bytes(outcome.value, "little") >= before


def test_a_callback_of_two(near: NearClient, alice: Signer, caller: Signer) -> None:
    outcome = near.send(alice, caller.account_id, [call("join")], "FINAL")
    assert outcome.value == bytes([2, 1, 2, 0, 0, 0, 0, 0]) + b"7".ljust(8, b"\0")


def test_a_missing_result_is_an_error(near: NearClient, alice: Signer, caller: Signer) -> None:
    outcome = near.send(alice, caller.account_id, [call("report_missing")])
    assert _error(outcome) == {"ExecutionError": "Accessed invalid promise result index: 0"}


def _text(failure: Any) -> str:
    return str(failure["ActionError"]["kind"]["FunctionCallError"]["ExecutionError"])


# money and context


def test_who_calls_with_how_much(near: NearClient, alice: Signer, caller: Signer) -> None:
    for method, expected in (
        ("who", b"alice.test.near"),
        ("signer", b"alice.test.near"),
        ("deposit", (3).to_bytes(16, "little")),
        ("gas", (100 * TGAS).to_bytes(8, "little")),
    ):
        outcome = near.send(alice, caller.account_id, [call(method, deposit=3)])
        assert outcome.value == expected


def test_the_balance_includes_the_deposit(near: NearClient, alice: Signer, caller: Signer) -> None:
    before = near.balance(caller.account_id)
    outcome = near.send(alice, caller.account_id, [call("balance", deposit=5)])
    assert int.from_bytes(outcome.value, "little") == before + 5


def test_a_contract_pays(near: NearClient, alice: Signer, caller: Signer, keeper: Signer) -> None:
    before = near.balance(keeper.account_id)
    assert near.send(alice, caller.account_id, [call("pay")], "FINAL").failures == []
    assert near.balance(keeper.account_id) == before + 0xDECEDA1000000


def test_a_contract_pays_no_more_than_it_has(
    near: NearClient, alice: Signer, caller: Signer
) -> None:
    outcome = near.send(alice, caller.account_id, [call("pay_too_much")])
    assert _error(outcome) == {"ExecutionError": "Exceeded the account balance."}


def test_a_failed_call_returns_the_deposit_and_undoes_its_writes(
    near: NearClient, alice: Signer, keeper: Signer
) -> None:
    before = near.balance(alice.account_id), near.balance(keeper.account_id)
    outcome = near.send(
        alice, keeper.account_id, [call("set_and_panic", b"8", deposit=NEAR)], "FINAL"
    )
    assert _error(outcome) == {"ExecutionError": "Smart contract panicked: oops"}
    assert near.view(keeper.account_id, "get") == 7
    assert outcome.receipts[0]["logs"] == ["set"]
    assert outcome.logs == []
    spent = before[0] - near.balance(alice.account_id)
    assert spent == outcome.tokens_burnt
    earned = near.balance(keeper.account_id) - before[1]
    assert earned == _wasm_gas(outcome) * 3 // 10 * GAS_PRICE


# gas


def _wasm_gas(outcome: Outcome) -> int:
    """The gas of a call of keeper.test.near without its action's fees; arguments of one byte."""
    method = "set_and_panic"
    bytes_fee = 2_235_934 * (len(method) + 1)
    return int(outcome.receipts[0]["gas_burnt"]) - RECEIPT - CALL - bytes_fee


def test_a_call_burns_what_nearcores_parameters_say(
    near: NearClient, alice: Signer, keeper: Signer
) -> None:
    outcome = near.send(alice, keeper.account_id, [call("no_method_signature", b"")], "FINAL")
    sent, ran = outcome.raw["transaction_outcome"]["outcome"], outcome.receipts[0]
    size = len("no_method_signature")
    assert sent["gas_burnt"] == RECEIPT + CALL + 47_683_715 * size
    loading = 35_445_963 + 1_089_295 * len(KEEPER)
    action = RECEIPT + CALL + 2_235_934 * size
    operations = ran["gas_burnt"] - action - loading
    assert operations % 822_756 == 0
    assert 0 < operations // 822_756 <= 3
    for each in (sent, ran):
        assert int(each["tokens_burnt"]) == each["gas_burnt"] * GAS_PRICE


def test_unused_gas_is_refunded(near: NearClient, alice: Signer, keeper: Signer) -> None:
    before = near.balance(alice.account_id)
    outcome = near.send(alice, keeper.account_id, [call("get", gas=300 * TGAS)], "FINAL")
    assert before - near.balance(alice.account_id) == outcome.tokens_burnt
    refund = outcome.receipts[-1]
    assert (refund["executor_id"], refund["tokens_burnt"]) == (alice.account_id, "0")


def test_gas_left_goes_to_the_call_that_asks_for_it(
    near: NearClient, alice: Signer, caller: Signer
) -> None:
    outcome = near.send(alice, caller.account_id, [call("give_all_gas", gas=200 * TGAS)])
    status = near.rpc.call("EXPERIMENTAL_tx_status", outcome.hash, alice.account_id)
    inner = status["receipts"][1]["receipt"]["Action"]["actions"][0]["FunctionCall"]["gas"]
    fees = outcome.receipts[0]["gas_burnt"] - RECEIPT - CALL - 2_235_934 * (12 + 2)
    set_aside = RECEIPT + CALL + 2_235_934 * 3
    assert inner == 200 * TGAS - fees - set_aside


def test_too_little_gas(near: NearClient, alice: Signer, keeper: Signer) -> None:
    outcome = near.send(alice, keeper.account_id, [call("set", b"8", gas=TGAS // 100)], "FINAL")
    assert _error(outcome) == {"ExecutionError": "Exceeded the prepaid gas."}
    burnt = outcome.receipts[0]["gas_burnt"]
    assert burnt == RECEIPT + CALL + 2_235_934 * 4 + TGAS // 100
    assert near.view(keeper.account_id, "get") == 7


# calls that fail


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("loop", {"ExecutionError": "Exceeded the prepaid gas."}),
        ("loop_in_host", {"ExecutionError": "Exceeded the prepaid gas."}),
        (
            "unreachable",
            {"ExecutionError": "WebAssembly trap: An `unreachable` opcode was executed."},
        ),
        ("recurse", {"ExecutionError": "WebAssembly trap: Stack overflow."}),
        (
            "divide",
            {"ExecutionError": "WebAssembly trap: An arithmetic exception, e.g. divided by zero."},
        ),
        ("grow", {"ExecutionError": "WebAssembly trap: Memory out of bounds trap."}),
        ("read_outside", {"ExecutionError": "Accessed memory outside the bounds."}),
        ("missing", {"MethodResolveError": "MethodNotFound"}),
        ("", {"MethodResolveError": "MethodEmptyName"}),
    ],
)
def test_a_failing_method_ends_in_its_error(
    near: NearClient, alice: Signer, keeper: Signer, method: str, expected: Any
) -> None:
    before = near.balance(alice.account_id)
    outcome = near.send(
        alice, keeper.account_id, [call(method, gas=100 * TGAS, deposit=1)], "FINAL"
    )
    assert _error(outcome) == expected
    assert near.balance(alice.account_id) == before - outcome.tokens_burnt
    assert near.view(keeper.account_id, "get") == 7


def test_an_account_without_contract(near: NearClient, alice: Signer) -> None:
    outcome = near.send(alice, "test.near", [call("get")])
    missing = {"CodeDoesNotExist": {"account_id": "test.near"}}
    assert _error(outcome) == {"CompilationError": missing}


def test_an_unsupported_host_function_says_so(
    near: NearClient, alice: Signer, caller: Signer
) -> None:
    outcome = near.send(alice, caller.account_id, [call("yield")])
    text = "promise_yield_create is not supported by this development node"
    assert _error(outcome) == {"ExecutionError": text}


def test_a_view_has_no_effects(near: NearClient, caller: Signer, keeper: Signer) -> None:
    for name, method, host_function in (
        (keeper.account_id, "set", "storage_write"),
        (keeper.account_id, "remove", "storage_remove"),
        (caller.account_id, "pay", "promise_batch_create"),
        (caller.account_id, "who", "predecessor_account_id"),
        (caller.account_id, "signer", "signer_account_id"),
    ):
        with pytest.raises(ViewError) as refused:
            near.view(name, method)
        assert str(refused.value) == (
            "wasm execution failed with error: "
            f'HostError(ProhibitedInView {{ method_name: "{host_function}" }})'
        )


@pytest.mark.parametrize(
    ("method", "debug"),
    [
        ("set_and_panic", 'HostError(ProhibitedInView { method_name: "storage_write" })'),
        ("loop", "HostError(GasExceeded)"),
        ("unreachable", "WasmTrap(Unreachable)"),
        ("missing", "MethodResolveError(MethodNotFound)"),
    ],
)
def test_a_failing_view_answers_with_its_error(
    near: NearClient, keeper: Signer, method: str, debug: str
) -> None:
    with pytest.raises(ViewError) as refused:
        near.view(keeper.account_id, method)
    assert str(refused.value) == f"wasm execution failed with error: {debug}"


def test_two_actions_of_a_receipt_see_each_other(near: NearClient, keeper: Signer) -> None:
    actions = [call("set", b"9"), call("get")]
    assert near.send(keeper, keeper.account_id, actions).value == b"9"
