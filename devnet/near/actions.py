"""The actions of transactions and receipts, their fees, and the rules that they must keep."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from devnet.near import account_id, fees
from devnet.near.crypto import key_bytes, signature_fits
from devnet.near.errors import ActionsInvalidError
from devnet.near.fees import Fee


class CallPermission(NamedTuple):
    """What a function-call key may do; `allowance` is yocto left for gas, None without bound."""

    allowance: int | None
    receiver_id: str
    method_names: tuple[str, ...]


class AccessKey(NamedTuple):
    """An access key; `permission` None is full access."""

    nonce: int
    permission: CallPermission | None

    def storage_bytes(self) -> int:
        """The length of its borsh form."""
        if self.permission is None:
            return 9
        allowance = 1 if self.permission.allowance is None else 17
        names = sum(4 + len(name.encode()) for name in self.permission.method_names)
        return 9 + allowance + 4 + len(self.permission.receiver_id) + 4 + names


class CreateAccount(NamedTuple):
    """Make the receiver's account."""


class DeployContract(NamedTuple):
    """Set the receiver's contract."""

    code: bytes


class FunctionCall(NamedTuple):
    """Call the receiver's contract with `gas` attached and `deposit` yocto."""

    method_name: str
    args: bytes
    gas: int
    deposit: int


class Transfer(NamedTuple):
    """Give the receiver `deposit` yocto."""

    deposit: int


class Stake(NamedTuple):
    """Become a validator; parsed, but always refused when it runs."""

    stake: int
    public_key: str


class AddKey(NamedTuple):
    """Add an access key to the receiver."""

    public_key: str
    access_key: AccessKey


class DeleteKey(NamedTuple):
    """Remove an access key of the receiver."""

    public_key: str


class DeleteAccount(NamedTuple):
    """Remove the receiver, its balance to the beneficiary."""

    beneficiary_id: str


PlainAction = (
    CreateAccount
    | DeployContract
    | FunctionCall
    | Transfer
    | Stake
    | AddKey
    | DeleteKey
    | DeleteAccount
)


class Delegate(NamedTuple):
    """NEP-366: actions that `sender_id` signed and somebody else pays for and sends.

    The receiver of the receipt must be `sender_id`; `digest` is what the signature is of.
    """

    sender_id: str
    receiver_id: str
    actions: tuple[PlainAction, ...]
    nonce: int
    max_block_height: int
    public_key: str
    digest: bytes
    signature: str
    signature_bytes: bytes

    def signature_is_valid(self) -> bool:
        """Whether the key that the delegate action names has signed it."""
        return signature_fits(self.public_key, self.digest, self.signature_bytes)


Action = PlainAction | Delegate


def fee_of(action: Action, receiver_id: str) -> Fee:
    """The gas that sending and running one action costs, its bytes included."""
    if isinstance(action, Delegate):
        return _delegate_fee(action)
    return _plain_fee(action, receiver_id)


def _plain_fee(action: PlainAction, receiver_id: str) -> Fee:
    match action:
        case CreateAccount():
            return fees.CREATE_ACCOUNT
        case DeployContract(code):
            return fees.DEPLOY.plus(fees.DEPLOY_BYTE.times(len(code)))
        case FunctionCall(name, args):
            size = len(name.encode()) + len(args)
            return fees.FUNCTION_CALL.plus(fees.FUNCTION_CALL_BYTE.times(size))
        case Transfer():
            return _transfer_fee(receiver_id)
        case Stake():
            return fees.STAKE
        case AddKey(_, AccessKey(_, permission)):
            return _add_key_fee(permission)
        case DeleteKey():
            return fees.DELETE_KEY
        case DeleteAccount():
            return fees.DELETE_ACCOUNT


def _delegate_fee(delegate: Delegate) -> Fee:
    """The relayer pays for the receipt that follows: sending it is part of running this one."""
    follows = total_fee(delegate.actions, delegate.receiver_id)
    sent = follows.send - fees.RECEIPT.send
    return fees.DELEGATE.plus(Fee(sent, sent + follows.execution))


def _transfer_fee(receiver_id: str) -> Fee:
    """A transfer to an implicit account pays for making it, be it there already or not."""
    if account_id.is_near_implicit(receiver_id):
        return fees.TRANSFER.plus(fees.CREATE_ACCOUNT).plus(fees.ADD_FULL_KEY)
    if account_id.is_eth_implicit(receiver_id):
        return fees.TRANSFER.plus(fees.CREATE_ACCOUNT)
    return fees.TRANSFER


def _add_key_fee(permission: CallPermission | None) -> Fee:
    if permission is None:
        return fees.ADD_FULL_KEY
    size = sum(len(name.encode()) + 1 for name in permission.method_names)
    return fees.ADD_CALL_KEY.plus(fees.ADD_CALL_KEY_BYTE.times(size))


def total_fee(actions: Sequence[Action], receiver_id: str) -> Fee:
    """The fee of a receipt with these actions."""
    total = fees.RECEIPT
    for action in actions:
        total = total.plus(fee_of(action, receiver_id))
    return total


def total_deposit(actions: Sequence[Action]) -> int:
    """The yocto that leave the sender with the actions, those of a delegate's included."""
    return sum(
        action.deposit for action in _plain(actions) if isinstance(action, FunctionCall | Transfer)
    )


def total_prepaid_gas(actions: Sequence[Action]) -> int:
    """The gas attached to the function calls, those of a delegate's included."""
    return sum(action.gas for action in _plain(actions) if isinstance(action, FunctionCall))


def _plain(actions: Sequence[Action]) -> Iterator[PlainAction]:
    for action in actions:
        if isinstance(action, Delegate):
            yield from action.actions
        else:
            yield action


def validate(actions: Sequence[Action]) -> None:
    """Raise ActionsInvalidError for the first rule of nearcore's that is broken."""
    if len(actions) > fees.MAX_ACTIONS:
        raise ActionsInvalidError(
            {
                "TotalNumberOfActionsExceeded": {
                    "total_number_of_actions": len(actions),
                    "limit": fees.MAX_ACTIONS,
                }
            }
        )
    delegates = 0
    for index, action in enumerate(actions):
        if isinstance(action, DeleteAccount) and index < len(actions) - 1:
            raise ActionsInvalidError("DeleteActionMustBeFinal")
        delegates += isinstance(action, Delegate)
        if delegates > 1:
            raise ActionsInvalidError("DelegateActionMustBeOnlyOne")
        _validate_one(action)
    prepaid = total_prepaid_gas(actions)
    if prepaid >= 2**64:
        raise ActionsInvalidError("IntegerOverflow")
    if prepaid > fees.MAX_GAS:
        raise ActionsInvalidError(
            {"TotalPrepaidGasExceeded": {"total_prepaid_gas": prepaid, "limit": fees.MAX_GAS}}
        )


def _validate_one(action: Action) -> None:
    match action:
        case DeployContract(code) if len(code) > fees.MAX_CONTRACT:
            raise ActionsInvalidError(
                {"ContractSizeExceeded": {"size": len(code), "limit": fees.MAX_CONTRACT}}
            )
        case FunctionCall():
            _validate_call(action)
        case Delegate():
            validate(action.actions)
        case AddKey(_, AccessKey(_, CallPermission() as permission)):
            _validate_permission(permission)
        case Stake(_, public_key) if key_bytes(public_key)[0] != 0:
            raise ActionsInvalidError({"UnsuitableStakingKey": {"public_key": public_key}})


def _validate_call(call: FunctionCall) -> None:
    if call.gas == 0:
        raise ActionsInvalidError("FunctionCallZeroAttachedGas")
    name, args = len(call.method_name.encode()), len(call.args)
    if name > fees.MAX_METHOD_NAME:
        kind = "FunctionCallMethodNameLengthExceeded"
        raise ActionsInvalidError({kind: {"length": name, "limit": fees.MAX_METHOD_NAME}})
    if args > fees.MAX_ARGUMENTS:
        kind = "FunctionCallArgumentsLengthExceeded"
        raise ActionsInvalidError({kind: {"length": args, "limit": fees.MAX_ARGUMENTS}})


def _validate_permission(permission: CallPermission) -> None:
    if not account_id.is_valid(permission.receiver_id):
        raise ActionsInvalidError({"InvalidAccountId": {"account_id": permission.receiver_id}})
    lengths = [len(name.encode()) for name in permission.method_names]
    for length in lengths:
        if length > fees.MAX_METHOD_NAME:
            kind = "AddKeyMethodNameLengthExceeded"
            raise ActionsInvalidError({kind: {"length": length, "limit": fees.MAX_METHOD_NAME}})
    total = sum(lengths) + len(lengths)  # nearcore counts a terminator for each name
    if total > fees.MAX_KEY_METHODS_BYTES:
        limit = fees.MAX_KEY_METHODS_BYTES
        kind = "AddKeyMethodNamesNumberOfBytesExceeded"
        raise ActionsInvalidError({kind: {"total_number_of_bytes": total, "limit": limit}})
