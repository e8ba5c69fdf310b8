"""The import rule covers every module: one that is in no layer could hide a cycle."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
APPS = {"sessions_app", "auctions_app", "chains_app", "secrets_app"}
OUTSIDE_THE_SERVICE = {"devnet", "contracts", "tests", "docs"}


def layers() -> set[str]:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    rule = config["tool"]["importlinter"]["contracts"][0]
    return {module.strip() for layer in rule["layers"] for module in layer.split("|")}


def python_modules(folder: Path) -> set[str]:
    packages = {path.parent.name for path in folder.glob("*/*.py") if path.parent.name != ".venv"}
    return packages | {path.stem for path in folder.glob("*.py")} - {"__init__", "manage"}


def test_every_module_of_the_project_package_is_in_a_layer() -> None:
    modules = {f"orchestrator.{name}" for name in python_modules(ROOT / "orchestrator")}
    assert modules == {layer for layer in layers() if layer.startswith("orchestrator.")}


def test_every_app_is_in_a_layer() -> None:
    assert {layer for layer in layers() if "." not in layer} == APPS


def test_every_top_level_package_is_known() -> None:
    assert python_modules(ROOT) - {"orchestrator"} - OUTSIDE_THE_SERVICE == APPS
