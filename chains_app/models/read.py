"""What the service reads from the chains: blocks, facts, and readings of the locks it watches.

Chain times are seconds in BigIntegers; wall times are timestamps.
"""

from typing import Final

from django.db import models
from django.db.models import Q
from django.db.models.functions import MD5, Cast

from chains_app.locks import Block, LockState, LockTerms
from chains_app.models.leased import Leased, choices, partial_index
from orchestrator.kernel.clock import Seconds

_TERMS: Final = MD5(Cast("terms_json", models.TextField()))


class Located(models.Model):
    """A lock in our contract. `lock_id`: on EVM a place, which one of other terms may take."""

    chain = models.CharField(max_length=32)
    lock_id = models.CharField(max_length=128)
    terms_json = models.JSONField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"lock {self.lock_id} on {self.chain}"

    @property
    def terms(self) -> LockTerms:
        """The lock's terms."""
        return LockTerms.from_json(self.terms_json)


class Watch(Located):
    """A lock that the poller reads whenever a fact or a deadline asks for it.

    `stood_finally`: a final block showed the lock, so that no absence is believed any more.
    `due_time`: chain time from which it has to be read at the head. `first_seen_time` and
    `preimage` stay through reorganisations: what a chain has shown once is known for ever.
    """

    reference = models.UUIDField(unique=True)
    tier = models.CharField(max_length=32)
    due_time = models.BigIntegerField(null=True, default=0)
    is_settled = models.BooleanField(default=False)
    stood_finally = models.BooleanField(default=False)
    pays_out = models.BooleanField(default=True)  # what it owes is paid by us
    first_seen_time = models.BigIntegerField(null=True)
    preimage = models.BinaryField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint("chain", "lock_id", _TERMS, name="one_watch_per_lock"),
        )
        indexes = (
            partial_index("chain", "due_time", name="watch_due"),
            models.Index(fields=["chain"], condition=Q(is_settled=False), name="watch_unsettled"),
        )


class Creation(models.Model):
    """The signed bytes that made a lock that is another's to make, while it may be needed again."""

    watch = models.OneToOneField(
        Watch, primary_key=True, on_delete=models.CASCADE, related_name="creation"
    )
    raw = models.BinaryField()

    def __str__(self) -> str:
        return f"what made {self.watch_id}"


class SeenLock(Located):
    """A lock in our contracts that nobody watched when it was made: somebody else's, or not as
    agreed. `is_for_us`: its beneficiary is our lock account. A reorganisation takes it back.
    """

    hashlock = models.BinaryField(max_length=32)
    is_for_us = models.BooleanField()
    height = models.BigIntegerField()

    class Meta:
        constraints = (
            models.UniqueConstraint("chain", "lock_id", _TERMS, name="each_lock_is_seen_once"),
        )
        indexes = (
            models.Index(fields=["hashlock"], name="seen_hashlock"),
            models.Index(fields=["chain", "height"], name="seen_height"),
            models.Index(fields=["chain"], condition=Q(is_for_us=True), name="seen_for_us"),
        )


class Observation(models.Model):
    """A lock's state as it was read at one block of the chain that we follow (rule 7).

    `is_doubted`: what no two nodes told, where two should: never final, and looked at again.
    """

    watch = models.ForeignKey(Watch, on_delete=models.CASCADE, related_name="observations")
    height = models.BigIntegerField()
    block_hash = models.CharField(max_length=66)
    time = models.BigIntegerField()
    state = models.CharField(max_length=16, choices=choices(*(state.value for state in LockState)))
    is_paid = models.BooleanField()
    is_doubted = models.BooleanField(default=False)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["watch", "block_hash"], name="one_reading_per_block"),
        )
        indexes = (models.Index(fields=["height"], name="observation_height"),)

    def __str__(self) -> str:
        return f"{self.state} at {self.height}"

    @property
    def lock_state(self) -> LockState:
        """The state as the enumeration that decisions are made on."""
        return LockState(self.state)


class ChainCursor(Leased):
    """How far a chain is fully read, and its newest final block of each tier that we believe.

    `finals`: tier to [height, hash, time]; each is an ancestor of the block that the cursor is at.
    `broken`: tier to the wall time at which a block that it called final was last taken back.
    `left_out_at`: wall time at which locks that nobody watches were last too many to look at.
    `advanced_at`: wall time at which the head was last seen to advance. `reread_after`: a person
    wants all blocks above that height read again; nothing is forgotten meanwhile.
    """

    chain = models.CharField(max_length=32, unique=True)
    height = models.BigIntegerField(default=-1)
    hash = models.CharField(max_length=66, default="", blank=True)
    parent_hash = models.CharField(max_length=66, default="", blank=True)
    time = models.BigIntegerField(default=0)
    finals = models.JSONField(default=dict)
    broken = models.JSONField(default=dict)
    left_out_at = models.BigIntegerField(default=0)
    advanced_at = models.DateTimeField(null=True)
    reread_after = models.BigIntegerField(null=True)

    class Meta:
        permissions = (("rewind_cursor", "Can have a chain read again"),)

    def __str__(self) -> str:
        return f"{self.chain} at {self.height}"

    @property
    def block(self) -> Block:
        """The last block that is fully read."""
        return Block(self.height, self.hash, self.parent_hash, Seconds(self.time))

    def final_height(self, tier: str) -> int:
        """Height of the newest block that is final by `tier`; -1 before there is one."""
        return int(self.finals[tier][0]) if tier in self.finals else -1


class ChainBlock(models.Model):
    """A block that was read, kept while it can still be reorganised."""

    chain = models.CharField(max_length=32)
    height = models.BigIntegerField()
    hash = models.CharField(max_length=66)
    parent_hash = models.CharField(max_length=66)
    time = models.BigIntegerField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["chain", "height"], name="one_block_per_height"),
        )

    def __str__(self) -> str:
        return f"block {self.height} of {self.chain}"

    @property
    def block(self) -> Block:
        """Its place."""
        return Block(self.height, self.hash, self.parent_hash, Seconds(self.time))


class InboxFact(models.Model):
    """A chain fact about a watched lock. It says where to look and proves nothing (rule 7)."""

    watch = models.ForeignKey(Watch, on_delete=models.CASCADE, related_name="facts")
    height = models.BigIntegerField()
    block_hash = models.CharField(max_length=66)
    transaction = models.CharField(max_length=128, null=True)  # noqa: DJ001 - NEAR tells none
    recorded_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["watch", "block_hash", "transaction"],
                nulls_distinct=False,
                name="one_row_per_fact",
            ),
        )
        indexes = (
            models.Index(fields=["height"], name="fact_height"),
            partial_index("transaction", name="fact_transaction"),
        )

    def __str__(self) -> str:
        return f"fact at {self.height}"
