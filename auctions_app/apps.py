from django.apps import AppConfig
from django.core import checks


class AuctionsConfig(AppConfig):
    name = "auctions_app"
    verbose_name = "Routes"

    def ready(self) -> None:
        """Have `manage.py` refuse unsafe routes."""
        from auctions_app.checks import check_routes

        checks.register(check_routes)
