"""What only a node can tell before a write is signed; of several, none alone keeps us from it.

One that tells too low a balance, fees above what we pay, or (NEAR) a block that is none, would
else hold back what is our duty once the secret is out (rule 4).
"""

from collections.abc import Sequence

from chains_app.adapters.interface import (
    BlockUnknownError,
    ChainAdapter,
    ChainError,
    ChainUnavailableError,
    Prepared,
    SigningKey,
)
from chains_app.locks import Call, LockTerms
from chains_app.models import ChainBlock
from chains_app.registry import get_adapter, get_chain


def prepare(chain: str, call: Call | None, terms: LockTerms | None, key: SigningKey) -> Prepared:
    """As the first node tells by whom the key can pay, and whose block is not unknown to all
    others. Where there is none, as the first tells who answers. `call` None: a transfer to self.

    Raises ChainError; no transaction may be open.
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
        if prepared.balance >= prepared.cost_cap:
            return prepared
        poor.append(prepared)
    if poor:
        return poor[0]
    raise error or ChainUnavailableError(f"{chain}: no two nodes have the same block: ask again")


def _ask(
    view: ChainAdapter, call: Call | None, terms: LockTerms | None, key: SigningKey
) -> Prepared:
    if call is None or terms is None:
        return view.prepare_transfer_to_self(key)
    return view.prepare(call, terms, key)


def _is_refuted(prepared: Prepared, view: ChainAdapter, others: Sequence[ChainAdapter]) -> bool:
    """Whether of all others who answer none has the block that it names, and the poller has not
    read it. Bytes with such a one are taken by nobody, and would be waited for until they expire,
    at a height that its inventor chose.
    """
    if (named := view.named_block(prepared)) is None:
        return False
    height, hash_ = named
    told = [_has(other, height, hash_) for other in others]
    if True in told or False not in told:
        return False
    read = ChainBlock.objects.filter(chain=view.name, height=height, hash=hash_)
    return not read.exists()


def _has(view: ChainAdapter, height: int, hash_: str) -> bool | None:
    """None of a node that does not answer."""
    try:
        return view.block(hash_).height == height
    except BlockUnknownError:
        return False
    except ChainError:
        return None
