"""Child processes that cannot outlive us: every server of the devnet is started here."""

import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)
# The death signal comes when the thread that started a child ends: this one lives as long as we do.
_starter = ThreadPoolExecutor(1, thread_name_prefix="starter")


class StartError(RuntimeError):
    """A server of the devnet did not start; the message says which one and shows its last lines."""


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def accepts_connections(port: int) -> bool:
    """Whether something listens on 127.0.0.1:port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass
class Child:
    """A running server: `stop_signal` asks it to end, and the kernel sends it when we die.

    `launch` starts the same command once more, into the same log.
    """

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    stop_signal: signal.Signals
    launch: Callable[[], subprocess.Popen[bytes]]

    @property
    def has_ended(self) -> bool:
        """Whether the process has ended, by itself or by a signal."""
        return self.process.poll() is not None

    def restart(self) -> None:
        """Start what has ended, or was stopped, again."""
        self.process = self.launch()

    def kill(self) -> None:
        """`kill -9`, of the process and of all that it started."""
        with suppress(ProcessLookupError):  # the last of them has ended
            os.killpg(self.process.pid, signal.SIGKILL)  # it leads a group of its own
        self.process.wait()

    def require_running(self) -> None:
        """Raise StartError with the end of the log if the process has ended."""
        if self.has_ended:
            tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-5:])
            raise StartError(f"{self.name} ended with {self.process.returncode}:\n{tail}")

    def wait_until(self, ready: Callable[[], bool], seconds: float = 20) -> None:
        """Poll `ready` until it holds; raise StartError if the process ends or time runs out."""
        deadline = time.monotonic() + seconds
        while not ready():
            self.require_running()
            if time.monotonic() > deadline:
                raise StartError(f"{self.name} was not ready within {seconds} s; see {self.log}")
            time.sleep(0.02)
        self.require_running()  # and nobody else answers on its port

    def stop(self, seconds: float = 10) -> None:
        """Ask the process to end and wait; kill it when it does not within `seconds`."""
        if not self.has_ended:
            self.process.send_signal(self.stop_signal)
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start(
    name: str,
    command: Sequence[str | Path],
    folder: Path,
    *,
    stop_signal: signal.Signals = signal.SIGTERM,
    user: int | None = None,
    env: Mapping[str, str] | None = None,
    working_folder: Path | None = None,
) -> Child:
    """Start `command` with its output in `folder`/`name`.log, bound to the life of this process.

    Its own session keeps a terminal's Ctrl-C away, so that we end the servers in our order.
    With `user` it runs under that uid and gid (PostgreSQL refuses root).
    """
    log = folder / f"{name}.log"
    parent = os.getpid()

    def launch() -> subprocess.Popen[bytes]:
        with log.open("ab") as output:
            return subprocess.Popen(  # noqa: S603 - our own commands, no shell
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=working_folder or folder,
                env=None if env is None else dict(env),
                user=user,
                group=user,
                extra_groups=None if user is None else [],
                start_new_session=True,
                preexec_fn=lambda: _die_with_parent(parent, stop_signal),
            )

    def start_again() -> subprocess.Popen[bytes]:
        return _starter.submit(launch).result()

    return Child(name, start_again(), log, stop_signal, start_again)


def _die_with_parent(parent: int, stop_signal: signal.Signals) -> None:
    """Runs in the child, after the change of uid (which would clear the death signal)."""
    _libc.prctl(_PR_SET_PDEATHSIG, int(stop_signal))
    if os.getppid() != parent:  # the parent died before prctl: nobody would ever signal us
        os._exit(1)
