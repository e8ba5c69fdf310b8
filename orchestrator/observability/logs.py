"""Logs: one JSON object per line on standard error, ours and those of libraries, redacted alike."""

import logging
import logging.config
from typing import Any

import structlog
from structlog.typing import Processor

from orchestrator.observability.redaction import redact_event

_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,  # session_id, request_id, task
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]

_LEVELS = {
    # a line for every task received and every connection made says nothing here
    "asyncio": "WARNING",
    "celery.app.trace": "WARNING",
    "celery.beat": "WARNING",
    "celery.worker.strategy": "WARNING",
    "urllib3": "WARNING",
    # what a stranger can cause at will: our own line for the request has its status
    "django.request": "ERROR",
    "django.security": "CRITICAL",
}


def logging_settings(level: str) -> dict[str, Any]:
    """The form of logging.config.dictConfig."""
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": [*_SHARED, structlog.stdlib.ExtraAdder()],
        "processors": [
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            redact_event,
            structlog.processors.JSONRenderer(sort_keys=True),
        ],
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": formatter},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {name: {"level": least} for name, least in _LEVELS.items()},
    }


def configure_logging(settings: dict[str, Any]) -> None:
    """Install `settings` (of `logging_settings`), and send structlog's events the same way.

    Django calls it at its start (LOGGING_CONFIG).
    """
    logging.config.dictConfig(settings)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
