"""`make up`: the whole service on a devnet at http://127.0.0.1:8080, until Ctrl-C."""

import secrets
import signal
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType

from devnet.demo import say
from devnet.network import BlockTimes, Devnet
from devnet.processes import StartError, accepts_connections
from devnet.service import Service

WEB_PORT, WS_PORT = 8080, 8081


def main() -> int:
    """Start everything, print where it is and how to get in; 0 after Ctrl-C or SIGTERM."""
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell's background job ignores the first
        signal.signal(number, _interrupt)
    try:
        _require_free_ports()
        with Devnet(BlockTimes()) as devnet, tempfile.TemporaryDirectory() as folder:
            ports = {"web_port": WEB_PORT, "ws_port": WS_PORT}
            _serve(devnet, Service(Path(folder), devnet.environment, **ports))
    except StartError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    except KeyboardInterrupt:
        pass
    return 0


def _require_free_ports() -> None:
    for port in (WEB_PORT, WS_PORT):
        if accepts_connections(port):
            raise StartError(f"port {port} is taken: end what listens there, then try again")


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _serve(devnet: Devnet, service: Service) -> None:
    try:
        password = secrets.token_urlsafe(12)
        service.environment["DJANGO_SUPERUSER_PASSWORD"] = password
        user = ["--username", "admin", "--email", "admin@example.invalid"]
        service.manage("createsuperuser", "--no-input", *user)
        del service.environment["DJANGO_SUPERUSER_PASSWORD"]
        key = service.create_client("local")
        _print(service.url, password, key)
        while True:
            devnet.require_running()
            for name in service.restart_ended():
                say(f"{name} ended and was started again")
            time.sleep(1)
    finally:
        service.stop()


def _print(url: str, password: str, key: str) -> None:
    lines = [
        f"{url}/          a session's page",
        f"{url}/admin     user admin, password {password}",
        f"{url}/api/docs  the API; key for X-API-Key: {key}",
        "Ctrl-C ends everything",
    ]
    say("\n".join(lines))


if __name__ == "__main__":
    sys.exit(main())
