"""What operators ask: GET /health (are we, and what we stand on, all right) and GET /metrics."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from django.core.cache import cache
from django.db import OperationalError, connection
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.http import require_safe
from django_prometheus.exports import ExportToDjangoView  # type: ignore[import-untyped]
from prometheus_client import CollectorRegistry, generate_latest, multiprocess
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from chains_app.adapters.interface import ChainAdapter
from chains_app.registry import chains, get_adapter, get_chain
from orchestrator.kernel.clock import wall_clock
from sessions_app.models import HAS_ENDED, Session

PROBE_SECONDS: Final = 1.0  # who has not answered by then is down
KEPT_SECONDS: Final = 1.0  # how long ago they may have ended

_started = time.monotonic()


@dataclass(frozen=True)
class Findings:
    """What the probes found: is each dependency up; `active_swaps` None without a database.

    `at`: when they had ended, by the steady clock.
    """

    connections: dict[str, bool]
    active_swaps: int | None
    at: float

    @property
    def status(self) -> str:
        """Without the database nothing works; without another one, part of it waits."""
        if not self.connections["database"]:
            return "unhealthy"
        return "healthy" if all(self.connections.values()) else "degraded"


class Prober:
    """Asks all dependencies at once, at most once per KEPT_SECONDS however many ask it."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(thread_name_prefix="probe")
        self._running: dict[str, Future[Any]] = {}
        self._lock = threading.Lock()
        self._found: Findings | None = None

    def findings(self) -> Findings:
        """Of probes that ended at most KEPT_SECONDS before this was asked, or since."""
        asked = time.monotonic()
        with self._lock:
            if self._found is None or asked - self._found.at > KEPT_SECONDS:
                self._found = self._probe()
            return self._found

    def _probe(self) -> Findings:
        # the first import of a chain library takes seconds, which are not the chain's silence
        adapters = {name: get_adapter(name) for name in chains()}
        probes: dict[str, Callable[[], Any]] = {
            name: partial(_is_chain_alive, adapter) for name, adapter in adapters.items()
        }
        probes |= {"redis": _ask_redis, "database": _count_active_swaps}
        for name, probe in probes.items():
            self._start(name, probe)
        wait(self._running.values(), timeout=PROBE_SECONDS)
        connections = {name: _is_up(self._running[name]) for name in probes}
        database = self._running["database"]
        count = database.result() if connections["database"] else None
        return Findings(connections, count, time.monotonic())

    def _start(self, name: str, probe: Callable[[], Any]) -> None:
        """A probe that still hangs from the last time is waited for again, not doubled."""
        earlier = self._running.get(name)
        if earlier is None or earlier.done():
            self._running[name] = self._threads.submit(probe)


_prober = Prober()


@require_safe
def health(_request: HttpRequest) -> JsonResponse:
    """503 without a database; 200 without a chain or Redis, since what does not need it goes on.

    {"status": healthy|degraded|unhealthy, "connections": {name: bool}, "metrics": {...}}
    """
    found = _prober.findings()
    code = HTTPStatus.SERVICE_UNAVAILABLE if found.status == "unhealthy" else HTTPStatus.OK
    uptime = int(time.monotonic() - _started)
    body = {
        "status": found.status,
        "connections": found.connections,
        "metrics": {"activeSwaps": found.active_swaps, "uptime": uptime},
    }
    return JsonResponse(body, status=code, headers={"Cache-Control": "no-store"})


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Counters of all processes where PROMETHEUS_MULTIPROC_DIR is set, else our own; and gauges."""
    _forget_dead_processes()
    page: HttpResponse = ExportToDjangoView(request)
    gauges = CollectorRegistry()
    gauges.register(SwapGauges())
    page.content += generate_latest(gauges)
    return page


class SwapGauges(Collector):
    """Computed from the database when scraped, so that restarts and many processes stay right."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        active = GaugeMetricFamily(
            "active_swaps", "Sessions that have not ended (activeSwaps).", labels=["status"]
        )
        attention = GaugeMetricFamily(
            "sessions_needing_attention", "Sessions that wait for a person."
        )
        try:
            counts = Session.objects.exclude(HAS_ENDED).values_list("status")
            for status, count in counts.annotate(Count("pk")):
                active.add_metric([status], count)
            attention.add_metric([], Session.objects.exclude(attention_since=None).count())
        except OperationalError:
            return  # a scrape without these gauges says more than a scrape that failed
        yield active
        yield attention


urlpatterns = [path("health", health), path("metrics", metrics)]


def _is_up(probe: Future[Any]) -> bool:
    return probe.done() and probe.exception() is None and probe.result() is not False


def _is_chain_alive(adapter: ChainAdapter) -> bool:
    """It answers, and its head is not stale: a node that lost its peers still answers."""
    head, stale_after = adapter.head(), get_chain(adapter.name).stale_after
    return stale_after is None or wall_clock() - head.time <= stale_after


def _ask_redis() -> None:
    cache.get("health")


def _count_active_swaps() -> int:
    try:
        return Session.objects.exclude(HAS_ENDED).count()
    finally:
        connection.close()  # this thread's; back to the pool, where there is one


def _forget_dead_processes() -> None:
    """What a killed process held open, it no longer holds."""
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    for file in Path(folder).glob("gauge_live*.db") if folder else ():
        pid = int(file.stem.rpartition("_")[2])
        if not _is_running(pid):
            multiprocess.mark_process_dead(pid, folder)  # type: ignore[no-untyped-call]


def _is_running(pid: int) -> bool:
    """Neither gone nor a zombie, which waits for a parent that may never ask."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
