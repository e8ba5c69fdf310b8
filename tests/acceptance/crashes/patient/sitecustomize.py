"""Python runs this at its start where it is on PYTHONPATH: a swap has time for many deaths."""

from auctions_app.config import DURATIONS
from chains_app.config import PolicyName

DURATIONS[PolicyName.DEVNET] |= {"time_to_lock": 120, "claim_window": 900}
