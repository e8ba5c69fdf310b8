"""What the service wants of the chains: its signers, and the outbox.

Nothing here names a session: `reference` is an opaque id (a leg).
"""

import uuid
from typing import Final

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from chains_app.locks import Call
from chains_app.models.leased import Leased, choices, partial_index
from chains_app.models.read import Watch
from chains_app.signers import SignerRole
from orchestrator.fields import AmountField, SealedField


class Signer(models.Model):
    """A key that signs for us. Caps count what all keys of its account may spend, in the native
    coin's base units (value and highest fee); NULL is no cap. `is_enabled` is the kill switch;
    `stopped_for`: why we threw it ourselves. `adopts_nonce`: the next one is taken from the chain.
    """

    chain = models.CharField(max_length=32)
    role = models.CharField(max_length=8, choices=choices(*(role.value for role in SignerRole)))
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


class Spending(models.Model):
    """What an account may have spent by what it signed from `since` on, for a minute at most: value
    and highest fee, in native base units. Written under the lock of the account's signers.
    """

    chain = models.CharField(max_length=32)
    account = models.CharField(max_length=64)
    since = models.DateTimeField()
    amount = AmountField()

    class Meta:
        indexes = (models.Index(fields=["chain", "account", "since"], name="spending_of_account"),)

    def __str__(self) -> str:
        return f"{self.amount} by {self.account} on {self.chain}"


class IntentStatus(models.TextChoices):
    """PLANNED until something was signed for it. The last three are ends. VOID: not wanted; what
    has left us all the same (docs/adr/0019) is followed, and not pushed on.
    """

    PLANNED = "planned"
    ACTIVE = "active"
    DONE = "done"
    VOID = "void"
    IMPOSSIBLE = "impossible"


OPEN_INTENTS: Final = (IntentStatus.PLANNED, IntentStatus.ACTIVE)
IS_OPEN: Final = f"status IN {tuple(status.value for status in OPEN_INTENTS)}"  # in SQL
FILL: Final = "fill"  # the call of an intent that only uses up a nonce that was signed and voided


class Intent(Leased):
    """A chain write that is wanted, whoever makes it: the effect decides (rule 5).

    An ended intent stays due while an attempt of it is still alive. `ended_height`: the block whose
    reading ended it; a reorganisation below it opens the intent again. `wanted_since`: without a
    break. `retried_at`: failures before it no longer count, a person wants it tried again.
    `released_at`: when a person released it; a repayment is made by nobody else's wish.
    """

    reference = models.UUIDField()
    call = models.CharField(max_length=16, choices=choices(*(call.value for call in Call), FILL))
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
            partial_index("due_at", name="intent_due"),
            partial_index("lease_expires_at", name="intent_leased"),
            partial_index("chain", "ended_height", name="intent_ended"),
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
    have not left us. `cost_cap`: native base units, value included; `spending` holds what may still
    be spent of it (NULL: signed before there were sums).
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
    spending = models.ForeignKey(
        Spending, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
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
            models.Index(
                fields=["signer"],
                condition=Q(status__in=[status.value for status in ON_THE_WAY]),
                name="attempt_on_the_way",
            ),
            partial_index("included_height", name="attempt_included"),
            models.Index(fields=["hash"], name="attempt_hash"),
        )

    def __str__(self) -> str:
        return f"attempt {self.hash}, nonce {self.nonce}"

    @property
    def associated_data(self) -> bytes:
        """What binds the sealed bytes to this row."""
        return f"chains_app.attempt {self.id}".encode()
