"""A swap as it is stored: the session, its two legs, and every move between its states."""

import uuid
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import MD5, Cast

from auctions_app.routes import LockMode, SecretMode
from auctions_app.timelocks import TimelockPolicy
from chains_app.locks import LockTerms
from chains_app.orders import SignedOrder
from orchestrator.fields import AmountField
from orchestrator.kernel.clock import Seconds
from sessions_app.domain.attention import Attention
from sessions_app.domain.states import ENDS, Status
from sessions_app.domain.timelocks import Deadlines

STATUSES = [(status.value, status.value) for status in Status]
ENDED = sorted(status.value for status in ENDS)  # one order: migrations compare it
# A lost race stays `failed`, and nothing is left to do (its runbook page).
HAS_ENDED = Q(status__in=ENDED) | Q(status=Status.FAILED.value, attention=Attention.LOST_RACE.value)

# by the maker's wish, whose lock stood: it was cancelled, or the maker's account took no payment
WALKED_AWAY = Q(status=Status.REFUNDED.value) & (
    Q(cancel_requested=True) | Q(payout_is_refused=True)
)


class Role(models.TextChoices):
    """A leg's side: where the maker pays, or where the maker is paid."""

    SOURCE = "source"
    DESTINATION = "destination"


class Session(models.Model):
    """One swap. `status` and `version` are written by `lifecycle` alone, under the row's lock.

    `policy` is fixed with the row and `deadlines` with the fill (in lock mode `gasless` with the
    row as well); neither is written again. `signed_order`: the maker's, from its execution on.
    `registration_fee`: destination units that the maker pays for being registered with its token.
    `stake`: what the maker gives, in millionths of a dollar, when the session was made.
    `version` is the `seq` of the newest transition. `wake_at` is when work is due, by wall clock;
    `auction_started_at` counts as the fill does, by the latest of wall clock and both heads.
    `payout_refused_at`: since when the guard has got no other answer than that the maker's account
    takes no payment; `payout_is_refused`: it was so again when that had lasted for too long.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.ForeignKey("clients.ApiClient", on_delete=models.PROTECT, related_name="+")
    quote = models.OneToOneField("auctions_app.Quote", on_delete=models.PROTECT, related_name="+")
    status = models.CharField(max_length=24, choices=STATUSES, default=Status.INITIALIZED.value)
    version = models.PositiveIntegerField(default=0)
    maker_source_account = models.CharField(max_length=128)
    maker_destination_account = models.CharField(max_length=128)
    secret_mode = models.CharField(
        max_length=8, choices=[(mode.value, mode.value) for mode in SecretMode]
    )
    secret_id = models.UUIDField(null=True)
    hashlock = models.BinaryField(max_length=32, unique=True)
    stake = models.BigIntegerField(default=0)
    registration_fee = AmountField(default=0)
    policy = models.JSONField()
    deadlines = models.JSONField(null=True)
    signed_order = models.JSONField(null=True)
    is_executed = models.BooleanField(default=False)
    auction_started_at = models.BigIntegerField(null=True)
    cancel_requested = models.BooleanField(default=False)
    is_reserved = models.BooleanField(default=False)
    holds_gas = models.BooleanField(default=False)  # once it is reserved no more
    source_seen_in_time = models.BooleanField(default=False)
    secret_is_shown = models.BooleanField(default=False)
    payout_refused_at = models.DateTimeField(null=True)
    payout_is_refused = models.BooleanField(default=False)
    attention = models.CharField(max_length=32, blank=True, default="")
    attention_since = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    wake_at = models.DateTimeField(null=True)

    class Meta:
        permissions: ClassVar = [
            ("cancel_session", "Can cancel a session"),
            ("refund_session", "Can have a session's source given back"),
            ("retry_session", "Can have a session driven now"),
            ("rebroadcast", "Can have a session's transactions sent again"),
            ("repay_session", "Can release what is owed for a session"),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["wake_at"], name="session_due", condition=Q(wake_at__isnull=False)
            ),
            models.Index(fields=["client", "-created_at", "-id"], name="session_of_client"),
            models.Index(fields=["-created_at", "-id"], name="session_newest"),
            models.Index(
                fields=["client"], name="session_open_of_client", condition=~Q(status__in=ENDED)
            ),
            models.Index(fields=["maker_source_account"], name="session_source_account"),
            models.Index(fields=["maker_destination_account"], name="session_destination_account"),
            models.Index(
                fields=["maker_source_account"],
                name="session_open_of_maker",
                condition=~Q(status__in=ENDED),
            ),
            models.Index(
                fields=["maker_source_account"],
                name="session_abandoned",
                condition=Q(secret_mode=SecretMode.MAKER.value, status=Status.REFUNDED.value),
            ),
            models.Index(fields=["client"], name="session_left_of_client", condition=WALKED_AWAY),
            models.Index(
                fields=["maker_source_account"], name="session_left_of_maker", condition=WALKED_AWAY
            ),
            models.Index(
                fields=["id"],
                name="session_secret_to_forget",
                condition=Q(secret_id__isnull=False, status__in=ENDED),
            ),
            models.Index(
                fields=["attention_since"],
                name="session_attention",
                condition=Q(attention_since__isnull=False),
            ),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="session_status_is_known",
                condition=Q(status__in=[status.value for status in Status]),
            ),
            models.CheckConstraint(
                name="session_attention_has_its_instant",
                condition=Q(attention="", attention_since=None)
                | (~Q(attention="") & Q(attention_since__isnull=False)),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.id} {self.status}"

    @property
    def state(self) -> Status:
        """The status as the machine knows it."""
        return Status(self.status)

    @property
    def least_payout(self) -> int:
        """What the maker gets at least, in destination units: at the auction's end."""
        return self.quote.end_amount - self.registration_fee

    @property
    def is_gasless(self) -> bool:
        """Whether we make the source lock, by the maker's signed order."""
        return self.quote.mode is LockMode.GASLESS

    @property
    def order(self) -> SignedOrder | None:
        """The maker's signed order, once the session was executed with it."""
        return None if self.signed_order is None else SignedOrder.from_json(self.signed_order)

    @property
    def timelock_policy(self) -> TimelockPolicy:
        """The durations that this session was made under."""
        return TimelockPolicy.from_json(self.policy)

    @property
    def fixed_deadlines(self) -> Deadlines | None:
        """The instants that the fill fixed; None before it."""
        if self.deadlines is None:
            return None
        return Deadlines(**{name: Seconds(at) for name, at in self.deadlines.items()})


class Leg(models.Model):
    """One side of a session, made by the fill. Its id is the reference that chains_app knows."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey(Session, on_delete=models.PROTECT, related_name="legs")
    role = models.CharField(max_length=11, choices=Role.choices)
    terms = models.JSONField()
    tier = models.CharField(max_length=16)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["session", "role"], name="leg_once_per_session")
        ]

    def __str__(self) -> str:
        return f"{self.role} leg of {self.session_id}"

    @property
    def lock_terms(self) -> LockTerms:
        """The terms of its lock."""
        stored: dict[str, Any] = self.terms
        return LockTerms.from_json(stored)


class Surplus(models.Model):
    """A lock for us that no session agreed on. Its id is the reference that chains_app knows.

    `session`: the one whose hashlock it is under. `reason`: how it differs, in words. `state` is
    what the chain showed when it was last looked at, at `checked_at`; None: it is due.
    """

    class State(models.TextChoices):
        OPEN = "open"
        REFUNDED = "refunded"
        OWED = "owed"  # withdrawn to us
        REPAID = "repaid"
        GONE = "gone"  # a reorganisation took it, and it can't come back

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey(
        Session, null=True, on_delete=models.PROTECT, related_name="surplus"
    )
    chain = models.CharField(max_length=32)
    lock_id = models.CharField(max_length=128)
    terms = models.JSONField()
    reason = models.CharField(max_length=100)
    state = models.CharField(max_length=8, choices=State, default=State.OPEN)
    checked_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "surplus"
        default_permissions: ClassVar[Any] = ("view",)
        permissions: ClassVar = [("repay_surplus", "Can release what is owed of a surplus")]
        constraints: ClassVar = [
            models.UniqueConstraint(
                "chain",
                "lock_id",
                MD5(Cast("terms", models.TextField())),
                name="surplus_once_per_lock",
            )
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["checked_at"],
                name="surplus_waiting",
                condition=Q(state__in=["open", "owed"]) | Q(checked_at=None),
            )
        ]

    def __str__(self) -> str:
        return f"{self.id} {self.state}"

    @property
    def lock_terms(self) -> LockTerms:
        """The terms that it was made under."""
        stored: dict[str, Any] = self.terms
        return LockTerms.from_json(stored)


class Transition(models.Model):
    """A move of a session; the feed and the timeline are read from here. Never changed."""

    session = models.ForeignKey(Session, on_delete=models.PROTECT, related_name="transitions")
    seq = models.PositiveIntegerField()
    before = models.CharField(max_length=24, choices=STATUSES, blank=True)
    after = models.CharField(max_length=24, choices=STATUSES)
    reason = models.CharField(max_length=200)
    by_reorganisation = models.BooleanField(default=False)
    at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["session", "seq"], name="transition_seq_once")
        ]

    def __str__(self) -> str:
        return f"{self.session_id} {self.seq}: {self.before} -> {self.after}"
