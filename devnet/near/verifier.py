"""Which transactions the chain accepts.

Order and errors are those of nearcore's `chain/client` and `runtime/runtime/src/verifier.rs`.
"""

from collections.abc import Sequence

from devnet.near import actions, fees
from devnet.near.actions import AccessKey, Action, CallPermission, FunctionCall
from devnet.near.errors import InvalidAccessKeyError, InvalidTxError
from devnet.near.state import Account, Reader
from devnet.near.transaction import Cost, SignedTransaction, cost_of

U128_MAX = 2**128 - 1


def check_form(transaction: SignedTransaction) -> None:
    """What can be told without the state: size, signature, actions, cost. Raises InvalidTxError."""
    if transaction.size > fees.MAX_TRANSACTION:
        sizes = {"size": transaction.size, "limit": fees.MAX_TRANSACTION}
        raise InvalidTxError({"TransactionSizeExceeded": sizes})
    if not transaction.signature_is_valid():
        raise InvalidTxError("InvalidSignature")
    actions.validate(transaction.actions)
    if cost_of(transaction.actions, transaction.receiver_id).total > U128_MAX:
        raise InvalidTxError("CostOverflow")


def charge(
    transaction: SignedTransaction, state: Reader, height: int, gas_price: int
) -> tuple[Account, AccessKey, Cost]:
    """The signer and its key after paying for the transaction in a block at `height` with
    that price of gas.

    Raises InvalidTxError when the state does not allow the transaction.
    """
    signer_id, public_key = transaction.signer_id, transaction.public_key
    signer = state.account(signer_id)
    if signer is None:
        raise InvalidTxError({"SignerDoesNotExist": {"signer_id": signer_id}})
    key = state.access_key(signer_id, public_key)
    if key is None:
        missing = {"account_id": signer_id, "public_key": public_key}
        raise InvalidAccessKeyError({"AccessKeyNotFound": missing})
    _check_nonce(transaction.nonce, key.nonce, height)
    cost = cost_of(transaction.actions, transaction.receiver_id)._replace(gas_price=gas_price)
    if cost.total > signer.amount:
        amounts = {"balance": str(signer.amount), "cost": str(cost.total)}
        raise InvalidTxError({"NotEnoughBalance": {"signer_id": signer_id, **amounts}})
    charged = signer._replace(amount=signer.amount - cost.total)
    permission = _charge_allowance(transaction, key.permission, cost)
    lacking = charged.missing_for_storage()
    if lacking:
        kind = {"signer_id": signer_id, "amount": str(lacking)}
        raise InvalidTxError({"LackBalanceForState": kind})
    if permission is not None:
        check_permission(transaction.actions, transaction.receiver_id, permission)
    return charged, AccessKey(transaction.nonce, permission), cost


def _check_nonce(nonce: int, key_nonce: int, height: int) -> None:
    if nonce <= key_nonce:
        raise InvalidTxError({"InvalidNonce": {"tx_nonce": nonce, "ak_nonce": key_nonce}})
    bound = height * fees.NONCE_RANGE
    if nonce >= bound:
        raise InvalidTxError({"NonceTooLarge": {"tx_nonce": nonce, "upper_bound": bound}})


def _charge_allowance(
    transaction: SignedTransaction, permission: CallPermission | None, cost: Cost
) -> CallPermission | None:
    if permission is None or permission.allowance is None:
        return permission
    if permission.allowance < cost.gas_yocto:
        raise InvalidAccessKeyError(
            {
                "NotEnoughAllowance": {
                    "account_id": transaction.signer_id,
                    "public_key": transaction.public_key,
                    "allowance": str(permission.allowance),
                    "cost": str(cost.gas_yocto),
                }
            }
        )
    return permission._replace(allowance=permission.allowance - cost.gas_yocto)


def check_permission(sent: Sequence[Action], receiver_id: str, permission: CallPermission) -> None:
    """Raise InvalidAccessKeyError when a function-call key may not sign these actions."""
    match sent:
        case (FunctionCall(method_name, _, _, deposit),):
            pass
        case _:
            raise InvalidAccessKeyError("RequiresFullAccess")
    if deposit:
        raise InvalidAccessKeyError("DepositWithFunctionCall")
    if receiver_id != permission.receiver_id:
        names = {"tx_receiver": receiver_id, "ak_receiver": permission.receiver_id}
        raise InvalidAccessKeyError({"ReceiverMismatch": names})
    if permission.method_names and method_name not in permission.method_names:
        raise InvalidAccessKeyError({"MethodNameMismatch": {"method_name": method_name}})
