"""docs/rules.md has each rule that is cited by its number, and the times as the code has them."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from auctions_app.config import DURATIONS
from chains_app.config import ChainsEnvironment, ChainSpec, PolicyName, chain_specs
from tests.mutations.guard import ROOT
from tests.mutations.page import RULES
from tests.unit.chains.environment import ENVIRONMENT

PAGE = (ROOT / "docs/rules.md").read_text()
CITING = {".py", ".md", ".sol", ".rs"}
# "rule 8", "rules 5 and 6", "rules 2 to 4", "rules 1, 5 and 14"; and names of tests
CITED = re.compile(r"\brules?(?: |\n *(?:# )?)(\d+(?:(?:, | and | to )\d+)*)", re.IGNORECASE)
NAMED = re.compile(r"\btest_rule_(\d+)_")


def files() -> Iterator[Path]:
    """Whatever is ours and may cite a rule."""
    for top in ROOT.iterdir():
        if not top.name.startswith(".") and top.name != "node_modules":
            inside = top.rglob("*") if top.is_dir() else [top]
            yield from (path for path in inside if path.suffix in CITING)


def cited(text: str) -> set[int]:
    numbers = [*CITED.findall(text), *NAMED.findall(text)]
    return {int(each) for some in numbers for each in re.findall(r"\d+", some)}


def specs(policy: PolicyName) -> dict[str, ChainSpec]:
    return chain_specs(ChainsEnvironment.of({**ENVIRONMENT, "POLICY": policy.value}))


def row(name: str) -> list[str]:
    """The table's values of this name: mainnet, devnet."""
    [line] = re.findall(rf"^\| {re.escape(name)} \| (.+?) \| (.+?) \|", PAGE, re.MULTILINE)
    return list(line)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("(rule 8)", {8}),
        ("Rules 1, 5 and 14: a", {1, 5, 14}),
        ("rules 2 to 4", {2, 4}),
        ("by rule\n    13", {13}),
        ("def test_rule_15_a()", {15}),
        ("14 rules, 3 of them", set()),
    ],
)
def test_citations_are_found(text: str, numbers: set[int]) -> None:
    assert cited(text) == numbers


def test_each_rule_that_is_cited_is_there() -> None:
    unknown = {path: cited(path.read_text()) - RULES.keys() for path in files()}
    assert {path: rules for path, rules in unknown.items() if rules} == {}


def test_each_rule_names_a_file_in_which_it_lives() -> None:
    rules = re.split(r"^### \d+\. .+$", PAGE.partition("\n## What")[0], flags=re.MULTILINE)[1:]
    named = [re.findall(r"`(\w+(?:/\w+)+\.py)`", rule) for rule in rules]
    assert all(named)
    assert [name for names in named for name in names if not (ROOT / name).is_file()] == []


def test_its_links_lead_somewhere() -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", PAGE)
    assert [target for target in targets if not (ROOT / "docs" / target).exists()] == []
    assert "](docs/rules.md)" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("name", DURATIONS[PolicyName.MAINNET])
def test_its_durations_are_the_codes(name: str) -> None:
    assert row(f"`{name}`") == [str(DURATIONS[policy][name]) for policy in column()]


@pytest.mark.parametrize("chain", ["base", "near"])
def test_its_finality_budgets_are_the_codes(chain: str) -> None:
    assert row(f"F on {chain.upper()}") == [
        ", ".join(f"`{tier}` {budget}" for tier, budget in specs(policy)[chain].finality.items())
        for policy in column()
    ]


def test_its_bound_of_stale_heads_is_the_codes() -> None:
    bounds = [{spec.stale_after for spec in specs(policy).values()} for policy in column()]
    assert row("stale") == [str(bound) for bounds_of in bounds for bound in bounds_of]


def column() -> tuple[PolicyName, PolicyName]:
    """The table's columns."""
    return PolicyName.MAINNET, PolicyName.DEVNET
