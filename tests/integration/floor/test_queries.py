"""Queries that are built once find what Django's own would, with other values each time."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.core.exceptions import FieldError
from django.db import DatabaseError, DataError, connection, transaction
from django.db.models import F, QuerySet
from django.db.transaction import TransactionManagementError
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from chains_app.models import Attempt, ChainCursor, Intent, Signer
from orchestrator.queries import Given, IsAmong, Select, read_together, write_all

pytestmark = pytest.mark.django_db(transaction=True)


def signer(account: str) -> Signer:
    return Signer.objects.create(
        chain="base", role="duty", account=account, public_key=account, cap_per_hour=10**70
    )


def intent(**changes: object) -> Intent:
    return Intent.objects.create(
        reference=uuid4(), call="fill", chain="base", send_by=7, refusal={"ok": False}, **changes
    )


def attempt(of: Intent, by: Signer, **changes: object) -> Attempt:
    return Attempt.objects.create(
        intent=of, signer=by, nonce=3, prepared={"fee": "1"}, cost_cap=10**60, hash="0x1",
        sign_verdict={}, **{"raw": b"raw", **changes},
    )  # fmt: skip


def values(row: object) -> dict[str, object]:
    return {name: value for name, value in vars(row).items() if name != "_state"}


def test_a_row_has_the_values_that_django_reads() -> None:
    attempt(intent(), signer("a"), raw=None, sealed_raw=b"sealed")
    (found,) = Select(lambda: Attempt.objects.filter(nonce=Given("nonce"))).all(nonce=3)
    expected = Attempt.objects.get()
    assert values(found) == values(expected)
    assert (type(found.cost_cap), type(found.sealed_raw)) == (int, bytes)
    assert found == expected
    assert not found._state.adding


def test_what_is_named_with_it_is_read_with_it() -> None:
    filled = intent(fill_signer=signer("a"), fill_nonce=1)
    attempt(filled, signer("b"))
    select = Select(lambda: Attempt.objects.select_related("signer", "intent"))
    with CaptureQueriesContext(connection) as asked:
        (found,) = select.all()
        assert found.signer.account == "b"
        assert found.signer.cap_per_hour == 10**70
        assert (found.intent.pk, found.intent.refusal) == (filled.pk, {"ok": False})
    assert len(asked) == 1


def test_what_is_named_and_not_there_is_none() -> None:
    intent()
    with CaptureQueriesContext(connection) as asked:
        (found,) = Select(lambda: Intent.objects.select_related("watch", "fill_signer")).all()
        assert (found.watch, found.fill_signer) == (None, None)
    assert len(asked) == 1


def test_it_is_asked_with_other_values_each_time() -> None:
    built = []
    first, second = intent(), intent()

    def build() -> QuerySet[Intent]:
        built.append(1)
        return Intent.objects.filter(IsAmong(F("reference"), Given("references"))).order_by("pk")

    select = Select(build)
    assert select.all(references=[]) == []
    assert select.all(references=[second.reference]) == [second]
    assert select.all(references=[second.reference, first.reference, uuid4()]) == [first, second]
    assert select.first(references=[second.reference]) == second
    assert select.first(references=[uuid4()]) is None
    assert len(built) == 1


def test_tuples_are_found_by_values_list() -> None:
    one = intent()
    select = Select(
        lambda: Intent.objects.filter(call=Given("call")).values_list("reference", "send_by")
    )
    assert select.all(call="fill") == [(one.reference, 7)]


def test_a_value_is_never_part_of_the_sql() -> None:
    select = Select(lambda: ChainCursor.objects.filter(chain=Given("chain")))
    assert select.all(chain="base' OR ''='") == []


def test_a_value_that_is_missing_is_a_fault() -> None:
    with pytest.raises(KeyError, match="chain"):
        Select(lambda: ChainCursor.objects.filter(chain=Given("chain"))).all()


def test_several_are_read_in_their_order_and_in_one_exchange() -> None:
    one, by = intent(), signer("it's; a")
    intents = Select(lambda: Intent.objects.filter(reference=Given("reference")))
    accounts = Select(
        lambda: Signer.objects.filter(account=Given("account")).values_list("account")
    )
    asks = (
        intents.ask(reference=one.reference),
        accounts.ask(account=by.account),
        intents.ask(reference=uuid4()),
    )
    with CaptureQueriesContext(connection) as asked:
        read_together(*asks)
    assert len(asked) == 1
    assert [ask.rows for ask in asks] == [[one], [(by.account,)], []]


def test_rule_8_rows_are_locked_in_a_transaction_and_nowhere_else() -> None:
    one = intent()
    select = Select(lambda: Intent.objects.select_for_update().filter(pk=Given("pk")))
    for _ in range(2):  # built before, too
        with pytest.raises(TransactionManagementError):
            select.all(pk=one.pk)
        with transaction.atomic():
            assert select.all(pk=one.pk) == [one]


def test_rows_are_written_in_one_statement() -> None:
    rows = [intent(), intent(), intent()]
    for place, row in enumerate(rows[:2]):
        row.send_by, row.lease_owner, row.ended_height = place, 'it\'s {mine},\\ "too"', None
        row.due_at = timezone.now() if place else None
    with CaptureQueriesContext(connection) as asked:
        write_all(rows[:2], ["send_by", "lease_owner", "ended_height", "due_at"])
        write_all([], ["send_by"])
    assert len(asked) == 1
    stored = {row.pk: row for row in Intent.objects.all()}
    assert [values(stored[row.pk]) for row in rows] == [
        values(rows[0]), values(rows[1]), values(stored[rows[2].pk])
    ]  # fmt: skip
    assert stored[rows[2].pk].send_by == 7


def test_what_is_too_long_is_refused_and_not_cut() -> None:
    row = intent()
    row.lease_owner = "x" * 37
    with pytest.raises(DataError):
        write_all([row], ["lease_owner"])


def test_rows_that_are_gone_are_told() -> None:
    row = intent()
    Intent.objects.all().delete()
    with pytest.raises(DatabaseError, match="0 are there"):
        write_all([row], ["send_by"])


@pytest.mark.parametrize(
    "build",
    [
        lambda: Attempt.objects.select_related("intent__watch"),
        lambda: Intent.objects.annotate(late=F("send_by")),
    ],
    ids=["related of related", "annotated"],
)
def test_more_than_what_models_name_themselves_is_refused(
    build: Callable[[], QuerySet[Any]],
) -> None:
    """The columns of others stand between theirs."""
    with pytest.raises(FieldError):
        Select(build).all()
