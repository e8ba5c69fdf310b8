from django.apps import AppConfig


class SecretsConfig(AppConfig):
    name = "secrets_app"

    def ready(self) -> None:
        from secrets_app import checks  # noqa: F401 - registers itself
