"""`python -m devnet up`: a devnet in the foreground, until Ctrl-C."""

import argparse
import fcntl
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from devnet.network import BlockTimes, Devnet
from devnet.processes import StartError

FOLDER = Path(".devnet")


def main() -> int:
    """Parse the command line and run; the exit code is 0 after Ctrl-C or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m devnet", description=__doc__)
    up = parser.add_subparsers(required=True, metavar="up").add_parser(
        "up", help="start PostgreSQL, Redis and both chains, and write one environment file"
    )
    up.add_argument("--name", default="devnet", help="of the environment file (default: devnet)")
    up.add_argument(
        "--on-demand", action="store_true", help="a block per transaction instead of timed blocks"
    )
    options = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell's background job ignores the first
        signal.signal(number, _interrupt)
    try:
        return _up(options.name, None if options.on_demand else BlockTimes())
    except StartError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _up(name: str, block_times: BlockTimes | None) -> int:
    FOLDER.mkdir(exist_ok=True)
    file = FOLDER / f"{name}.env"
    with (FOLDER / f"{name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StartError(f"devnet {name!r} runs already: choose another --name") from None
        try:
            _run(file, block_times)
        except KeyboardInterrupt:
            return 0
        finally:
            file.unlink(missing_ok=True)
    return 0


def _run(file: Path, block_times: BlockTimes | None) -> None:
    began = time.monotonic()
    with Devnet(block_times) as devnet:
        write_environment(file, devnet.environment)
        seconds = time.monotonic() - began
        print(f"devnet is up after {seconds:.1f} s; its environment: {file}", flush=True)  # noqa: T201
        while True:
            devnet.require_running()
            time.sleep(1)


def write_environment(file: Path, values: dict[str, str]) -> None:
    """Write NAME=value lines, readable by us alone: they hold keys; replaces the file at once."""
    fresh = file.with_suffix(".tmp")
    fresh.touch(mode=0o600)
    fresh.write_text("".join(f"{name}={value}\n" for name, value in sorted(values.items())))
    os.replace(fresh, file)


if __name__ == "__main__":
    sys.exit(main())
