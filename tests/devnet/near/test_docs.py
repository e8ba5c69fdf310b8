"""Each entry of docs/near-node.md names tests, and they are there."""

import re
from pathlib import Path

HERE = Path(__file__).resolve().parent
PAGE = HERE.parents[2] / "docs/near-node.md"


def test_every_entry_names_tests_that_exist() -> None:
    entries = re.split(r"^- ", PAGE.read_text(), flags=re.MULTILINE)[1:]
    assert len(entries) > 25
    for entry in entries:
        assert re.search(r"`test_\w+\.py::test_\w+`", entry), entry
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", PAGE.read_text())
    missing = [
        f"{file}::{test}"
        for file, test in named
        if not re.search(rf"^(async )?def {test}\(", (HERE / file).read_text(), re.MULTILINE)
    ]
    assert missing == []
