"""A transition as clients hear of it: over the WebSocket and from `/events`, in one shape."""

from collections.abc import Mapping
from typing import Any, Final

from orchestrator.kernel.clock import iso
from sessions_app.domain.states import Status
from sessions_app.models import Transition

S = Status

# What a status means to a person, and how far the swap is, in percent.
PHASES: Final[Mapping[Status, tuple[str, int]]] = {
    S.INITIALIZED: ("preparing", 0),
    S.EXECUTING: ("auction", 10),
    S.SOURCE_LOCKING: ("locking", 20),
    S.SOURCE_LOCKED: ("locking", 35),
    S.DESTINATION_LOCKING: ("locking", 50),
    S.BOTH_LOCKED: ("locking", 70),
    S.REVEALING_SECRET: ("paying", 85),
    S.COMPLETED: ("completed", 100),
    S.TIMEOUT: ("returning", 60),
    S.FAILED: ("returning", 60),
    S.REFUNDING: ("returning", 80),
    S.REFUNDED: ("returned", 100),
    S.CANCELLED: ("returned", 100),
}


def update_of(transition: Transition) -> dict[str, Any]:
    """`session_update`, as JSON."""
    phase, progress = PHASES[Status(transition.after)]
    return {
        "type": "session_update",
        "sessionId": str(transition.session_id),
        "status": transition.after,
        "seq": transition.seq,
        "data": {
            "phase": phase,
            "progress": progress,
            "reason": transition.reason,
            "at": iso(transition.at),
            "byReorganisation": transition.by_reorganisation,
        },
    }
