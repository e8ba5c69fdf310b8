"""docs/configuration.md has every variable that something of the service reads."""

import re
from collections.abc import Iterator

import pytest
from pydantic import BaseModel

from orchestrator.variables import PAGE, PARTS, VARIABLES, with_tables
from tests.mutations.guard import ROOT

PACKAGES = ("orchestrator", "sessions_app", "auctions_app", "chains_app", "secrets_app")
READ = re.compile(r"\b(?:environ(?:\.get\(|\[)|getenv\()\s*\"(\w+)\"")
NAMES = {name.upper() for model in VARIABLES.values() for name in model.model_fields}


def read_directly() -> Iterator[str]:
    """Variables that no class reads."""
    for path in (path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        yield from READ.findall(path.read_text())
    yield from re.findall(r"\$\{(\w+)\}", (ROOT / "Procfile").read_text())


def test_the_page_shows_the_variables_as_they_are() -> None:
    page = PAGE.read_text()
    assert with_tables(page) == page
    assert "](docs/configuration.md)" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("model", [*VARIABLES.values(), *PARTS.values()])
def test_each_has_a_meaning(model: type[BaseModel]) -> None:
    fields = model.model_fields.items()
    assert [name for name, field in fields if not (field.description or "").strip()] == []


def test_what_no_class_reads_is_there_too() -> None:
    read = set(read_directly())
    assert read >= {"WEB_PORT", "WS_PORT", "BEAT_FILE", "PROMETHEUS_MULTIPROC_DIR"}
    assert read <= NAMES


def test_what_a_class_hides_is_called_a_secret() -> None:
    secrets = re.findall(r"^\| `(\w+)` \|.*\| \*\*Secret\.\*\*", PAGE.read_text(), re.MULTILINE)
    assert secrets == [
        "SECRET_KEY", "VAULT_KEYS",
        "BASE_LOCK_KEY", "BASE_DUTY_KEY", "NEAR_LOCK_KEYS", "NEAR_DUTY_KEYS",
    ]  # fmt: skip


def test_its_links_lead_somewhere() -> None:
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", PAGE.read_text())
    assert [target for target in targets if not (ROOT / "docs" / target).exists()] == []
