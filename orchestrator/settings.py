"""Django's settings, from typed environment variables; a wrong one ends the start in one line."""

import gc
import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from kombu import Queue
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import Field, PostgresDsn, RedisDsn, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError
from redis.backoff import NoBackoff
from redis.retry import Retry

from orchestrator.kernel.cipher import KEY_LENGTH
from orchestrator.observability.logs import logging_settings

BASE_DIR = Path(__file__).resolve().parent.parent

# each query makes thousands of objects that end by themselves: at Python's own 700 the collector
# takes a tenth of a worker's time, and finds next to nothing
gc.set_threshold(50_000, 20, 20)


class Environment(BaseSettings):
    """What every process reads, `manage.py` too."""

    model_config = SettingsConfigDict(use_attribute_docstrings=True)

    secret_key: Annotated[SecretStr, Field(min_length=50)]
    """Signs staff's logins and clients' tokens; another one ends them all."""
    database_url: PostgresDsn
    """PostgreSQL, as libpq reads it (`?sslmode=verify-full`, several hosts); secret where the
    password stands in it."""
    redis_url: RedisDsn = RedisDsn("redis://127.0.0.1:6379/0")
    """Redis; secret where the password stands in it."""
    vault_keys: dict[int, SecretStr]
    """Key id (grows with each rotation) to 64 hex digits: `{"1": "..."}`. Swaps' secrets are sealed
    under the newest, and opened by any."""
    allowed_hosts: list[str] = ["127.0.0.1", "localhost"]
    """The names by which it is asked for; a request for another is refused."""
    cors_origins: list[str] = []
    """Origins whose pages may call the API from a browser: `["https://app.example.org"]`."""
    https: bool = False
    """A proxy before us speaks TLS and says so by `X-Forwarded-Proto`; what came without is sent to
    https, but for `/health` and `/metrics`."""
    trusted_proxies: Annotated[int, Field(ge=0, le=9)] = 0
    """Proxies before us that add to `X-Forwarded-For`; 0: the header is not read."""
    feed_url: str = "ws://127.0.0.1:8081/ws"
    """Where clients reach `ws`; each session's answer tells it (`feedUrl`)."""
    database_pool: Annotated[int, Field(ge=0, le=100)] = 0
    """Connections to share; 0: one per thread. The Procfile says 8 for `web`, whose threads come
    and go."""
    client_requests_per_minute: Annotated[int, Field(ge=1)] = 600
    """Of an API client."""
    address_requests_per_minute: Annotated[int, Field(ge=1)] = 300
    """Of an address from which no good key or token comes."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """The least that is logged: JSON lines on standard error."""
    debug: bool = False
    """Django's pages on errors, which show the code to whoever asks: for development alone."""

    @field_validator("database_url")
    @classmethod
    def _check_database_url(cls, url: PostgresDsn) -> PostgresDsn:
        try:
            conninfo_to_dict(str(url))
        except ProgrammingError:
            raise ValueError("libpq does not know one of its parameters: correct it") from None
        return url

    @field_validator("vault_keys")
    @classmethod
    def _check_vault_keys(cls, keys: dict[int, SecretStr]) -> dict[int, SecretStr]:
        try:
            lengths = {len(bytes.fromhex(key.get_secret_value())) for key in keys.values()}
        except ValueError:
            lengths = set()
        if lengths != {KEY_LENGTH} or min(keys) < 1:
            raise ValueError('give {"1": "64 hex digits"}, with ids from 1 on')
        return keys


def read_environment() -> Environment:
    """The checked environment; exits with one line that names every variable that is wrong."""
    try:
        return Environment()
    except ValidationError as error:
        wrong = [f"{str(one['loc'][0]).upper()}: {one['msg']}" for one in error.errors()]
    except SettingsError as error:  # a list or map that is not JSON
        name = str(error).split('"')[1].upper()
        wrong = [f"{name}: not JSON"]
    sys.exit(
        f"wrong configuration: {'; '.join(wrong)} (`make up` writes one that works: .devnet/up.env)"
    )


def database_settings(url: PostgresDsn, pool: int = 0) -> dict[str, Any]:
    """Django's form of a PostgreSQL URL, with our settings, and a pool of `pool` connections.

    libpq reads the URL: several hosts, a Unix socket, `?sslmode=verify-full` are what it says.
    """
    parts = conninfo_to_dict(str(url))
    given = {name: parts.pop(name, "") for name in ("dbname", "user", "password", "host", "port")}
    ours = [f"-c {name}={value}" for name, value in DATABASE_SESSION.items()]
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": given["dbname"],
        "USER": given["user"],
        "PASSWORD": given["password"],
        "HOST": given["host"],
        "PORT": given["port"] or "5432",
        # a pool keeps its own connections; without one, each thread of a worker keeps one a minute
        "CONN_MAX_AGE": 0 if pool else 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            **DATABASE_LOSS,
            **parts,
            "options": " ".join([str(parts.get("options", "")), *ours]).strip(),
            # for the web process alone, whose threads come and go; a worker's are few and stay
            **({"pool": {"min_size": 1, "max_size": pool, "timeout": 5}} if pool else {}),
        },
    }


DATABASE_LOSS = {
    # a host that swallows packets must hold no request and no task for long: who connects gives up,
    # and a connection that was good is found dead
    "connect_timeout": 3,
    "tcp_user_timeout": 5_000,  # milliseconds, while the host owes us an acknowledgement
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}
DATABASE_SESSION = {
    # a chain keeps what we told it, so no commit may be lost; the default of a server, database or
    # role may be another
    "synchronous_commit": "on",
    # the longest statement of ours, a sweep over a million sessions, takes a tenth of it
    "statement_timeout": "15s",
    # who waits so long for a row stands behind a stuck holder: give up, the sweep comes again
    "lock_timeout": "5s",
    # no I/O happens inside a transaction (rule 10), so an idle one belongs to a frozen process,
    # which would hold its rows against everybody else
    "idle_in_transaction_session_timeout": "10s",
}

ENVIRONMENT = read_environment()

SECRET_KEY = ENVIRONMENT.secret_key.get_secret_value()
VAULT_KEYS = {
    key_id: bytes.fromhex(key.get_secret_value()) for key_id, key in ENVIRONMENT.vault_keys.items()
}
FEED_URL = ENVIRONMENT.feed_url
DEBUG = ENVIRONMENT.debug
ALLOWED_HOSTS = ENVIRONMENT.allowed_hosts

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "channels",
    "corsheaders",
    "django_prometheus",
    "drf_spectacular",
    "rest_framework",
    "orchestrator.audit",
    "orchestrator.clients",
    "orchestrator.http",
    "sessions_app",
    "auctions_app",
    "chains_app",
    "secrets_app",
]
MIDDLEWARE = [
    "orchestrator.observability.requests.RequestMiddleware",
    "orchestrator.http.waiting.PatienceMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "orchestrator.http.headers.ContentSecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
ROOT_URLCONF = "orchestrator.urls"
WSGI_APPLICATION = "orchestrator.wsgi.application"
ASGI_APPLICATION = "orchestrator.asgi.application"
APPEND_SLASH = True  # for /admin; no URL of the API ends in one

DATABASES = {"default": database_settings(ENVIRONMENT.database_url, ENVIRONMENT.database_pool)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"

REDIS_URL = str(ENVIRONMENT.redis_url)
# counters and marks, nothing worth waiting for: who uses them goes on without
REDIS_OPTIONS: dict[str, Any] = {
    "socket_connect_timeout": 0.5,
    "socket_timeout": 0.5,
    "retry": Retry(NoBackoff(), 0),
}
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "1balancer",
        "OPTIONS": REDIS_OPTIONS,
    },
    "process": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL], "prefix": "1balancer-feed"},
    }
}

CELERY_BROKER_URL = REDIS_URL
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_SOFT_TIME_LIMIT = 60
CELERY_TASK_TIME_LIMIT = 90
# longer than any task may run, so that a running one is not given to a second worker
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 300, "socket_connect_timeout": 3}
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# so many tasks before Celery cuts the connection to the database; by default it does so before and
# after each, and connecting takes longer than most tasks: celery.py keeps it while it is good
CELERY_DB_REUSE_MAX = sys.maxsize
CELERY_TASK_QUEUES = [Queue("chains"), Queue("sessions"), Queue("housekeeping")]
CELERY_TASK_DEFAULT_QUEUE = "housekeeping"
CELERY_TASK_CREATE_MISSING_QUEUES = False  # a misspelt queue fails instead of filling unread
CELERY_TASK_ROUTES = {
    "chains_app.tasks.*": {"queue": "chains"},
    "sessions_app.tasks.*": {"queue": "sessions"},
    "sessions_app.tasks.forget_secrets": {"queue": "housekeeping"},
}
CELERY_BEAT_SCHEDULER = "celery.beat:Scheduler"  # all intervals are short: nothing to remember


def every(seconds: float, task: str) -> dict[str, Any]:
    """A beat entry; one that nobody took within its interval expires, the next one is as good."""
    return {"task": task, "schedule": timedelta(seconds=seconds), "options": {"expires": seconds}}


# hints are what makes things happen; these find what a lost hint left behind
CELERY_BEAT_SCHEDULE = {
    "poll_chains": every(2, "chains_app.tasks.poll_chains"),
    "run_outbox": every(2, "chains_app.tasks.run_outbox"),
    "advance_sessions": every(2, "sessions_app.tasks.advance_sessions"),
    "wake_overdue": every(30, "sessions_app.tasks.wake_overdue"),
    "send_vanished_again": every(10, "sessions_app.tasks.send_vanished_again"),
    "handle_surplus": every(5, "sessions_app.tasks.handle_surplus"),
    "forget_secrets": every(60, "sessions_app.tasks.forget_secrets"),
    "forget_old_answers": every(3600, "orchestrator.http.tasks.forget_old_answers"),
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "orchestrator.clients.authentication.ApiKeyAuthentication",
        "orchestrator.clients.authentication.TokenAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["orchestrator.clients.authentication.HasScope"],
    "DEFAULT_THROTTLE_CLASSES": ["orchestrator.http.throttling.RequestThrottle"],
    "DEFAULT_PARSER_CLASSES": ["orchestrator.http.parsing.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "orchestrator.http.problems.answer_problem",
    "NUM_PROXIES": ENVIRONMENT.trusted_proxies,
    "NON_FIELD_ERRORS_KEY": "body",
    "UNAUTHENTICATED_USER": None,
    "UNICODE_JSON": False,  # an error may repeat what was sent, and half a surrogate has no UTF-8
    "URL_FORMAT_OVERRIDE": None,
}
REQUESTS_PER_MINUTE = {
    "client": ENVIRONMENT.client_requests_per_minute,
    "address": ENVIRONMENT.address_requests_per_minute,
    "login": 10,  # of staff, from one address: who mistypes needs a few, who guesses many
}
SPECTACULAR_SETTINGS = {
    "TITLE": "1Balancer orchestrator",
    "DESCRIPTION": "Atomic swaps between BASE and NEAR.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "ENUM_ADD_EXPLICIT_BLANK_NULL_CHOICE": False,
    "ENUM_NAME_OVERRIDES": {
        "SessionStatus": "sessions_app.api.schemas.STATUSES",
        "SecretMode": "sessions_app.api.schemas.MODES",
        "LockMode": "sessions_app.api.schemas.LOCK_MODES",
        "LockState": "sessions_app.api.schemas.LOCK_STATES",
        "TransactionStatus": "sessions_app.api.schemas.TRANSACTION_STATUSES",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "orchestrator.http.schema.close_bodies",
        "orchestrator.http.schema.add_problems",
    ],
}

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("MinimumLengthValidator", "CommonPasswordValidator", "NumericPasswordValidator")
]
STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True  # no build step: the files of the apps are served as they lie there
DATA_UPLOAD_MAX_MEMORY_SIZE = 64 * 1024

CORS_ALLOWED_ORIGINS = ENVIRONMENT.cors_origins
CORS_URLS_REGEX = r"^/api/"
CORS_ALLOW_HEADERS = ["authorization", "content-type", "idempotency-key", "x-api-key"]
CORS_EXPOSE_HEADERS = ["idempotency-replayed", "retry-after", "x-request-id"]

X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Strict"
CSRF_COOKIE_SAMESITE = "Strict"
if ENVIRONMENT.https:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_REDIRECT_EXEMPT = [r"^health$", r"^metrics$"]  # asked from inside, without the proxy
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
    SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = True

LOGGING_CONFIG = "orchestrator.observability.logs.configure_logging"
LOGGING = logging_settings(ENVIRONMENT.log_level)
