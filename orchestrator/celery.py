"""The worker's and beat's application: `celery --app orchestrator worker`."""

import os
from collections.abc import Sequence

import structlog
from celery import Celery, Task
from celery.signals import beat_init, setup_logging, task_prerun, worker_init, worker_ready
from django.db import DatabaseError, close_old_connections, connection

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orchestrator.settings")

log = structlog.get_logger(__name__)
app = Celery("orchestrator")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def keep_our_logging(**_: object) -> None:
    """Django has set up logging already; with a receiver here, Celery leaves it alone."""


@worker_init.connect
@beat_init.connect
def check_configuration(**_: object) -> None:
    """A worker checks before it makes its children, beat before its first message."""
    from chains_app.checks import require_right_configuration  # its import needs the settings

    require_right_configuration()


@worker_ready.connect
def compare_with_chains(**_: object) -> None:
    """What is stored of open swaps is compared with both chains by the next polls."""
    from chains_app import watching  # its import needs the settings

    try:
        log.info("locks_to_compare", locks=watching.compare_with_chains())
    except DatabaseError as error:  # the next start does it
        log.warning("locks_not_compared", reason=type(error).__name__)
    finally:
        connection.close()  # the children do the work


@task_prerun.connect
def begin_task(task: Task[..., object], task_id: str, args: Sequence[str], **_: object) -> None:
    """Bind what the task logs to its name; and from now on let the next hint for it through.

    As before a request, a connection to the database that is old or broken is not used again.
    """
    from orchestrator.hints import take_hint  # its import needs the settings

    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(task=task.name, task_id=task_id)
    close_old_connections()
    take_hint(task.name, *args)
