"""Whether a delegate action (NEP-366) may be carried out.

Order and errors are those of nearcore's `runtime/runtime/src/actions.rs`.
"""

from devnet.near import fees
from devnet.near.actions import AccessKey, Delegate
from devnet.near.errors import ActionError, InvalidAccessKeyError
from devnet.near.state import Working
from devnet.near.verifier import check_permission


def check_delegate(delegate: Delegate, receiver_id: str, working: Working, height: int) -> None:
    """Use up the delegate's nonce on its access key; raises ActionError when it is not valid.

    `receiver_id` is the account that runs the receipt: only its own delegate actions may run there.
    """
    if not delegate.signature_is_valid():
        raise ActionError("DelegateActionInvalidSignature")
    if height > delegate.max_block_height:
        raise ActionError("DelegateActionExpired")
    if delegate.sender_id != receiver_id:
        names = {"sender_id": delegate.sender_id, "receiver_id": receiver_id}
        raise ActionError({"DelegateActionSenderDoesNotMatchTxReceiver": names})
    key = _checked_key(delegate, working, height)
    used = key._replace(nonce=delegate.nonce)
    working.put_access_key(delegate.sender_id, delegate.public_key, used)


def _checked_key(delegate: Delegate, working: Working, height: int) -> AccessKey:
    key = working.access_key(delegate.sender_id, delegate.public_key)
    if key is None:
        names = {"account_id": delegate.sender_id, "public_key": delegate.public_key}
        raise ActionError({"DelegateActionAccessKeyError": {"AccessKeyNotFound": names}})
    if delegate.nonce <= key.nonce:
        nonces = {"delegate_nonce": delegate.nonce, "ak_nonce": key.nonce}
        raise ActionError({"DelegateActionInvalidNonce": nonces})
    bound = height * fees.NONCE_RANGE
    if delegate.nonce >= bound:
        nonces = {"delegate_nonce": delegate.nonce, "upper_bound": bound}
        raise ActionError({"DelegateActionNonceTooLarge": nonces})
    if key.permission is not None:
        try:
            check_permission(delegate.actions, delegate.receiver_id, key.permission)
        except InvalidAccessKeyError as error:
            raise ActionError({"DelegateActionAccessKeyError": error.reason}) from None
    return key
