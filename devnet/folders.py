"""Where servers keep their files for as long as they run."""

import fcntl
import os
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Final

FOLDER_PREFIX: Final = "1balancer-devnet-"


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
