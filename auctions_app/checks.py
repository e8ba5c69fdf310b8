"""Django's check at start: no process runs on routes that are not safe."""

from typing import Any

from django.core import checks

from auctions_app.config import read_configuration
from auctions_app.market import build_market, configured_chains
from chains_app.config import ConfigurationError


def check_routes(**_options: Any) -> list[checks.CheckMessage]:
    """An error for each problem; only a warning without chains, which no swap can run without."""
    try:
        specs = configured_chains()
    except ConfigurationError as error:
        return [checks.Warning(f"routes are not checked: {error}", id="auctions.W001")]
    try:
        problems = build_market(read_configuration(), specs).problems()
    except ConfigurationError as error:
        problems = [str(error)]
    return [checks.Error(problem, id="auctions.E001") for problem in problems]
