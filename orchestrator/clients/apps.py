from django.apps import AppConfig


class ClientsConfig(AppConfig):
    name = "orchestrator.clients"
    verbose_name = "API clients"
