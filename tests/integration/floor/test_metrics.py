import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from rest_framework.test import APIClient

from devnet.processes import free_port
from orchestrator.clients.models import ApiClient
from orchestrator.observability import metrics
from sessions_app.domain.states import Status
from sessions_app.models import Session
from tests.integration.floor.conftest import caller, process_environment
from tests.integration.floor.test_health import add_session

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(__file__).resolve().parents[3]
STANDARD = ("python_", "process_", "django_")  # of prometheus_client and django-prometheus


def scrape(text: str | None = None) -> dict[str, dict[tuple[str, ...], float]]:
    """Each sample's value, by its name and its labels' values."""
    page = Client().get("/metrics").content.decode() if text is None else text
    samples: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            samples.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return samples


def families() -> dict[str, str]:
    """Our metrics by name, with their type, as they are scraped."""
    page = Client().get("/metrics").content.decode()
    return {
        family.name: family.type
        for family in text_string_to_metric_families(page)
        if not family.name.startswith(STANDARD)
    }


def test_the_page_lists_exactly_the_metrics_that_there_are() -> None:
    page = (ROOT / "docs/metrics.md").read_text()
    listed = dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", page, re.MULTILINE))
    assert listed == {
        name + ("_total" if kind == "counter" else ""): kind for name, kind in families().items()
    }


def test_gauges_come_from_the_database() -> None:
    client = ApiClient.objects.create(name="c", scopes=[])
    for number, status in enumerate([Status.EXECUTING, Status.EXECUTING, Status.COMPLETED], 1):
        add_session(client, status, number)
    Session.objects.filter(status="completed").update(
        attention="lost_race", attention_since=timezone.now()
    )
    samples = scrape()
    assert samples["active_swaps"] == {("executing",): 2}
    assert samples["sessions_needing_attention"] == {(): 1}


def test_without_the_database_the_other_metrics_are_still_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connections.close_all()
    monkeypatch.setitem(connections["default"].settings_dict, "PORT", str(free_port()))
    samples = scrape()
    assert "active_swaps" not in samples
    assert "hints_lost_total" in samples
    connections.close_all()


@pytest.mark.urls("tests.integration.floor.api")
def test_latency_is_counted_by_route_and_status(api: APIClient) -> None:
    before = requests_to("api/sessions/<str:session_id>")
    api.get("/api/sessions/a")
    api.get("/api/sessions/b")
    assert requests_to("api/sessions/<str:session_id>") == before + 2


@pytest.mark.urls("tests.integration.floor.api")
def test_a_stranger_cannot_make_up_labels() -> None:
    caller().generic("MADEUP", "/api/sessions/a")
    caller().get("/api/made/up")
    labels = {value for labels in latency_samples() for value in labels.values()}
    assert "other" in labels
    assert not any("made" in value.lower() for value in labels)


def latency_samples() -> list[dict[str, str]]:
    (family,) = metrics.api_latency.collect()
    return [sample.labels for sample in family.samples]


def requests_to(route: str) -> float:
    (family,) = metrics.api_latency.collect()
    counts = [s for s in family.samples if s.name.endswith("_count") and s.labels["route"] == route]
    return sum(sample.value for sample in counts)


COUNT = "metrics.swaps_initiated.labels('r').inc(); metrics.connected_clients.inc()"
SCRAPE = """
from django.test import Client
print(Client(HTTP_HOST='localhost').get('/metrics').content.decode())
"""


def run(code: str, folder: Path) -> str:
    """A process of its own that shares `folder` with the others; their counters outlive them."""
    set_up = "import django; django.setup(); from orchestrator.observability import metrics\n"
    done: Any = subprocess.run(
        [sys.executable, "-c", set_up + code],
        cwd=ROOT,
        env=process_environment(PROMETHEUS_MULTIPROC_DIR=str(folder)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return str(done.stdout)


def test_all_processes_are_counted_and_the_dead_hold_no_connections(tmp_path: Path) -> None:
    run(COUNT, tmp_path)
    run(COUNT + "; import os; os.kill(os.getpid(), 9)", tmp_path)
    samples = scrape(run(SCRAPE, tmp_path))
    assert samples["swaps_initiated_total"] == {("r",): 2}
    assert samples["connected_clients"] == {(): 0}
