"""One guard of the service's code, how to take it away, and the tests that then fail."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Guard:
    """A row of the table.

    `rule`: its number in docs/rules.md. `name`: of the row, for the command line. `what`:
    what holds while the guard is there. `before` stands once in `file`; with `after` in its place
    the guard is gone. `tests`: ids as pytest takes them, each one a test that must fail then.
    """

    rule: int
    name: str
    what: str
    file: str
    before: str
    after: str
    tests: tuple[str, ...]

    def mutated(self, source: str) -> str:
        """The file's text without the guard. Raises ValueError when `before` is not there once."""
        if source.count(self.before) != 1:
            raise ValueError(f"{self.name}: found {source.count(self.before)} times in {self.file}")
        return source.replace(self.before, self.after)
