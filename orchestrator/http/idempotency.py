"""Idempotency-Key: a write that is sent again answers as the first time and does nothing more.

Key, effect and answer are committed together, so whatever dies in between, either all of them
stand or none. Who sends the same key at the same time waits for the first one's commit. Only
answers of success are kept: a refused request did nothing, and may be corrected and sent again.
"""

import hashlib
import json
import re
from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final

from django.db import IntegrityError, OperationalError, transaction
from django.utils import timezone
from psycopg.errors import LockNotAvailable
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from orchestrator.clients.authentication import client_of
from orchestrator.http.models import StoredAnswer
from orchestrator.kernel.errors import ConflictError, InvalidInputError, OrchestratorError

HEADER: Final = "Idempotency-Key"
KEPT: Final = timedelta(hours=48)
_KEY: Final = re.compile(r"[!-~]{1,128}")


class KeyReusedError(OrchestratorError):
    """The key stands for another request."""

    code = "idempotency_key_reused"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class InProgressError(ConflictError):
    """The same request is being worked on right now."""

    code = "request_in_progress"


def answer_once(
    request: Request,
    act: Callable[[], Response],
    *,
    before: Callable[[], object] | None = None,
) -> Response:
    """`act()`, or the answer that it gave when this request was first sent.

    `act` runs in one transaction with the storing of its answer, so it must not ask a chain; what
    must, goes into `before`, which runs outside of it, and not at all for a replay.
    Raises InvalidInputError, KeyReusedError, InProgressError, and whatever the two raise.
    """
    text = request.headers.get(HEADER)
    if text is None:
        if before:
            before()
        with transaction.atomic():
            return act()
    claim = _claim(request, text)
    if stored := _find(claim):
        return _replay(stored, claim)
    if before:
        before()
    return _act_or_replay(claim, act)


def forget_old_answers() -> int:
    """Delete answers older than KEPT; returns how many."""
    return StoredAnswer.objects.filter(created_at__lt=timezone.now() - KEPT).delete()[0]


def _claim(request: Request, text: str) -> StoredAnswer:
    if not _KEY.fullmatch(text):
        raise InvalidInputError(
            f"{text[:80]!r} can't be one: give 1 to 128 visible ASCII characters, such as a UUID",
            field=HEADER,
        )
    body = json.dumps(request.data, sort_keys=True)
    what = f"{request.method} {request.path}\n{body}"
    fingerprint = hashlib.sha256(what.encode()).digest()
    return StoredAnswer(client=client_of(request), key=text, fingerprint=fingerprint)


def _act_or_replay(claim: StoredAnswer, act: Callable[[], Response]) -> Response:
    with transaction.atomic():
        try:
            with transaction.atomic():
                claim.save(force_insert=True)
        except IntegrityError:
            return _replay(StoredAnswer.objects.get(client=claim.client, key=claim.key), claim)
        except OperationalError as error:
            if isinstance(error.__cause__, LockNotAvailable):
                raise InProgressError(f"{HEADER} {claim.key!r} is being worked on") from None
            raise
        response = act()
        claim.status, claim.body = response.status_code, _render(response.data)
        claim.save(update_fields=["status", "body"])
    return response


def _find(claim: StoredAnswer) -> StoredAnswer | None:
    return StoredAnswer.objects.filter(client=claim.client, key=claim.key).first()


def _replay(stored: StoredAnswer, claim: StoredAnswer) -> Response:
    if bytes(stored.fingerprint) != claim.fingerprint:
        raise KeyReusedError(f"{HEADER} {claim.key!r} was used for another request: take a new one")
    return Response(
        json.loads(stored.body), stored.status, headers={"Idempotency-Replayed": "true"}
    )


def _render(data: Any) -> str:
    return bytes(JSONRenderer().render(data)).decode()
