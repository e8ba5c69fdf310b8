"""The pages of docs/runbook, and the commands that they name."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "docs/runbook"
_BLOCK = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def page(name: str) -> str:
    return (FOLDER / f"{name}.md").read_text()


def section(text: str, title: str) -> str:
    """What stands under a heading, up to the next one of its kind."""
    mark = re.search(rf"^(#+) {re.escape(title)}$", text, re.MULTILINE)
    assert mark is not None, f"no {title!r}"
    rest = text[mark.end() :]
    end = re.search(rf"^#{{1,{len(mark[1])}}} ", rest, re.MULTILINE)
    return rest if end is None else rest[: end.start()]


def commands(text: str) -> Iterator[list[str]]:
    """Each command of its blocks: the name and the arguments."""
    for block in _BLOCK.findall(text):
        for line in block.splitlines():
            program, *words = shlex.split(line)
            assert program == "manage.py", line
            yield words
