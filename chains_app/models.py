"""What the service knows of the chains (blocks, facts, readings) and wants of them (the outbox).

Chain times are seconds in BigIntegers; wall times are timestamps. Nothing here names a session:
`reference` is an opaque id (a leg).
"""

import uuid
from typing import Final

from django.db import models
from django.db.models import Q
from django.db.models.functions import MD5, Cast, Now

from chains_app.locks import Block, Call, LockState, LockTerms
from chains_app.signers import SignerRole
from orchestrator.fields import AmountField, SealedField
from orchestrator.kernel.clock import Seconds


def _choices(*values: str) -> list[tuple[str, str]]:
    return [(value, value) for value in values]


def _partial(*fields: str, name: str) -> models.Index:
    """Of the rows whose last of these fields is set."""
    condition = Q(**{f"{fields[-1]}__isnull": False})
    return models.Index(fields=list(fields), condition=condition, name=name)


class Leased(models.Model):
    """A row that one worker at a time works on, with I/O between its commits (rule 8).

    `due_at`: when somebody has to look at it again; NULL while nothing was asked since it was
    claimed. `version`: the fencing token; every write of a worker carries the one it claimed.
    """

    due_at = models.DateTimeField(null=True)
    lease_owner = models.CharField(max_length=36, default="", blank=True)
    lease_expires_at = models.DateTimeField(null=True)
    version = models.BigIntegerField(default=0)

    class Meta:
        abstract = True


class Signer(models.Model):
    """A key that signs for us. Caps count what all keys of its account may spend, in the native
    coin's base units (value and highest fee); NULL is no cap. `is_enabled` is the kill switch;
    `stopped_for`: why we threw it ourselves. `adopts_nonce`: the next one is taken from the chain.
    """

    chain = models.CharField(max_length=32)
    role = models.CharField(max_length=8, choices=_choices(*(role.value for role in SignerRole)))
    account = models.CharField(max_length=64)
    public_key = models.CharField(max_length=128)
    is_enabled = models.BooleanField(default=True)
    cap_per_transaction = AmountField(null=True)
    cap_per_hour = AmountField(null=True)
    cap_per_day = AmountField(null=True)
    next_nonce = models.BigIntegerField(default=0)
    adopts_nonce = models.BooleanField(default=True)
    stopped_for = models.CharField(max_length=64, default="", blank=True)

    class Meta:
        permissions = (("pause_signer", "Can pause and resume a signer"),)
        constraints = (
            models.UniqueConstraint(
                fields=["chain", "account", "public_key"], name="one_row_per_signing_key"
            ),
        )

    def __str__(self) -> str:
        return f"{self.account} on {self.chain} ({self.role})"


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
    `due_time`: chain time from which it has to be read at the head. `first_seen_time`, `preimage`
    and `creation` (the signed bytes that made it, where it is another's to make) stay through
    reorganisations: what a chain has shown once is known for ever.
    """

    reference = models.UUIDField(unique=True)
    tier = models.CharField(max_length=32)
    due_time = models.BigIntegerField(null=True, default=0)
    is_settled = models.BooleanField(default=False)
    stood_finally = models.BooleanField(default=False)
    pays_out = models.BooleanField(default=True)  # what it owes is paid by us
    first_seen_time = models.BigIntegerField(null=True)
    preimage = models.BinaryField(null=True)
    creation = models.BinaryField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint("chain", "lock_id", _TERMS, name="one_watch_per_lock"),
        )
        indexes = (
            _partial("chain", "due_time", name="watch_due"),
            models.Index(fields=["chain"], condition=Q(is_settled=False), name="watch_unsettled"),
        )


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
    """A lock's state as it was read at one block of the chain that we follow (rule 7)."""

    watch = models.ForeignKey(Watch, on_delete=models.CASCADE, related_name="observations")
    height = models.BigIntegerField()
    block_hash = models.CharField(max_length=66)
    time = models.BigIntegerField()
    state = models.CharField(max_length=16, choices=_choices(*(state.value for state in LockState)))
    is_paid = models.BooleanField()

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
    `advanced_at`: wall time at which the head was last seen to advance. `reread_after`: a person
    wants all blocks above that height read again; nothing is forgotten meanwhile.
    """

    chain = models.CharField(max_length=32, unique=True)
    height = models.BigIntegerField(default=-1)
    hash = models.CharField(max_length=66, default="", blank=True)
    parent_hash = models.CharField(max_length=66, default="", blank=True)
    time = models.BigIntegerField(default=0)
    finals = models.JSONField(default=dict)
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
        indexes = (models.Index(fields=["height"], name="fact_height"),)

    def __str__(self) -> str:
        return f"fact at {self.height}"


class IntentStatus(models.TextChoices):
    """PLANNED until something was signed for it. The last three are ends."""

    PLANNED = "planned"
    ACTIVE = "active"
    DONE = "done"
    VOID = "void"
    IMPOSSIBLE = "impossible"


OPEN_INTENTS: Final = (IntentStatus.PLANNED, IntentStatus.ACTIVE)
FILL: Final = "fill"  # the call of an intent that only uses up a nonce that was signed and voided


class Intent(Leased):
    """A chain write that is wanted, whoever makes it: the effect decides (rule 5).

    An ended intent stays due while an attempt of it is still alive. `ended_height`: the block whose
    reading ended it; a reorganisation below it opens the intent again. `wanted_since`: without a
    break. `retried_at`: failures before it no longer count, a person wants it tried again.
    `released_at`: when a person released it; a repayment is made by nobody else's wish.
    """

    reference = models.UUIDField()
    call = models.CharField(max_length=16, choices=_choices(*(call.value for call in Call), FILL))
    chain = models.CharField(max_length=32)
    watch = models.ForeignKey(Watch, null=True, on_delete=models.PROTECT, related_name="intents")
    secret_id = models.UUIDField(null=True)
    send_by = models.BigIntegerField()
    urgency = models.IntegerField(default=0)
    status = models.CharField(
        max_length=16, choices=IntentStatus.choices, default=IntentStatus.PLANNED
    )
    ended_height = models.BigIntegerField(null=True)
    refusal = models.JSONField(null=True)
    order = models.JSONField(null=True)  # that its depositor signed, of a LOCK_FOR
    fill_signer = models.ForeignKey(Signer, null=True, on_delete=models.PROTECT)
    fill_nonce = models.BigIntegerField(null=True)
    wanted_since = models.DateTimeField(db_default=Now())
    retried_at = models.DateTimeField(null=True)
    released_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["reference", "call"], name="one_intent_per_action"),
            models.CheckConstraint(
                condition=~Q(call=Call.REPAY.value) | Q(released_at__isnull=False),
                name="a_repayment_was_released",
            ),
        )
        indexes = (
            _partial("due_at", name="intent_due"),
            _partial("lease_expires_at", name="intent_leased"),
            _partial("chain", "ended_height", name="intent_ended"),
        )

    def __str__(self) -> str:
        return f"{self.call} for {self.reference}"

    @property
    def is_open(self) -> bool:
        """Whether the write is still wanted."""
        return self.status in OPEN_INTENTS

    @property
    def contract_call(self) -> Call | None:
        """The contract's method; None for a transfer to ourselves."""
        return None if self.call == FILL else Call(self.call)


class AttemptStatus(models.TextChoices):
    """How far a signed transaction got. What is not signed yet leaves no attempt behind."""

    SIGNED = "signed"
    LEFT = "left"
    SENT = "sent"
    INCLUDED = "included"
    FINAL = "final"
    DEAD = "dead"
    VOID = "void"


ON_THE_WAY: Final = (AttemptStatus.SIGNED, AttemptStatus.LEFT, AttemptStatus.SENT)
ALIVE: Final = (*ON_THE_WAY, AttemptStatus.INCLUDED)


class Attempt(models.Model):
    """A signed transaction; what was signed is never overwritten.

    `replaces`: the attempt with the same nonce whose fee this one raises. Bytes that carry a secret
    stand sealed. `left_at`: from this commit on the bytes may be anywhere; before it they provably
    have not left us. `cost_cap`: native base units, value included.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    intent = models.ForeignKey(Intent, on_delete=models.PROTECT, related_name="attempts")
    signer = models.ForeignKey(Signer, on_delete=models.PROTECT, related_name="attempts")
    nonce = models.BigIntegerField()
    replaces = models.OneToOneField(
        "self", null=True, on_delete=models.PROTECT, related_name="replaced_by"
    )
    status = models.CharField(
        max_length=16, choices=AttemptStatus.choices, default=AttemptStatus.SIGNED
    )
    prepared = models.JSONField()
    expires_at_height = models.BigIntegerField(null=True)
    cost_cap = AmountField()
    hash = models.CharField(max_length=128)
    raw = models.BinaryField(null=True)
    sealed_raw = SealedField()
    sign_verdict = models.JSONField()
    send_verdict = models.JSONField(null=True)
    signed_at = models.DateTimeField(auto_now_add=True)
    left_at = models.DateTimeField(null=True)
    last_sent_at = models.DateTimeField(null=True)
    included_height = models.BigIntegerField(null=True)
    included_hash = models.CharField(max_length=66, default="", blank=True)
    succeeded = models.BooleanField(null=True)
    ended_at = models.DateTimeField(null=True)
    node_refusal = models.CharField(max_length=32, default="", blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["intent"],
                condition=Q(status__in=[status.value for status in ALIVE], replaces__isnull=True),
                name="one_nonce_alive_per_intent",
            ),
            models.UniqueConstraint(
                fields=["signer", "nonce"],
                condition=Q(replaces__isnull=True) & ~Q(status=AttemptStatus.VOID.value),
                name="one_use_of_a_nonce",
            ),
            models.CheckConstraint(
                condition=Q(raw__isnull=True) ^ Q(sealed_raw__isnull=True),
                name="bytes_plain_or_sealed",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["signed", "void"]) | Q(left_at__isnull=False),
                name="nothing_is_sent_before_it_left",
            ),
        )
        indexes = (
            models.Index(fields=["signer", "nonce"], name="attempt_nonce"),
            models.Index(fields=["signer", "signed_at"], name="attempt_spending"),
            models.Index(
                fields=["signer"],
                condition=Q(status__in=[status.value for status in ON_THE_WAY]),
                name="attempt_on_the_way",
            ),
            _partial("included_height", name="attempt_included"),
        )

    def __str__(self) -> str:
        return f"attempt {self.hash}, nonce {self.nonce}"

    @property
    def associated_data(self) -> bytes:
        """What binds the sealed bytes to this row."""
        return f"chains_app.attempt {self.id}".encode()
