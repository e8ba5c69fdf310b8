"""The service's own processes on a devnet: migrated, started from the Procfile, ended with us."""

import http.client
import os
import shlex
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from string import Template

from devnet.processes import Child, StartError, accepts_connections, free_port, start

ROOT = Path(__file__).resolve().parent.parent


class Installation:
    """A migrated database, and the environment and commands of the service's processes on it."""

    def __init__(
        self, folder: Path, environment: Mapping[str, str], *, web_port: int = 0, ws_port: int = 0
    ) -> None:
        """Migrate the database; raises StartError."""
        self.folder = folder
        self.web_port, self.ws_port = web_port or free_port(), ws_port or free_port()
        self.url = f"http://127.0.0.1:{self.web_port}"
        self.environment = _environment(environment, folder, self.web_port, self.ws_port)
        Path(self.environment["PROMETHEUS_MULTIPROC_DIR"]).mkdir(exist_ok=True)
        self.manage("migrate", "--no-input", "--verbosity", "0")

    def command(self, name: str) -> list[str]:
        """The command of a process of the Procfile, to be run in ROOT."""
        return shlex.split(Template(processes()[name]).substitute(self.environment))

    def manage(self, *arguments: str) -> str:
        """Standard output of `manage.py`; raises StartError with what it said when it fails."""
        done = subprocess.run(  # noqa: S603 - our own command, no shell
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise StartError(f"manage.py {arguments[0]}: {done.stderr.strip()[-2000:]}")
        return done.stdout

    def create_client(self, name: str) -> str:
        """A new API client's key, which may read and write."""
        options = ("--scopes", "read", "write", "--reason", "of this devnet")
        return self.manage("create_api_client", name, *options).strip()

    def is_listening(self) -> bool:
        """Whether web answers /health, whatever it says of the rest."""
        connection = http.client.HTTPConnection("127.0.0.1", self.web_port, timeout=5)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


class Service(Installation):
    """web, ws, worker, beat and heads on one devnet; `url` is the web process's."""

    def __init__(
        self, folder: Path, environment: Mapping[str, str], *, web_port: int = 0, ws_port: int = 0
    ) -> None:
        """Migrate the database and start every process, each of which checks itself; StartError."""
        super().__init__(folder, environment, web_port=web_port, ws_port=ws_port)
        self.processes: dict[str, Child] = {}
        with ExitStack() as stack:
            stack.callback(self.stop)
            for name in processes():
                self.start(name)
            self.processes["web"].wait_until(self.is_listening, 60)
            self.processes["ws"].wait_until(lambda: accepts_connections(self.ws_port), 60)
            self.require_running()
            stack.pop_all()

    def start(self, name: str, command: Sequence[str] = ()) -> None:
        """Start one process of the Procfile (again), or what a test runs in its place."""
        self.processes[name] = start(
            name,
            command or self.command(name),
            self.folder,
            env=self.environment,
            working_folder=ROOT,
        )

    def require_running(self) -> None:
        """Raise StartError, with the end of its log, if a process has ended."""
        for child in self.processes.values():
            child.require_running()

    def restart_ended(self, but: Collection[str] = ()) -> list[str]:
        """Start every process again that has ended, as whatever supervises them does; their names.

        A worker ends when Redis is gone while it has a message in hand.
        """
        found = [name for name, child in self.processes.items() if child.has_ended]
        ended = [name for name in found if name not in but]
        for name in ended:
            self.processes[name].restart()
        return ended

    def stop(self) -> None:
        """End all processes, the doors last."""
        for child in reversed(self.processes.values()):
            child.stop()


def processes() -> dict[str, str]:
    """The Procfile: each process's name and command."""
    lines = (ROOT / "Procfile").read_text().splitlines()
    return {name: command for name, _, command in (line.partition(": ") for line in lines)}


def _environment(
    values: Mapping[str, str], folder: Path, web_port: int, ws_port: int
) -> dict[str, str]:
    """The devnet's values over our PATH; a Python of ours first, whatever else is installed."""
    inherited = {
        name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ
    }
    return {
        **inherited,
        **values,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "WEB_PORT": str(web_port),
        "WS_PORT": str(ws_port),
        "FEED_URL": f"ws://127.0.0.1:{ws_port}/ws",
        "BEAT_FILE": str(folder / "beat"),
        "PROMETHEUS_MULTIPROC_DIR": str(folder / "metrics"),
    }
