"""The tables of docs/mutations.md, from the rows of guards: `python -m tests.mutations.page`."""

from collections.abc import Iterator, Sequence
from typing import Final

from tests.mutations.guard import ROOT, Guard
from tests.mutations.guards import GUARDS

PAGE: Final = ROOT / "docs/mutations.md"
RULES: Final = {
    1: "Every end is atomic",
    2: "The ladder, before our lock is signed",
    3: "What a secret of ours waits for",
    4: "After the reveal only forward, destination first",
    5: "Sign, store, commit, send",
    6: "Unknown is not failed",
    7: "Truth is on the chain",
    8: "The database is the queue",
    9: "One writer of status",
    10: "No exchange with a node inside a transaction",
    11: "Whose clock",
    12: "Money is integers",
    13: "A secret is shown nowhere",
    14: "Deaths and races, and what is promised twice",
    15: "Signers are narrow",
}
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
