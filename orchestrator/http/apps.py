from django.apps import AppConfig


class HttpConfig(AppConfig):
    name = "orchestrator.http"
