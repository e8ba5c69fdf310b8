"""`manage.py pause_route ID [--resume] --reason WHY`: no new swaps by a route, or again."""

from argparse import ArgumentParser
from typing import Any

from auctions_app.models import RouteSwitch
from auctions_app.staff import pause_route
from orchestrator.audit.acts import Act
from orchestrator.audit.command import ActCommand


class Command(ActCommand):
    help = "Has a route take no new quotes, sessions and fills, or again; open swaps go on."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--resume", action="store_true", help="the other way round")

    def act(self, **options: Any) -> Act[RouteSwitch]:
        return pause_route(resume=options["resume"])
