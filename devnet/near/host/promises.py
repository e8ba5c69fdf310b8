"""Promises: calls of other contracts, their results, and the actions of batches."""

from devnet.near import fees
from devnet.near.actions import (
    AccessKey,
    AddKey,
    CallPermission,
    CreateAccount,
    DeleteAccount,
    DeleteKey,
    DeployContract,
    FunctionCall,
    Stake,
    Transfer,
)
from devnet.near.crypto import key_text
from devnet.near.errors import HostError
from devnet.near.host.imports import imported
from devnet.near.host.logic import Logic


def _start(logic: Logic, name: str) -> None:
    logic.pay(fees.HOST)
    logic.forbid_in_view(name)


@imported
def promise_create(
    logic: Logic,
    account_length: int,
    account_at: int,
    method_length: int,
    method_at: int,
    args_length: int,
    args_at: int,
    amount_at: int,
    gas: int,
) -> int:
    """A call of another contract."""
    promise = promise_batch_create(logic, account_length, account_at)
    promise_batch_action_function_call(
        logic, promise, method_length, method_at, args_length, args_at, amount_at, gas
    )
    return int(promise)


@imported
def promise_then(
    logic: Logic,
    after: int,
    account_length: int,
    account_at: int,
    method_length: int,
    method_at: int,
    args_length: int,
    args_at: int,
    amount_at: int,
    gas: int,
) -> int:
    """A call that waits for a promise and sees its result."""
    promise = promise_batch_then(logic, after, account_length, account_at)
    promise_batch_action_function_call(
        logic, promise, method_length, method_at, args_length, args_at, amount_at, gas
    )
    return int(promise)


@imported
def promise_and(logic: Logic, pointer: int, count: int) -> int:
    """A promise of several: `count` promise indices of 8 bytes each."""
    _start(logic, "promise_and")
    logic.pay(fees.PROMISE_AND, count * 8)
    packed = logic.read_memory(pointer, count * 8)
    joined: list[int] = []
    for start in range(0, len(packed), 8):
        joined += logic.receipts_of(int.from_bytes(packed[start : start + 8], "little"))
        if len(joined) > fees.MAX_DEPENDENCIES:
            number, limit = len(joined), fees.MAX_DEPENDENCIES
            raise HostError(
                "NumberInputDataDependenciesExceeded",
                f"The number of input data dependencies {number} exceeds the limit {limit}",
                number_of_input_data_dependencies=number,
                limit=limit,
            )
    return logic.new_promise(tuple(joined))


@imported
def promise_batch_create(logic: Logic, length: int, pointer: int) -> int:
    """A receipt without actions yet."""
    _start(logic, "promise_batch_create")
    return logic.new_receipt(logic.account_at(length, pointer), [])


@imported
def promise_batch_then(logic: Logic, after: int, length: int, pointer: int) -> int:
    """A receipt that waits for a promise."""
    _start(logic, "promise_batch_then")
    receiver = logic.account_at(length, pointer)
    return logic.new_receipt(receiver, logic.receipts_of(after))


@imported
def promise_batch_action_create_account(logic: Logic, promise: int) -> None:
    """Append CreateAccount."""
    _start(logic, "promise_batch_action_create_account")
    logic.add_action(promise, CreateAccount())


@imported
def promise_batch_action_deploy_contract(
    logic: Logic, promise: int, length: int, pointer: int
) -> None:
    """Append DeployContract."""
    _start(logic, "promise_batch_action_deploy_contract")
    code = logic.bytes_at(length, pointer)
    if len(code) > fees.MAX_CONTRACT:
        size, limit = len(code), fees.MAX_CONTRACT
        text = f"The size of a contract code in DeployContract action {size} exceeds {limit}"
        raise HostError("ContractSizeExceeded", text, size=size, limit=limit)
    logic.add_action(promise, DeployContract(code))


@imported
def promise_batch_action_function_call(
    logic: Logic,
    promise: int,
    method_length: int,
    method_at: int,
    args_length: int,
    args_at: int,
    amount_at: int,
    gas: int,
) -> None:
    """Append FunctionCall."""
    promise_batch_action_function_call_weight(
        logic, promise, method_length, method_at, args_length, args_at, amount_at, gas, 0
    )


@imported
def promise_batch_action_function_call_weight(
    logic: Logic,
    promise: int,
    method_length: int,
    method_at: int,
    args_length: int,
    args_at: int,
    amount_at: int,
    gas: int,
    weight: int,
) -> None:
    """Append FunctionCall, with a share of the gas that the caller leaves unused."""
    _start(logic, "promise_batch_action_function_call")
    amount = logic.read_u128(amount_at)
    method = logic.bytes_at(method_length, method_at)
    if not method:
        raise HostError("EmptyMethodName", "Tried to call an empty method name.")
    args = logic.bytes_at(args_length, args_at)
    logic.single_receipt(promise)
    call = FunctionCall(_method_name(method), args, gas, amount)
    receipt = logic.add_action(promise, call)
    logic.promise_gas(gas)
    logic.take_balance(amount)
    if weight:
        receipt.weights.append((len(receipt.actions) - 1, weight))


def _method_name(name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError:
        text = "VM Logic returned an invalid method name"
        raise HostError("InvalidMethodName", text) from None


@imported
def promise_batch_action_transfer(logic: Logic, promise: int, amount_at: int) -> None:
    """Append Transfer."""
    _start(logic, "promise_batch_action_transfer")
    amount = logic.read_u128(amount_at)
    logic.add_action(promise, Transfer(amount))
    logic.take_balance(amount)


@imported
def promise_batch_action_stake(
    logic: Logic, promise: int, amount_at: int, length: int, pointer: int
) -> None:
    """Append Stake; the receipt will fail, since nobody stakes here."""
    _start(logic, "promise_batch_action_stake")
    amount = logic.read_u128(amount_at)
    logic.add_action(promise, Stake(amount, _public_key(logic, length, pointer)))


@imported
def promise_batch_action_add_key_with_full_access(
    logic: Logic, promise: int, length: int, pointer: int, nonce: int
) -> None:
    """Append AddKey with full access."""
    _start(logic, "promise_batch_action_add_key_with_full_access")
    public_key = _public_key(logic, length, pointer)
    logic.add_action(promise, AddKey(public_key, AccessKey(nonce, None)))


@imported
def promise_batch_action_add_key_with_function_call(
    logic: Logic,
    promise: int,
    key_length: int,
    key_at: int,
    nonce: int,
    allowance_at: int,
    receiver_length: int,
    receiver_at: int,
    names_length: int,
    names_at: int,
) -> None:
    """Append AddKey for calls; allowance 0 is no bound, names are joined by commas."""
    _start(logic, "promise_batch_action_add_key_with_function_call")
    public_key = _public_key(logic, key_length, key_at)
    allowance = logic.read_u128(allowance_at) or None
    receiver = logic.account_at(receiver_length, receiver_at)
    joined = logic.bytes_at(names_length, names_at)
    names = tuple(_method_name(name) for name in joined.split(b",")) if joined else ()
    if any(not name for name in names):
        raise HostError("EmptyMethodName", "Tried to call an empty method name.")
    key = AccessKey(nonce, CallPermission(allowance, receiver, names))
    logic.add_action(promise, AddKey(public_key, key))


@imported
def promise_batch_action_delete_key(logic: Logic, promise: int, length: int, pointer: int) -> None:
    """Append DeleteKey."""
    _start(logic, "promise_batch_action_delete_key")
    logic.add_action(promise, DeleteKey(_public_key(logic, length, pointer)))


@imported
def promise_batch_action_delete_account(
    logic: Logic, promise: int, length: int, pointer: int
) -> None:
    """Append DeleteAccount."""
    _start(logic, "promise_batch_action_delete_account")
    logic.add_action(promise, DeleteAccount(logic.account_at(length, pointer)))


def _public_key(logic: Logic, length: int, pointer: int) -> str:
    try:
        return key_text(logic.bytes_at(length, pointer))
    except ValueError:
        text = "VM Logic provided an invalid public key"
        raise HostError("InvalidPublicKey", text) from None


@imported
def promise_results_count(logic: Logic) -> int:
    """How many results this callback waited for."""
    _start(logic, "promise_results_count")
    return len(logic.context.promise_results)


@imported
def promise_result(logic: Logic, index: int, register: int) -> int:
    """A result into the register: 1 when it succeeded, 2 when it failed."""
    _start(logic, "promise_result")
    results = logic.context.promise_results
    if index >= len(results):
        text = f"Accessed invalid promise result index: {index}"
        raise HostError("InvalidPromiseResultIndex", text, result_idx=index)
    value = results[index]
    if value is None:
        return 2
    logic.set_register(register, value)
    return 1


@imported
def promise_return(logic: Logic, promise: int) -> None:
    """Let the call return what a promise will return."""
    _start(logic, "promise_return")
    logic.pay(fees.PROMISE_RETURN)
    receipts = logic.receipts_of(promise)
    if not isinstance(logic.promises[promise], int):
        text = "Returning joint promise is currently prohibited."
        raise HostError("CannotReturnJointPromise", text)
    logic.returned = receipts[0]
