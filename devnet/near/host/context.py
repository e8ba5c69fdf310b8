"""Registers, and what a contract may know about its call, its account and the chain."""

from devnet.near import fees
from devnet.near.crypto import key_bytes
from devnet.near.host.imports import imported, imported_narrow
from devnet.near.host.logic import U64_MAX, Logic


@imported
def read_register(logic: Logic, register: int, pointer: int) -> None:
    """Copy a register into memory."""
    logic.pay(fees.HOST)
    logic.write_memory(pointer, logic.register(register))


@imported
def register_len(logic: Logic, register: int) -> int:
    """The length of a register, 2^64-1 when it is not set."""
    logic.pay(fees.HOST)
    data = logic.registers.get(register)
    return U64_MAX if data is None else len(data)


@imported
def write_register(logic: Logic, register: int, length: int, pointer: int) -> None:
    """Copy memory into a register."""
    logic.pay(fees.HOST)
    logic.set_register(register, logic.read_memory(pointer, length))


@imported
def current_account_id(logic: Logic, register: int) -> None:
    """The contract's own account."""
    logic.pay(fees.HOST)
    logic.set_register(register, logic.context.current_account_id.encode())


@imported
def signer_account_id(logic: Logic, register: int) -> None:
    """The account that signed the transaction."""
    logic.pay(fees.HOST)
    logic.forbid_in_view("signer_account_id")
    logic.set_register(register, logic.context.signer_account_id.encode())


@imported
def signer_account_pk(logic: Logic, register: int) -> None:
    """The public key that signed the transaction, in borsh."""
    logic.pay(fees.HOST)
    logic.forbid_in_view("signer_account_pk")
    logic.set_register(register, key_bytes(logic.context.signer_public_key))


@imported
def predecessor_account_id(logic: Logic, register: int) -> None:
    """The account that sent the receipt."""
    logic.pay(fees.HOST)
    logic.forbid_in_view("predecessor_account_id")
    logic.set_register(register, logic.context.predecessor_account_id.encode())


@imported
def refund_to_account_id(logic: Logic, register: int) -> None:
    """The account that gets the deposit back if the receipt fails."""
    logic.pay(fees.HOST)
    logic.forbid_in_view("refund_to_account_id")
    logic.set_register(register, logic.context.predecessor_account_id.encode())


@imported
def input(logic: Logic, register: int) -> None:
    """The arguments of the call."""
    logic.pay(fees.HOST)
    logic.set_register(register, logic.context.input)


@imported
def block_index(logic: Logic) -> int:
    """The height of the block."""
    logic.pay(fees.HOST)
    return logic.context.block_height


@imported
def block_timestamp(logic: Logic) -> int:
    """The time of the block in nanoseconds."""
    logic.pay(fees.HOST)
    return logic.context.block_timestamp


@imported
def epoch_height(logic: Logic) -> int:
    """The number of the epoch."""
    logic.pay(fees.HOST)
    return logic.context.epoch_height


@imported
def storage_usage(logic: Logic) -> int:
    """The bytes that the contract's account occupies at this point of the call."""
    logic.pay(fees.HOST)
    return logic.storage_usage


@imported
def account_balance(logic: Logic, pointer: int) -> None:
    """The contract's balance, the attached deposit included."""
    logic.pay(fees.HOST)
    logic.write_u128(pointer, logic.balance)


@imported
def account_locked_balance(logic: Logic, pointer: int) -> None:
    """The staked balance: nobody stakes here."""
    logic.pay(fees.HOST)
    logic.write_u128(pointer, 0)


@imported
def attached_deposit(logic: Logic, pointer: int) -> None:
    """The yocto attached to the call."""
    logic.pay(fees.HOST)
    logic.write_u128(pointer, logic.context.attached_deposit)


@imported
def prepaid_gas(logic: Logic) -> int:
    """The gas attached to the call."""
    logic.pay(fees.HOST)
    logic.forbid_in_view("prepaid_gas")
    return logic.context.prepaid_gas


@imported
def used_gas(logic: Logic) -> int:
    """The gas that the call has used so far."""
    logic.pay(fees.HOST)
    logic.forbid_in_view("used_gas")
    return logic.used_gas()


@imported
def random_seed(logic: Logic, register: int) -> None:
    """32 bytes that follow from the block and the call."""
    logic.pay(fees.HOST)
    logic.set_register(register, logic.context.random_seed)


@imported
def validator_stake(logic: Logic, length: int, pointer: int, stake_pointer: int) -> None:
    """The stake of an account: nobody stakes here."""
    logic.pay(fees.HOST)
    logic.account_at(length, pointer)
    logic.pay(fees.VALIDATOR_STAKE)
    logic.write_u128(stake_pointer, 0)


@imported
def validator_total_stake(logic: Logic, stake_pointer: int) -> None:
    """The stake of all validators."""
    logic.pay(fees.HOST)
    logic.pay(fees.VALIDATOR_STAKE)
    logic.write_u128(stake_pointer, 0)


@imported_narrow
def gas(logic: Logic, operations: int) -> None:
    """Gas for wasm operations, as contracts instrumented by old tools charge it themselves."""
    logic.burn(operations * fees.WASM_OP)
