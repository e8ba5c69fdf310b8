"""`python -m devnet up`: a devnet in the foreground, until Ctrl-C."""

import argparse
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType

from devnet.folders import environment_file, write_environment
from devnet.network import BlockTimes, Devnet
from devnet.processes import StartError


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
    with suppress(KeyboardInterrupt), environment_file(name) as file:
        _run(file, block_times)
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


if __name__ == "__main__":
    sys.exit(main())
