"""Queries that are built once: for those that are asked with every block, move and session.

Django builds the SQL of a query anew each time that it is asked, which takes several times what
asking does (docs/adr/0017-what-is-asked-often-is-built-once.md).
"""

import re
from collections.abc import Callable, Collection, Sequence
from functools import cache
from typing import Any, Final, Generic, TypeVar

from django.core.exceptions import FieldError
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connection, models, transaction
from django.db.models.lookups import Lookup

_R = TypeVar("_R")
_M = TypeVar("_M", bound=models.Model)
_Row = Sequence[Any]
_SIZE: Final = re.compile(r"\([\d, ]+\)")  # a cast to a size would cut what is too long
_WRITE: Final = """
    UPDATE {table} AS old SET {changes} FROM unnest({arrays}) AS new({columns})
    WHERE old.{key} = new.{key}
"""


class Given(models.Expression):
    """Stands in a `Select` for a value that is named when it is asked."""

    def __init__(self, name: str) -> None:
        super().__init__(output_field=models.Field())
        self.name = name

    def as_sql(self, _compiler: object, _connection: object) -> tuple[str, tuple[Any, ...]]:
        return "%s", (self,)


class IsAmong(Lookup):
    """`IsAmong(F("reference"), Given("references"))`: of a list, however long it is when asked."""

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        column, before = self.process_lhs(compiler, connection)
        _, values = compiler.compile(self.rhs)
        return f"{column} = ANY(%s)", (*before, *values)


class Select(Generic[_R]):
    """A query that Django builds when it is first asked; each time it gets other values.

    `Select(lambda: Watch.objects.filter(chain=Given("chain")))` finds models (and what
    `select_related` names of theirs), or tuples as they are stored, with `values_list`. Values are
    given as they stand in their columns: of enumerations the `value`. Nothing is prefetched.
    """

    def __init__(self, build: Callable[[], "models.QuerySet[Any, _R]"]) -> None:
        self._build = build
        self._built: _Built | None = None

    def all(self, **values: Any) -> list[_R]:
        """All that it finds now."""
        asked = self.ask(**values)
        read_together(asked)
        return asked.rows

    def ask(self, **values: Any) -> "Ask[_R]":
        """To be read together with others."""
        if self._built is None:
            self._built = _Built(self._build())
        return Ask(self._built, values)

    def first(self, **values: Any) -> _R | None:
        """The first that it finds, or None; all are read."""
        return next(iter(self.all(**values)), None)


class Ask(Generic[_R]):
    """A `Select` with its values; it has `rows` when it was read, and not before."""

    rows: list[_R]

    def __init__(self, built: "_Built", values: dict[str, Any]) -> None:
        self.built, self.values = built, built.bind(values)


def read_together(*asks: Ask[Any]) -> None:
    """Read them one after the other, in their order, and in one exchange with the database: most of
    what a small query takes is the way there. Each sees what was committed when its turn came.

    Parameters have to be bound on our side, as Django does unless it is told otherwise.
    """
    if any(ask.built.is_locking for ask in asks) and not connection.in_atomic_block:
        raise transaction.TransactionManagementError("a lock needs its caller's transaction")
    with connection.cursor() as cursor:
        cursor.execute(
            "; ".join(ask.built.sql for ask in asks), [each for ask in asks for each in ask.values]
        )
        for place, ask in enumerate(asks):
            if place and not cursor.nextset():
                raise DatabaseError(f"{len(asks)} queries were asked, {place} are answered")
            ask.rows = [ask.built.make(row) for row in cursor.fetchall()]


class _Built:
    """SQL, and how its rows become what the query finds."""

    def __init__(self, queryset: "models.QuerySet[Any, Any]") -> None:
        query = queryset.query
        self.sql, self._parameters = query.sql_with_params()
        self.is_locking = query.select_for_update
        self.make: Callable[[_Row], Any] = tuple
        if not query.values_select:
            related = query.select_related if isinstance(query.select_related, dict) else {}
            if query.annotations or any(related.values()):
                raise FieldError("a Select finds models with what they name themselves, no more")
            self.make = model_maker(queryset.model, related)

    def bind(self, values: dict[str, Any]) -> list[Any]:
        """What stands in the SQL's places."""
        return [_bound(each, values) for each in self._parameters]


def _bound(parameter: Any, values: dict[str, Any]) -> Any:
    return values[parameter.name] if isinstance(parameter, Given) else parameter


def model_maker(
    model: type[_M], related: Collection[str] = (), start: int = 0
) -> Callable[[_Row], _M]:
    """What makes a model of a row: of the columns of its concrete fields, in their order, from
    `start` on; and the related ones that are named, of those behind.
    """
    fields = model._meta.concrete_fields
    names, end = [field.attname for field in fields], start + len(fields)
    stored_otherwise = [
        (place, field.from_db_value)
        for place, field in enumerate(fields)
        if hasattr(field, "from_db_value")
    ]
    makers, behind = {}, end
    for field in model._meta.fields:
        other = field.related_model
        if other is not None and field.name in related:
            makers[field] = model_maker(other, (), behind)
            behind += len(other._meta.concrete_fields)

    def make(row: _Row) -> _M:
        values = list(row[start:end])
        for place, convert in stored_otherwise:
            values[place] = convert(values[place], None, connection)
        made = model.from_db(DEFAULT_DB_ALIAS, names, values)
        for field, make_related in makers.items():
            is_there = getattr(made, field.attname) is not None
            setattr(made, field.name, make_related(row) if is_there else None)
        return made

    return make


def write_all(rows: Sequence[models.Model], names: Sequence[str]) -> None:
    """Store these fields of rows that are there, in one statement; of such fields whose values
    stand in their columns as they are. Raises DatabaseError when one is not there.
    """
    if not rows:
        return
    arrays = [[getattr(row, name) for row in rows] for name in ("pk", *names)]
    with connection.cursor() as cursor:
        cursor.execute(_writing(type(rows[0]), tuple(names)), arrays)
        if cursor.rowcount != len(rows):
            raise DatabaseError(f"{len(rows)} rows were to be written, {cursor.rowcount} are there")


@cache
def _writing(model: type[models.Model], names: tuple[str, ...]) -> str:
    fields = {field.name: field for field in model._meta.concrete_fields}
    written = [model._meta.pk, *(fields[name] for name in names)]
    columns = [str(field.column) for field in written]
    types = [_SIZE.sub("", str(field.db_type(connection))) for field in written]
    return _WRITE.format(
        table=model._meta.db_table,
        key=columns[0],
        columns=", ".join(columns),
        changes=", ".join(f"{column} = new.{column}" for column in columns[1:]),
        arrays=", ".join(f"%s::{type_}[]" for type_ in types),
    )
