"""The runbook has a page for everything, and names no command that is not there."""

import re

import pytest
from django.core.management import CommandParser, get_commands, load_command_class

from sessions_app.domain.attention import ADVICE, Attention
from sessions_app.domain.states import ENDS, Status
from tests.unit.runbook import FOLDER, commands, page, section

BEFORE_THE_FILL = {Status.INITIALIZED, Status.EXECUTING}  # they end by their clock alone
STUCK = {status.value for status in Status} - {each.value for each in ENDS | BEFORE_THE_FILL}
PAGES = sorted(path.stem for path in FOLDER.glob("*.md") if path.stem != "README")
VALUES = {"SIGNER": "7", "N": "7", "ROUTE": "base:ETH->near:NEAR", "CHAIN": "base"}
ROOT = FOLDER.parents[1]


def test_each_state_and_each_reason_has_its_page_and_nothing_else_has() -> None:
    assert set(PAGES) == STUCK | {each.value for each in Attention}


def test_each_reason_says_what_it_means_and_what_to_do() -> None:
    assert set(ADVICE) == set(Attention)
    for advice in ADVICE.values():
        assert advice.title
        assert advice.to_do
        assert (ROOT / advice.page).is_file()


def test_the_index_leads_to_every_page() -> None:
    assert set(re.findall(r"\]\((\w+)\.md\)", page("README"))) == set(PAGES)


@pytest.mark.parametrize("name", PAGES)
def test_each_page_says_what_it_means_what_to_check_what_to_do_and_what_never(name: str) -> None:
    text = page(name)
    assert len(text.splitlines()) <= 70
    for title in ("Check", "Do", "Never"):
        assert section(text, title).strip()
    assert list(commands(section(text, "Check")))


@pytest.mark.parametrize("name", [*PAGES, "README"])
def test_each_command_is_there_with_its_options(name: str) -> None:
    """A wrong one raises CommandError."""
    for command, *arguments in commands(page(name)):
        given = [VALUES.get(each, each.replace("ID", "7" * 32)) for each in arguments]
        parser_of(command).parse_args(given)


def test_each_command_that_the_text_names_is_there() -> None:
    for name in [*PAGES, "README"]:
        for command in re.findall(r"`(?:manage\.py )?([a-z]+_[a-z_]+)(?: [^`]*)?`", page(name)):
            known = command in get_commands() or command in STUCK or command in set(Attention)
            assert known or command in LOGGED, (name, command)


LOGGED = {
    "refund_early",
    "route_closed",
    "creation_not_sent",
    "session_set_aside",
    "signer_stopped",
    "own_lock_unknown",
    "not_signed",
    "chain_error",
    "fee_not_raised",
    "nodes_disagree",
    "accept_by",
    "session_id",
}


def test_the_readme_names_every_command_of_ours() -> None:
    readme = (ROOT / "README.md").read_text()
    ours = {name for name, app in get_commands().items() if app in OUR_APPS}
    assert {name for name in ours if f"`{name}" not in readme} == RUN_BY_PROCESSES


OUR_APPS = ("sessions_app", "chains_app", "auctions_app", "orchestrator.audit", "clients")
RUN_BY_PROCESSES = {"follow_heads"}


def parser_of(command: str) -> CommandParser:
    app = get_commands()[command]
    assert isinstance(app, str)
    return load_command_class(app, command).create_parser("manage.py", command)
