from django.apps import AppConfig


class SessionsConfig(AppConfig):
    name = "sessions_app"
    verbose_name = "Swaps"

    def ready(self) -> None:
        """Answer the outbox and hear of changed facts, in every process."""
        from chains_app import ports
        from sessions_app import checks  # noqa: F401 - registers itself
        from sessions_app.guard import register_ports
        from sessions_app.sweeps import on_changed

        register_ports()
        ports.register_listener(on_changed)
