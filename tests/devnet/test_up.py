"""`make up` as support and a frontend developer go on from it: by what it prints, and no more."""

import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from chains_app.adapters.evm_accounts import Account
from devnet.jsonrpc import JsonRpc
from devnet.processes import free_port
from devnet.service import ROOT
from tests.devnet.test_network import variables

UP = "import sys, devnet.up as up; up.WEB_PORT, up.WS_PORT = map(int, sys.argv[1:]); up.main()"
LAST = "Ctrl-C ends everything"


@dataclass(frozen=True)
class Up:
    """What runs in `place`, and all that it has printed."""

    process: subprocess.Popen[str]
    place: Path
    said: str

    def found(self, pattern: str) -> str:
        match = re.search(pattern, self.said, re.MULTILINE)
        assert match is not None, (pattern, self.said)
        return match[1]

    def shell(self, command: str) -> subprocess.CompletedProcess[str]:
        """In another shell, at the place where it was started, of which the environment is told."""
        return subprocess.run(
            ["/bin/bash", "-euc", command],
            cwd=self.place,
            env={"PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def up(reachable_folder: Path) -> Iterator[Up]:
    """Where Python and `manage.py` are those of this repository."""
    place = reachable_folder
    (place / ".venv/bin").mkdir(parents=True)
    (place / ".venv/bin/python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (place / ".venv/bin/python").chmod(0o755)
    (place / "manage.py").symlink_to(ROOT / "manage.py")
    ports = str(free_port()), str(free_port())
    with subprocess.Popen(
        [sys.executable, "-c", UP, *ports],
        cwd=place, env=variables(place), stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            said = []
            for line in process.stdout:
                said.append(line)
                if line.startswith(LAST):
                    break
            yield Up(process, place, "".join(said))
        finally:
            process.kill()


def test_a_command_works_with_the_lines_that_it_prints(up: Up) -> None:
    load, command = up.found("^  (set -a; .*)$"), up.found(r"^  (\S+python manage\.py .*)$")
    done = up.shell(f"{load}; {command}")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "0 stuck, 0 surplus owed\n")


def test_the_file_that_a_wrong_configuration_names_is_that_one(up: Up) -> None:
    done = up.shell(".venv/bin/python manage.py list_stuck_sessions")
    assert done.returncode == 1
    named = re.search(r"\(`make up` writes one that works: (\S+)\)$", done.stderr)
    assert named is not None
    assert named[1] == up.found(r"^  set -a; \. (\S+); set \+a$")
    assert stat.S_IMODE((up.place / named[1]).stat().st_mode) == 0o600


def test_it_tells_the_makers_accounts_and_where_their_keys_are(up: Up) -> None:
    tell = up.found("^  (set -a; .*)$") + '; printf %s "${}"'
    account = up.found(r"^BASE: .* the maker (0x\w+),")
    key = up.shell(tell.format(up.found(r"^BASE: .* its key (\w+)"))).stdout
    assert Account.from_key(key).address == account
    assert up.found(r"^NEAR: .* the maker (\S+),") == "maker.test.near"
    assert up.shell(tell.format(up.found(r"^NEAR: .* its key (\w+)"))).stdout.startswith("ed25519:")


def test_it_tells_where_the_nodes_and_the_logs_are(up: Up) -> None:
    for chain, method in (("BASE", "eth_chainId"), ("NEAR", "status")):
        node = JsonRpc(up.found(f"^{chain}: (http\\S+);"))
        assert node.call(method)
        node.close()
    logs = Path(up.found(r"^logs: (\S+)/\*\.log$"))
    names = {path.stem for path in logs.glob("*.log")}
    assert {"web", "ws", "worker", "beat", "heads"} <= names


def test_it_leaves_nothing(up: Up) -> None:
    """The last one to use `up`."""
    up.process.send_signal(signal.SIGINT)
    assert up.process.wait(60) == 0
    assert not (up.place / ".devnet/up.env").exists()
