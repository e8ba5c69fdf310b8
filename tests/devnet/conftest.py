"""What several tests of the devnet's servers need."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def reachable_folder() -> Iterator[Path]:
    """A folder that PostgreSQL's user may pass through too (pytest's own is private)."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o711)
        yield folder
