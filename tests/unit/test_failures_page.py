"""docs/failures.md has each case once, each with tests that are there or what stands for them."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/failures.md").read_text()
ROWS = re.findall(r"^\| (\d+) \| (.+?) \| (.+?) \| (.+) \|$", PAGE, re.MULTILINE)
CASES = 64
TEST = re.compile(r"`(tests/[\w/]+\.py)((?:::\w+)+)`")
IMPOSSIBLE = re.compile(r"\*Can't arise\*: [^|]{20,}\.$")
NOT_YET = re.compile(r"\*Not yet\*: [^|;]{20,}; waits for [^|]{10,}\.$")


@cache
def names_in(file: str) -> frozenset[str]:
    """`::test_name` and `::TestClass::test_name` of a file, which is parsed and not imported."""
    found = set[str]()
    for node in ast.parse((ROOT / file).read_text()).body:
        inside = node.body if isinstance(node, ast.ClassDef) else [node]
        scope = f"::{node.name}" if isinstance(node, ast.ClassDef) else ""
        functions = (
            one for one in inside if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
        )
        found |= {f"{scope}::{one.name}" for one in functions if one.name.startswith("test_")}
    return frozenset(found)


def test_each_case_stands_once_and_in_order() -> None:
    assert [int(number) for number, *_ in ROWS] == list(range(1, CASES + 1))
    assert len(re.findall(r"^\| *\d", PAGE, re.MULTILINE)) == CASES


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_each_case_has_a_proof_a_reason_or_what_it_waits_for(row: tuple[str, ...]) -> None:
    proof = row[3]
    assert TEST.search(proof) or IMPOSSIBLE.search(proof) or NOT_YET.search(proof)
    for word, form in (("can't arise", IMPOSSIBLE), ("not yet", NOT_YET)):
        assert word not in proof.lower() or form.search(proof), f"{word}: say what it rests on"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_each_test_that_is_named_is_there(row: tuple[str, ...]) -> None:
    named = TEST.findall(row[3])
    assert len(named) == row[3].count("`tests/")
    missing = [
        file + name
        for file, name in named
        if not (ROOT / file).is_file() or name not in names_in(file)
    ]
    assert missing == []


def test_the_readme_leads_to_the_page() -> None:
    assert "](docs/failures.md)" in (ROOT / "README.md").read_text()
