"""Where a worker can die while it makes one of our calls."""

from pathlib import Path
from typing import Final

ACTIONS: Final = ("lock destination", "withdraw destination", "withdraw source")

# in the order in which a call comes to them
POINTS: Final = (
    "its plan is not committed",
    "its plan is committed",
    "the guard is not asked to sign",
    "the guard has agreed to sign",
    "it is prepared",
    "its bytes are not committed",
    "its bytes are committed",
    "the guard has agreed to send",
    "left_at is not committed",
    "left_at is committed",
    "its bytes have left, no answer came",
    "its answer came and is not recorded",
    "it is recorded as sent",
    "its block is not committed for its lock",
    "its block is committed for its lock",
    "its inclusion is not marked",
    "its inclusion is marked",
    "its finality is not marked",
    "its finality is marked",
    "its intent is not ended",
    "its intent is ended",
    "its session's move is not committed",
    "its session's move is committed",
    # not on the way of a call that goes well: something goes wrong first
    "what grew old unsent is not voided",
    "what grew old unsent is voided",
    "what was overtaken is not marked dead",
    "what was overtaken is marked dead",
)
AGED: Final = POINTS[-4:-2]
OVERTAKEN: Final = POINTS[-2:]


class Ledger:
    """Which session's worker dies where (files, so that they outlive every worker)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def arm(self, session: str, point: str) -> None:
        """Let the worker die once at `point` of each of this session's ACTIONS."""
        (self._folder / session).write_text(point)

    def is_armed(self, session: str, action: str, point: str) -> bool:
        """Whether it is this session's point, and nobody has died there for this action."""
        armed = self._folder / session
        is_there = armed.exists() and armed.read_text() == point
        return is_there and not self._mark(session, action, "death").exists()

    def take(self, session: str, action: str, what: str) -> bool:
        """True for the first who asks for `what`: a death, or a mishap before it."""
        try:
            self._mark(session, action, what).touch(exist_ok=False)
        except FileExistsError:
            return False
        return True

    def deaths(self) -> list[tuple[str, str]]:
        """(session, action) of all deaths."""
        marks = [mark.stem.split("~") for mark in self._folder.glob("*.death")]
        return [(session, action) for session, action in marks]

    def _mark(self, session: str, action: str, what: str) -> Path:
        return self._folder / f"{session}~{action}.{what}"
