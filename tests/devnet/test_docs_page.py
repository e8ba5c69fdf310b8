"""The code of docs/devnet.md, run as it stands there against a devnet."""

import re
import subprocess
import sys
from pathlib import Path

from devnet.folders import write_environment
from devnet.network import BlockTimes, Devnet

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_locks_and_withdraws_on_both_chains(tmp_path: Path) -> None:
    page = (ROOT / "docs/devnet.md").read_text()
    code = "\n".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL))
    (tmp_path / "contracts").symlink_to(ROOT / "contracts")
    (tmp_path / ".devnet").mkdir()
    with Devnet(BlockTimes(base=0.2, near=0.1)) as devnet:
        write_environment(tmp_path / ".devnet/devnet.env", devnet.environment)
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (0, "")
    printed = [line.split(":")[0] for line in done.stdout.splitlines()]
    assert printed == ["locked on BASE", "withdrawn on BASE", "locked on NEAR", "withdrawn on NEAR"]
    resolver = devnet.environment["NEAR_LOCK_ACCOUNT"]
    assert f"withdrawn on NEAR: {10**24} yocto to {resolver}" in done.stdout
    assert f"withdrawn on BASE: {10**16} wei to 0x" in done.stdout
