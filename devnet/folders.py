"""Where servers keep their files for as long as they run, and what names them for a shell."""

import fcntl
import os
import shlex
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from devnet.processes import StartError

FOLDER_PREFIX: Final = "1balancer-devnet-"
ENVIRONMENTS: Final = Path(".devnet")


@contextmanager
def environment_file(name: str) -> Iterator[Path]:
    """Where the environment of what runs under this name is written; removed at the end.

    Raises StartError while another runs under it.
    """
    ENVIRONMENTS.mkdir(exist_ok=True)
    file = ENVIRONMENTS / f"{name}.env"
    with (ENVIRONMENTS / f"{name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StartError(f"devnet {name!r} runs already: choose another --name") from None
        try:
            yield file
        finally:
            file.unlink(missing_ok=True)


def write_environment(file: Path, values: Mapping[str, str]) -> None:
    """Write NAME=value lines for `set -a; . FILE`, readable by us alone: they hold keys; replaces
    the file at once.
    """
    fresh = file.with_suffix(".tmp")
    fresh.touch(mode=0o600)
    lines = (f"{name}={shlex.quote(value)}\n" for name, value in sorted(values.items()))
    fresh.write_text("".join(lines))
    os.replace(fresh, file)


def new_folder(stack: ExitStack) -> Path:
    """A temporary folder for the servers' files, locked while we live and removed at the end.

    Other users may pass through it (PostgreSQL runs under another uid when we are root).
    """
    _remove_abandoned_folders()
    made = Path(tempfile.mkdtemp(prefix=f".{FOLDER_PREFIX}"))
    folder = made.with_name(made.name.removeprefix("."))
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    made.chmod(0o711)
    lock = stack.enter_context((made / "lock").open("w"))
    fcntl.flock(lock, fcntl.LOCK_EX)
    made.rename(folder)  # nobody sees it by its name and not locked
    return folder


def _remove_abandoned_folders() -> None:
    """Remove what processes that were killed left behind: ours, and locked by nobody."""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}*"):
        try:
            if folder.stat().st_uid != os.geteuid():
                continue
            with (folder / "lock").open() as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:  # locked by a live one, or being created or removed right now
            continue
