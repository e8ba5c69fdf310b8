"""Locks in our contracts that nobody watches: others', or such as were not agreed on."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import structlog

from chains_app.adapters.interface import BlockUnknownError, ChainAdapter, Fact, FactsPage
from chains_app.locks import Block, LockTerms
from chains_app.models import SeenLock, Watch
from chains_app.registry import signing_keys
from chains_app.signers import SignerRole
from chains_app.watching import NEVER

MOST_LOCKS: Final = 20  # of one page; each is a row, and an exchange on NEAR

log = structlog.get_logger(__name__)


def unwatched_locks(
    adapter: ChainAdapter, page: FactsPage, watches: Mapping[str, Sequence[Watch]]
) -> list[SeenLock]:
    """Those that a page shows made, to be stored with it. `watches`: of its locks, by lock id.

    No more than `MOST_LOCKS` of a page are looked at: what a stranger can make us do is bounded,
    and what is left out is left to its own timelock. Raises ChainError.
    """
    ours = {key.account for key in signing_keys(adapter.name, SignerRole.LOCK)}
    found: dict[str, SeenLock] = {}
    for fact, block in _new_facts(adapter.name, page, watches):
        if fact.lock_id in found:
            continue
        try:
            terms = adapter.lock_made(fact, block)
        except BlockUnknownError:  # its state is gone
            continue
        if terms is not None and terms.depositor in ours:  # it left us, and our records forgot it
            log.error("own_lock_unknown", chain=adapter.name, lock=fact.lock_id)
        if terms is not None:
            found[fact.lock_id] = SeenLock(
                chain=adapter.name, lock_id=fact.lock_id, hashlock=terms.hashlock,
                terms_json=terms.to_json(), height=block.height,
                is_for_us=terms.beneficiary in ours
                and terms.timelock < NEVER
                and adapter.lock_id(terms) == fact.lock_id,
            )  # fmt: skip
    return list(found.values())


def _new_facts(
    chain: str, page: FactsPage, watches: Mapping[str, Sequence[Watch]]
) -> Iterator[tuple[Fact, Block]]:
    """Facts that may be of locks that are neither watched nor stored."""
    blocks, looked_at = {block.hash: block for block in page.blocks}, 0
    maybe = [fact for fact in page.facts if fact.may_be_new and not _is_watched(fact, watches)]
    named = {fact.lock_id for fact in maybe}
    stored = SeenLock.objects.filter(chain=chain, lock_id__in=named) if named else ()
    known: dict[str, list[LockTerms]] = defaultdict(list)
    for seen in stored:
        known[seen.lock_id].append(seen.terms)
    for fact in maybe:
        block = blocks.get(fact.block_hash)
        others = known.get(fact.lock_id, [])
        if block is None or (others and fact.terms in (None, *others)):
            continue  # at the place of another's terms (EVM, after a reorganisation) it is new
        looked_at += 1
        if looked_at <= MOST_LOCKS:
            yield fact, block
    if looked_at > MOST_LOCKS:
        log.error("locks_left_out", chain=chain, count=looked_at - MOST_LOCKS)


def _is_watched(fact: Fact, watches: Mapping[str, Sequence[Watch]]) -> bool:
    """By its id, which follows from all terms; on EVM by the terms that its creation told."""
    ours = watches.get(fact.lock_id, ())
    return bool(ours) and (fact.terms is None or any(each.terms == fact.terms for each in ours))
