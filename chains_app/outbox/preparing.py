"""What only a node can tell before a write is signed; of several, none alone keeps us from it.

One that tells too low a balance, fees above what we pay, or (NEAR) a block that is none, would
else hold back what is our duty once the secret is out (rule 4).
"""

from collections.abc import Sequence
from typing import Final

from chains_app.adapters.agreed import ENOUGH
from chains_app.adapters.interface import (
    BlockUnknownError,
    ChainAdapter,
    ChainError,
    NodesDisagreeError,
    Prepared,
    SigningKey,
)
from chains_app.locks import Call, LockTerms
from chains_app.models import ChainBlock
from chains_app.outbox.decision import costs_a_fee
from chains_app.registry import get_adapter, get_chain

RECENT: Final = 1_000  # blocks; bytes that name an older one have less time than they are given


def prepare(chain: str, call: Call | None, terms: LockTerms | None, key: SigningKey) -> Prepared:
    """What the first node answers that names a block of the chain, and shows the key able to pay
    for a duty. Where none shows that, the first answer: whoever signs sees what is missing. Of what
    moves our money the first is believed: a lock that can't be paid would hold up its key.

    `call` None: a transfer to self. Raises ChainError; no transaction may be open.
    """
    adapter = get_adapter(chain)
    if get_chain(chain).nodes == 1:
        return _ask(adapter, call, terms, key)
    views, poor, error = adapter.views(), list[Prepared](), None
    for view in views:
        try:
            prepared = _ask(view, call, terms, key)
        except ChainError as failed:
            error = error or failed
            continue
        if _is_refuted(prepared, view, [other for other in views if other is not view]):
            continue
        if prepared.balance >= prepared.cost_cap or not costs_a_fee(call):
            return prepared
        poor.append(prepared)
    if poor:
        return poor[0]
    raise error or NodesDisagreeError(f"{chain}: no two nodes name the same block: ask again")


def _ask(
    view: ChainAdapter, call: Call | None, terms: LockTerms | None, key: SigningKey
) -> Prepared:
    if call is None or terms is None:
        return view.prepare_transfer_to_self(key)
    return view.prepare(call, terms, key)


def _is_refuted(prepared: Prepared, view: ChainAdapter, others: Sequence[ChainAdapter]) -> bool:
    """Whether the block that it names is no other node's, nor read by the poller (who keeps none
    that is old): what that read of the first node counts as long as no two others deny it. Bytes
    with an invented block are taken by nobody, and would be waited for until a height that its
    inventor chose.
    """
    if (named := view.named_block(prepared)) is None:
        return False
    height, hash_ = named
    denied = 0
    for other in others:
        has_it = _has(other, height, hash_)
        if has_it:
            return False
        denied += has_it is False
    read = ChainBlock.objects.filter(chain=view.name, height=height, hash=hash_)
    return denied >= ENOUGH or not read.exists()


def _has(view: ChainAdapter, height: int, hash_: str) -> bool | None:
    """As one that is recent by its own head; None of a node that does not answer. Asked for by its
    height: orphans are known by their hash.
    """
    try:
        is_recent = height >= view.head().height - RECENT
        return is_recent and view.block(height).hash == hash_
    except BlockUnknownError:
        return False
    except ChainError:
        return None
