"""The service's own Prometheus metrics; docs/metrics.md lists them, and a test compares.

Counters and histograms are counted where it happens, after the commit (`transaction.on_commit`).
Gauges of what the database knows are not here: they are computed when scraped, by collectors.
"""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

# when a process began says nothing here, and doubles the page
disable_created_metrics()  # type: ignore[no-untyped-call]

swaps_initiated: Final = Counter("swaps_initiated", "Sessions created (swapsInitiated).", ["route"])
swaps_completed: Final = Counter(
    "swaps_completed", "Sessions that reached completed (swapsCompleted).", ["route"]
)
swaps_failed: Final = Counter(
    "swaps_failed",
    "Sessions that ended without the swap, by the status that they ended in (swapsFailed).",
    ["route", "status"],
)
swap_duration: Final = Histogram(
    "swap_duration_seconds",
    "From the fill to completed (swapDuration).",
    ["route"],
    buckets=(1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 3600, 7200, 14400),
)
api_latency: Final = Histogram(
    "api_latency_seconds",
    "From the request's arrival to its answer (apiLatency).",
    ["method", "route", "status"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
connected_clients: Final = Gauge(
    "connected_clients",
    "Open WebSocket connections (connectedClients).",
    multiprocess_mode="livesum",
)
hints_lost: Final = Counter(
    "hints_lost", "Hints that could not be sent because the broker did not answer."
)
