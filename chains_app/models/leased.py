"""What rows have in common that workers claim, and how columns are limited and indexed."""

from django.db import models
from django.db.models import Q


def choices(*values: str) -> list[tuple[str, str]]:
    """Values that are their own names."""
    return [(value, value) for value in values]


def partial_index(*fields: str, name: str) -> models.Index:
    """Of the rows whose last of these fields is set."""
    condition = Q(**{f"{fields[-1]}__isnull": False})
    return models.Index(fields=list(fields), condition=condition, name=name)


class Leased(models.Model):
    """A row that one worker at a time works on, with I/O between its commits (rule 8).

    `due_at`: when somebody has to look at it again; NULL while nothing was asked since it was
    claimed. `version`: the fencing token; every write of a worker carries the one it claimed.
    """

    due_at = models.DateTimeField(null=True)
    lease_owner = models.CharField(max_length=36, default="", blank=True)
    lease_expires_at = models.DateTimeField(null=True)
    version = models.BigIntegerField(default=0)

    class Meta:
        abstract = True
