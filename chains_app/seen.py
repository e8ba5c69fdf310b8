"""Locks in our contracts that nobody watches: others', or such as were not agreed on."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
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
) -> tuple[list[SeenLock], bool]:
    """Those that a page shows made, to be stored with it, and whether any was left out. `watches`:
    of its locks, by lock id.

    No more than `MOST_LOCKS` of a page are looked at, beside such as the page itself tells to be
    ours: what a stranger can make us do is bounded. Raises ChainError.
    """
    ours = {key.account for key in signing_keys(adapter.name, SignerRole.LOCK)}
    facts = _new_facts(adapter.name, page, watches)
    chosen = _chosen(facts, ours)
    if left_out := len(chosen) < len(facts):
        log.error("locks_left_out", chain=adapter.name, count=len(facts) - len(chosen))
    found: dict[str, SeenLock] = {}
    for fact, block in chosen:
        if fact.lock_id in found:
            continue
        try:
            terms = adapter.lock_made(fact, block)
        except BlockUnknownError:  # its state is gone
            left_out = True
            continue
        if terms is not None:
            found[fact.lock_id] = _seen(adapter, fact, block, terms, ours)
    return list(found.values()), left_out


def _chosen(facts: Sequence[tuple[Fact, Block]], ours: Collection[str]) -> list[tuple[Fact, Block]]:
    told = [each for each in facts if each[0].terms and each[0].terms.depositor in ours]
    return told + [each for each in facts if each not in told][:MOST_LOCKS]


def _seen(
    adapter: ChainAdapter, fact: Fact, block: Block, terms: LockTerms, ours: Collection[str]
) -> SeenLock:
    if terms.depositor in ours:  # it left us, and our records have forgotten it
        log.error("own_lock_unknown", chain=adapter.name, lock=fact.lock_id)
    is_told = terms.timelock < NEVER and adapter.lock_id(terms) == fact.lock_id
    return SeenLock(
        chain=adapter.name, lock_id=fact.lock_id, hashlock=terms.hashlock,
        terms_json=terms.to_json(), height=block.height,
        is_for_us=terms.beneficiary in ours and is_told,
    )  # fmt: skip


def _new_facts(
    chain: str, page: FactsPage, watches: Mapping[str, Sequence[Watch]]
) -> list[tuple[Fact, Block]]:
    """Facts that may be of locks that are neither watched nor stored."""
    blocks = {block.hash: block for block in page.blocks}
    maybe = [fact for fact in page.facts if fact.may_be_new and not _is_watched(fact, watches)]
    named = {fact.lock_id for fact in maybe}
    stored = SeenLock.objects.filter(chain=chain, lock_id__in=named) if named else ()
    known: dict[str, list[LockTerms]] = defaultdict(list)
    for seen in stored:
        known[seen.lock_id].append(seen.terms)

    def is_new(fact: Fact) -> bool:
        """At the place of another's terms (EVM, after a reorganisation) it is."""
        others = known.get(fact.lock_id, [])
        return not (others and fact.terms in (None, *others))

    return [(fact, blocks[fact.block_hash]) for fact in maybe
            if fact.block_hash in blocks and is_new(fact)]  # fmt: skip


def _is_watched(fact: Fact, watches: Mapping[str, Sequence[Watch]]) -> bool:
    """By its id, which follows from all terms; on EVM by the terms that its creation told."""
    ours = watches.get(fact.lock_id, ())
    return bool(ours) and (fact.terms is None or any(each.terms == fact.terms for each in ours))
