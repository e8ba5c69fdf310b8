"""The table of guards fits the code: what is to be taken out is there, and so are the tests."""

import ast
from collections import Counter

import pytest

from tests.mutations.guard import ROOT, Guard
from tests.mutations.guards import GUARDS
from tests.mutations.page import PAGE, RULES, with_tables
from tests.unit.test_failures_page import names_in


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_each_guard_stands_once_in_its_file_and_is_code_without_it(guard: Guard) -> None:
    source = (ROOT / guard.file).read_text()
    without = guard.mutated(source)
    assert ast.dump(ast.parse(without)) != ast.dump(ast.parse(source))


def test_each_guard_has_tests_and_each_of_them_is_there() -> None:
    assert [guard.name for guard in GUARDS if not guard.tests] == []
    named = {test.partition("[")[0].partition("::") for guard in GUARDS for test in guard.tests}
    assert [name for file, _, name in named if f"::{name}" not in names_in(file)] == []


def test_each_rule_has_rows_and_each_row_a_name_of_its_own() -> None:
    assert {guard.rule for guard in GUARDS} == set(RULES) == set(range(1, 16))
    assert [name for name, count in Counter(g.name for g in GUARDS).items() if count > 1] == []


def test_the_page_shows_the_table_as_it_is() -> None:
    text = PAGE.read_text()
    assert with_tables(text) == text
    assert "](docs/mutations.md)" in (ROOT / "README.md").read_text()
