"""`make up`: the whole service on a devnet at http://127.0.0.1:8080, until Ctrl-C."""

import secrets
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType

from devnet.demo import say
from devnet.folders import environment_file, write_environment
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
        with (
            environment_file("up") as file,
            Devnet(BlockTimes()) as devnet,
            tempfile.TemporaryDirectory() as folder,
        ):
            ports = {"web_port": WEB_PORT, "ws_port": WS_PORT}
            _serve(devnet, Service(Path(folder), devnet.environment, **ports), file)
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


def _serve(devnet: Devnet, service: Service, file: Path) -> None:
    try:
        password = secrets.token_urlsafe(12)
        service.environment["DJANGO_SUPERUSER_PASSWORD"] = password
        user = ["--username", "admin", "--email", "admin@example.invalid"]
        service.manage("createsuperuser", "--no-input", *user)
        del service.environment["DJANGO_SUPERUSER_PASSWORD"]
        key = service.create_client("local")
        values = {**devnet.environment, "FEED_URL": service.environment["FEED_URL"]}
        write_environment(file, values)
        say("\n".join([*_doors(service.url, password, key), *_means(values, service.folder, file)]))
        while True:
            devnet.require_running()
            for name in service.restart_ended():
                say(f"{name} ended and was started again")
            time.sleep(1)
    finally:
        service.stop()


def _doors(url: str, password: str, key: str) -> Iterator[str]:
    yield f"{url}/          a session's page"
    yield f"{url}/admin     user admin, password {password}"
    yield f"{url}/api/docs  the API; key for X-API-Key: {key}"


def _means(values: Mapping[str, str], logs: Path, file: Path) -> Iterator[str]:
    """What a frontend and support go on with; keys stand in the file alone."""
    yield f"the feed: {values['FEED_URL']}"
    for chain in ("BASE", "NEAR"):
        maker = f"{values[f'MAKER_{chain}_ACCOUNT']}, its key MAKER_{chain}_KEY in {file}"
        yield f"{chain}: {values[f'{chain}_RPC_URL']}; the maker {maker}"
    yield f"logs: {logs}/*.log"
    yield "manage.py, in another shell:"
    yield f"  set -a; . {file}; set +a"
    yield "  .venv/bin/python manage.py list_stuck_sessions"
    yield "Ctrl-C ends everything, and removes that file and the logs"


if __name__ == "__main__":
    sys.exit(main())
