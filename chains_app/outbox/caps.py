"""What an account may spend, and what it has spent (rule 15).

It is asked before each signature, fill and secret, so it is summed up when something is signed: by
stretches, and not by transactions, of which a day may have a million.
"""

from datetime import timedelta
from typing import Final

from django.db.models import F, Q, QuerySet, Sum
from django.db.models.functions import Now

from chains_app.models import Attempt, Signer, Spending
from chains_app.registry import signing_keys
from chains_app.signers import SignerRefusedError, SignerRole
from orchestrator.queries import Given, Select

STRETCH: Final = timedelta(minutes=1)  # counts as a whole until the last of it is old enough
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_SIGNERS: Final = Select(lambda: Signer.objects.filter(chain=Given("chain"), role=Given("role")))
_NEWEST: Final = Select(
    lambda: Spending.objects.filter(
        chain=Given("chain"), account=Given("account"), since__gt=Now() - STRETCH
    ).order_by("-since")
)
_SPENT: Final = Select(
    lambda: (
        Spending.objects.filter(
            chain=Given("chain"), account=Given("account"), since__gt=Now() - _DAY - STRETCH
        )
        .values("chain")
        .annotate(
            hour=Sum("amount", filter=Q(since__gt=Now() - _HOUR - STRETCH)), day=Sum("amount")
        )
        .values_list("chain", "hour", "day")
    )
)


def check_signer(signer: Signer, cost: int, *, balance: int | None = None) -> None:
    """Kill switch, caps and balance of a locked row; raises SignerRefusedError.

    `cost`: the most that the transaction can take.
    """
    if not signer.is_enabled:
        raise SignerRefusedError(f"{signer} is paused")
    if balance is not None and balance < cost:
        raise SignerRefusedError(f"{signer} has {balance}, less than {cost}: fund it")
    if (reason := _over_a_cap(signer, cost, largest=cost)) is not None:
        raise SignerRefusedError(reason)


def cap_problem(
    chain: str, role: SignerRole, cost: int, *, largest: int, beside: int = 0
) -> str | None:
    """Why a role's caps would stop what may cost so much in all and `largest` in one transaction,
    `beside` what others may still take; None where they would not, as far as can be seen without
    the rows' lock.
    """
    rows = {row.account: row for row in _SIGNERS.all(chain=chain, role=role.value)}
    if not rows:  # nothing of the role was ever signed, nor its configuration checked
        return None
    row = rows.get(signing_keys(chain, role)[0].account)
    return None if row is None else _over_a_cap(row, cost + beside, largest=largest)


def _over_a_cap(signer: Signer, cost: int, *, largest: int) -> str | None:
    total = {period: before + cost for period, before in _spent(signer).items()}
    for name, most in ({"transaction": largest} | total).items():
        cap = getattr(signer, f"cap_per_{name}")
        if cap is not None and most > cap:
            return f"{signer} would spend {most} per {name}, its cap is {cap}"
    return None


def _spent(signer: Signer) -> dict[str, int]:
    """By all keys of the account, in each period that has a cap."""
    found = _SPENT.first(**_account_of(signer)) or ("", 0, 0)
    hour, day = (int(total or 0) for total in found[1:])
    return {"hour": hour, "day": day}


def count(attempt: Attempt) -> None:
    """Before it is stored, its signer's row being locked."""
    account = _account_of(attempt.signer)
    spending = _NEWEST.first(**account)
    if spending is None:
        spending = Spending.objects.create(**account, since=Now(), amount=attempt.cost_cap)
    else:
        _rows(spending.pk).update(amount=F("amount") + attempt.cost_cap)
    attempt.spending = spending


def take_back(attempt: Attempt) -> None:
    """What is void was not spent; of those that share a nonce the dearest and newest counts. Its
    signer's row is locked.
    """
    if attempt.spending_id is not None:  # else it was signed before there were sums
        _rows(attempt.spending_id).update(amount=F("amount") - attempt.cost_cap)


def _account_of(signer: Signer) -> dict[str, str]:
    return {"chain": signer.chain, "account": signer.account}


def _rows(pk: int) -> QuerySet[Spending]:
    return Spending.objects.filter(pk=pk)
