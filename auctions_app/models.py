"""Quotes, and the liquidity that filled ones hold."""

from uuid import uuid4

from django.db import models
from django.db.models import F, Q

from auctions_app.curve import Curve
from auctions_app.routes import LockMode
from auctions_app.timelocks import TimelockPolicy
from chains_app.signers import SignerRole
from orchestrator.fields import AmountField


class Quote(models.Model):
    """An offer: amounts in base units, its curve and durations as they were when it was made."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    client_id = models.UUIDField()
    route_id = models.CharField(max_length=128)
    source_amount = AmountField()
    fair_amount = AmountField()
    gas_fee = AmountField()
    start_amount = AmountField()
    end_amount = AmountField()  # the least that the maker gets
    lock_mode = models.CharField(
        max_length=8, default=LockMode.WALLET.value,
        choices=[(mode.value, mode.value) for mode in LockMode],
    )  # fmt: skip
    submission_fee = AmountField(default=0)  # of `gas_fee` that of an order, source base units
    curve_json = models.JSONField()
    policy_json = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    bound_to = models.UUIDField(null=True, unique=True)  # a session

    class Meta:
        constraints = (
            models.CheckConstraint(
                name="quote_pays_something",
                condition=Q(source_amount__gt=0, end_amount__gt=0)
                & Q(start_amount__gte=F("end_amount")),
            ),
        )

    def __str__(self) -> str:
        return f"{self.source_amount} by {self.route_id}"

    @property
    def maximum_fee(self) -> int:
        """Our fee when the auction runs to its end, without gas; destination base units."""
        return self.fair_amount - self.gas_fee - self.end_amount

    @property
    def mode(self) -> LockMode:
        """Who makes the source lock."""
        return LockMode(self.lock_mode)

    @property
    def source_chain(self) -> str:
        """Where the maker pays: the route's name tells it, also when the route was taken out."""
        return self.route_id.partition(":")[0]

    @property
    def curve(self) -> Curve:
        """The price from start to end."""
        return Curve.from_json(self.curve_json)

    @property
    def policy(self) -> TimelockPolicy:
        """The route's durations."""
        return TimelockPolicy.from_json(self.policy_json)


class RouteSwitch(models.Model):
    """Whether a route is paused: no new quotes, sessions and fills; what is filled goes on.

    A route without a row runs.
    """

    route_id = models.CharField(max_length=128, unique=True)
    is_paused = models.BooleanField(default=False)

    class Meta:
        verbose_name = "route"
        permissions = (("pause_route", "Can pause and resume a route"),)

    def __str__(self) -> str:
        return self.route_id


class Reservation(models.Model):
    """What one filled session ties up: our lock's amount, its gas (holds), and what is at stake.

    A stake is what a reorganisation of that leg's chain could cost us, in millionths of a dollar,
    rounded up. `..._ended_at`: the chain's head time at the end; 0 when our lock was never made,
    so that nothing has left us and nothing is at stake; None while the reservation is open.
    """

    class Status(models.TextChoices):
        OPEN = "open"
        ENDED = "ended"

    session_id = models.UUIDField(unique=True)
    status = models.CharField(max_length=8, choices=Status, default=Status.OPEN)
    chain = models.CharField(max_length=32)  # of our lock, the destination's
    token = models.CharField(max_length=64, null=True)  # noqa: DJ001 - None is the native coin
    amount = AmountField()
    stake = AmountField()
    ended_at = models.BigIntegerField(null=True)
    source_chain = models.CharField(max_length=32)
    source_stake = AmountField()
    source_ended_at = models.BigIntegerField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (
            models.CheckConstraint(
                name="reservation_ends_on_both_chains",
                condition=Q(status="open", ended_at=None, source_ended_at=None)
                | Q(status="ended", ended_at__isnull=False, source_ended_at__isnull=False),
            ),
        )
        indexes = (
            models.Index(fields=("chain", "ended_at"), name="reservation_ended"),
            models.Index(fields=("source_chain", "source_ended_at"), name="reservation_src_ended"),
        )

    def __str__(self) -> str:
        return f"{self.amount} on {self.chain}, {self.status}"


class Hold(models.Model):
    """A part of one of our accounts' balances that a reservation keeps others from using.

    `role`: whose account. `ended_at`: as in the reservation, on this chain; of gas for withdrawals
    and refunds, when neither leg could need one any more (docs/adr/0021).
    """

    reservation = models.ForeignKey(Reservation, models.CASCADE, related_name="holds")
    chain = models.CharField(max_length=32)
    role = models.CharField(max_length=8, choices=[(role.value, role.value) for role in SignerRole])
    token = models.CharField(max_length=64, null=True)  # noqa: DJ001 - None is the native coin
    amount = AmountField()
    ended_at = models.BigIntegerField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("reservation", "chain", "role", "token"),
                nulls_distinct=False,
                name="hold_once_per_balance",
            ),
        )
        indexes = (models.Index(fields=("chain", "ended_at"), name="hold_ended"),)

    def __str__(self) -> str:
        return f"{self.amount} of {self.role} on {self.chain}"
