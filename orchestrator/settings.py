"""Django's settings, from typed environment variables; a wrong one ends the start in one line."""

import sys
from pathlib import Path
from urllib.parse import unquote

from pydantic import PostgresDsn, SecretStr, ValidationError
from pydantic_settings import BaseSettings

BASE_DIR = Path(__file__).resolve().parent.parent


class Environment(BaseSettings):
    """What the service reads from its environment."""

    secret_key: SecretStr
    database_url: PostgresDsn
    allowed_hosts: list[str] = ["127.0.0.1", "localhost"]
    debug: bool = False


def read_environment() -> Environment:
    """The checked environment; exits with one line that names every variable that is wrong."""
    try:
        return Environment()
    except ValidationError as error:
        wrong = [f"{str(one['loc'][0]).upper()}: {one['msg']}" for one in error.errors()]
        sys.exit(
            f"wrong configuration: {'; '.join(wrong)} (`python -m devnet up` writes one that works)"
        )


def database_settings(url: PostgresDsn) -> dict[str, object]:
    """Django's form of a PostgreSQL URL."""
    host = url.hosts()[0]
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": (url.path or "").lstrip("/"),
        "USER": unquote(host["username"] or ""),
        "PASSWORD": unquote(host["password"] or ""),
        "HOST": host["host"] or "",
        "PORT": str(host["port"] or 5432),
    }


ENVIRONMENT = read_environment()

SECRET_KEY = ENVIRONMENT.secret_key.get_secret_value()
DEBUG = ENVIRONMENT.debug
ALLOWED_HOSTS = ENVIRONMENT.allowed_hosts
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "sessions_app",
    "auctions_app",
    "chains_app",
    "secrets_app",
]
DATABASES = {"default": database_settings(ENVIRONMENT.database_url)}
ROOT_URLCONF = "orchestrator.urls"
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
