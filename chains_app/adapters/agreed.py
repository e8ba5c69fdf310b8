"""What two nodes of a chain tell alike: asked where money or a secret is staked on the answer."""

from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final, TypeVar

import structlog

from chains_app.adapters.interface import (
    ChainAdapter,
    ChainError,
    ChainUnavailableError,
    NodesDisagreeError,
    Stage,
    TransactionStatus,
)
from chains_app.locks import Block, LockReading, LockTerms

ENOUGH: Final = 2  # nodes that have to tell the same
_STAGES: Final = (Stage.INCLUDED, Stage.FINAL)  # the less far first

log = structlog.get_logger(__name__)

T = TypeVar("T")


class Agreed:
    """A chain as two of its nodes show it, those first that are trusted most.

    A node that gives no answer, or lacks what is asked for, is no witness, and one that differs is
    none against two: another is asked. Raises NodesDisagreeError when no two tell the same,
    ChainUnavailableError when fewer than two tell.
    """

    def __init__(self, chain: ChainAdapter) -> None:
        self._chain, self._views = chain.name, chain.views()

    def block(self, height: int) -> Block:
        """The block at a height."""
        return self._same("a block", lambda view: view.block(height), _whole)[0]

    def is_final(self, height: int, tier: str) -> bool:
        """Whether two nodes' final blocks have come to a height: what one calls final is no proof.

        A node behind it is outvoted, for it may only lag. Raises ChainUnavailableError.
        """
        told: list[bool] = []
        for view in self._views:
            with suppress(ChainError):
                told.append(view.final(tier).height >= height)
            if told.count(True) == ENOUGH:
                return True
        if len(told) < ENOUGH:
            raise self._nobody_beside("a final block")
        return False

    def read_lock(self, terms: LockTerms, block: Block) -> LockReading:
        """A lock at a block; the secret is no matter of agreement: it proves itself."""
        what = f"lock {self._views[0].lock_id(terms)}"
        return self._same(what, lambda view: view.read_lock(terms, block), _stands)[0]

    def transaction_status(self, hash_: str, sender: str, tier: str) -> TransactionStatus:
        """A transaction that is in a block, by the slower of the two; never UNKNOWN, PENDING."""

        def ask(view: ChainAdapter) -> TransactionStatus:
            status = view.transaction_status(hash_, sender, tier)
            if status.stage not in _STAGES or status.succeeded is None:
                raise ChainUnavailableError(f"{self._chain}: a node has not seen {hash_} run")
            return status

        told = self._same(f"transaction {hash_}", ask, _ended)
        stage = min((status.stage for status in told), key=_STAGES.index)
        return replace(told[0], stage=stage)

    def _same(
        self, what: str, ask: Callable[[ChainAdapter], T], heart: Callable[[T], Hashable]
    ) -> Sequence[T]:
        """What the first two tell alike, equal in its `heart`, whatever another one tells."""
        told: list[T] = []
        for view in self._views:
            try:
                told.append(ask(view))
            except ChainError:
                continue
            alike = [each for each in told if heart(each) == heart(told[-1])]
            if len(alike) == ENOUGH:
                return alike
        if len(told) < ENOUGH:
            raise self._nobody_beside(what)
        log.error("nodes_disagree", chain=self._chain, about=what)
        raise NodesDisagreeError(
            f"two nodes of {self._chain} disagree about {what}: find out which is false, and take "
            "it out"
        )

    def _nobody_beside(self, what: str) -> ChainUnavailableError:
        return ChainUnavailableError(f"{self._chain}: no node answered beside another on {what}")


def _whole(block: Block) -> Hashable:
    return block


def _stands(reading: LockReading) -> Hashable:
    return reading.state, reading.is_paid


def _ended(status: TransactionStatus) -> Hashable:
    return status.succeeded, status.height, status.block_hash
