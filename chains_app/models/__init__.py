"""What the service knows of the chains (`read`) and wants of them (`wanted`)."""

from chains_app.models.leased import Leased
from chains_app.models.read import (
    ChainBlock,
    ChainCursor,
    Creation,
    InboxFact,
    Located,
    Observation,
    SeenLock,
    Watch,
)
from chains_app.models.wanted import (
    ALIVE,
    FILL,
    IS_OPEN,
    ON_THE_WAY,
    OPEN_INTENTS,
    Attempt,
    AttemptStatus,
    Intent,
    IntentStatus,
    Signer,
    Spending,
)

__all__ = [
    "ALIVE",
    "FILL",
    "IS_OPEN",
    "ON_THE_WAY",
    "OPEN_INTENTS",
    "Attempt",
    "AttemptStatus",
    "ChainBlock",
    "ChainCursor",
    "Creation",
    "InboxFact",
    "Intent",
    "IntentStatus",
    "Leased",
    "Located",
    "Observation",
    "SeenLock",
    "Signer",
    "Spending",
    "Watch",
]
