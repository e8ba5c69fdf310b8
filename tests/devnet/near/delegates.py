"""Makes delegate actions (NEP-366) for the tests."""

from typing import Any

from nacl.signing import SigningKey
from py_near import transactions as tx

from devnet.near.client import Key, NearClient, Signer


def nonce_of(near: NearClient, signer: Signer) -> int:
    """The last nonce that the signer's key has used."""
    key = near.query("view_access_key", signer.account_id, public_key=signer.key.public_key)
    return int(key["nonce"])


def delegated(
    near: NearClient,
    signer: Signer,
    receiver_id: str,
    actions: list[Any],
    *,
    nonce: int | None = None,
    until: int = 10**6,
    signed_by: Key | None = None,
) -> Any:
    """A signed delegate action; by default with the key's next nonce and its own signature."""
    action = tx.DelegateAction(
        signer.account_id,
        receiver_id,
        actions,
        nonce_of(near, signer) + 1 if nonce is None else nonce,
        until,
        signer.key.public_bytes,
    )
    secret = SigningKey((signed_by or signer.key).secret)
    return tx.create_signed_delegate(action, secret.sign(bytes(action.get_nep461_hash())).signature)
