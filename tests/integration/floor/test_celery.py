import subprocess
import sys
from collections.abc import Generator
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from orchestrator.celery import app
from orchestrator.clients.models import ApiClient
from orchestrator.hints import send_hint
from orchestrator.http.models import StoredAnswer
from tests.integration.floor.conftest import process_environment
from tests.unit.chains.environment import ENVIRONMENT as SILENT_CHAINS

ROOT = Path(__file__).resolve().parents[3]
TASK = "orchestrator.http.tasks.forget_old_answers"


def queue_of(task: str) -> str:
    route = app.amqp.router.route({}, task, task_type=type(app.tasks[task]))
    return str(route["queue"].name)


@pytest.fixture(scope="module", autouse=True)
def _tasks() -> None:
    app.loader.import_default_modules()


def test_every_scheduled_task_exists_and_expires_within_its_interval() -> None:
    schedule = settings.CELERY_BEAT_SCHEDULE.values()
    assert {entry["task"] for entry in schedule} <= set(app.tasks)
    for entry in schedule:
        assert timedelta(seconds=entry["options"]["expires"]) <= entry["schedule"]


def test_each_app_has_its_queue() -> None:
    queues = {entry["task"]: queue_of(entry["task"]) for entry in app.conf.beat_schedule.values()}
    assert queues == {
        "chains_app.tasks.poll_chains": "chains",
        "chains_app.tasks.run_outbox": "chains",
        "sessions_app.tasks.advance_sessions": "sessions",
        "sessions_app.tasks.forget_secrets": "housekeeping",
        "sessions_app.tasks.handle_surplus": "sessions",
        "sessions_app.tasks.send_vanished_again": "sessions",
        "sessions_app.tasks.wake_overdue": "sessions",
        TASK: "housekeeping",
    }


def test_a_message_is_kept_until_its_task_is_done_and_no_longer_than_needed() -> None:
    conf = app.conf
    assert (conf.task_acks_late, conf.task_reject_on_worker_lost) == (True, True)
    assert (conf.worker_prefetch_multiplier, conf.task_ignore_result) == (1, True)
    limits = (
        conf.task_soft_time_limit,
        conf.task_time_limit,
        conf.broker_transport_options["visibility_timeout"],
    )
    assert sorted(set(limits)) == list(limits)


@pytest.fixture
def worker() -> Generator[subprocess.Popen[bytes]]:
    """A real worker on the test's database."""
    command = [sys.executable, "-m", "celery", "--app", "orchestrator.celery", "worker"]
    command += ["--pool", "solo", "--queues", "housekeeping", "--without-gossip"]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=process_environment(**SILENT_CHAINS),
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    yield process
    process.terminate()
    process.communicate()


@pytest.mark.django_db(transaction=True)
def test_a_hint_makes_a_real_worker_run_the_task(worker: subprocess.Popen[bytes]) -> None:
    run_task(worker, ApiClient.objects.create(name="c", scopes=[]))


def connections_of_others() -> set[int]:
    """The server processes of all connections to this database but ours."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        return {pid for (pid,) in cursor.fetchall()}


def run_task(worker: subprocess.Popen[bytes], client: ApiClient) -> None:
    """Have a worker forget an old answer, and wait until it has."""
    long_ago = timezone.now() - timedelta(days=30)
    StoredAnswer.objects.create(client=client, key="k", fingerprint=b"", created_at=long_ago)
    while StoredAnswer.objects.exists():
        send_hint(TASK)  # one that came long before the worker has expired
        assert worker.poll() is None, worker.stderr and worker.stderr.read().decode()


@pytest.mark.django_db(transaction=True)
def test_a_worker_keeps_its_connection_until_that_is_cut(worker: subprocess.Popen[bytes]) -> None:
    client, before = ApiClient.objects.create(name="c", scopes=[]), connections_of_others()
    run_task(worker, client)
    (kept,) = connections_of_others() - before
    run_task(worker, client)
    assert connections_of_others() - before == {kept}
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 10000)", [kept])
    run_task(worker, client)
    assert kept not in connections_of_others()
