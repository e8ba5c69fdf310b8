from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "orchestrator.audit"
    verbose_name = "What people did"
