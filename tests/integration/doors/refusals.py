"""What a refused call must be: one clear error, and no row of any table of ours changed."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.apps import apps

OURS = ("clients", "http", "sessions_app", "auctions_app", "chains_app", "secrets_app")
FACTS = {"type", "title", "status", "code", "detail", "errors"}
SAYS_WHAT_TO_DO = re.compile(
    r"\b(give|get|send|use|ask|pass|leave|taken?|lists|lacks|try|not exist)\b"
)


def rows() -> dict[str, list[Any]]:
    """Every row of every table of ours."""
    models = [model for label in OURS for model in apps.get_app_config(label).get_models()]
    return {
        model._meta.label: list(model._base_manager.order_by("pk").values_list())
        for model in models
    }


@contextmanager
def nothing_changes() -> Iterator[None]:
    """Fails when a row is another one, is new or is gone afterwards."""
    before = rows()
    assert before["sessions_app.Session"] is not None
    yield
    after = rows()
    changed = {name: (old, after[name]) for name, old in before.items() if after[name] != old}
    assert changed == {}, changed


def assert_refused(answer: dict[str, Any], code: str, field: str | None, value: str = "") -> None:
    """One problem with that code, which names field and value and says what to do."""
    assert answer.keys() == FACTS
    errors = answer["errors"]
    if field is None:
        assert (answer["code"], errors) == (code, []), answer
    else:
        assert [(one["field"], one["code"]) for one in errors] == [(field, code)], answer
    text = errors[0]["detail"] if errors else answer["detail"]
    assert value in text, (value, text)
    assert SAYS_WHAT_TO_DO.search(text), text
    assert len(str(answer)) < 2000
