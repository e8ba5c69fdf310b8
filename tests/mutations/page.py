"""The tables of docs/mutations.md, from the rows of guards: `python -m tests.mutations.page`.

The rules and their titles are those of docs/rules.md.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from tests.mutations.guard import ROOT, Guard
from tests.mutations.guards import GUARDS

PAGE: Final = ROOT / "docs/mutations.md"
_RULES_PAGE: Final = ROOT / "docs/rules.md"
_TITLE: Final = re.compile(r"^### (\d+)\. (.+)$", re.MULTILINE)
RULES: Final = {int(rule): title for rule, title in _TITLE.findall(_RULES_PAGE.read_text())}
_FIRST: Final = "\n## 1. "


def with_tables(text: str) -> str:
    """The page with its tables written anew; what stands before the first is kept."""
    before, _, _ = text.partition(_FIRST)
    return before + "".join(_section(rule, title) for rule, title in RULES.items())


def _section(rule: int, title: str) -> str:
    rows = [guard for guard in GUARDS if guard.rule == rule]
    return f"\n## {rule}. {title}\n\n" + "\n".join(_table(rows)) + "\n"


def _table(rows: Sequence[Guard]) -> Iterator[str]:
    yield "| row | guard | file | tests |"
    yield "|---|---|---|---|"
    for guard in rows:
        tests = ", ".join(f"`{test}`" for test in guard.tests)
        yield f"| {guard.name} | {guard.what} | `{guard.file}` | {tests} |"


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text()))
