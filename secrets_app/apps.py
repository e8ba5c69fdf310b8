from django.apps import AppConfig


class SecretsConfig(AppConfig):
    name = "secrets_app"
