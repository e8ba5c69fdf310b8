"""Making clients and keys, and telling who presents one."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from datetime import timedelta
from http import HTTPStatus
from typing import Final

from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import AccessToken

from orchestrator.clients.models import ApiClient, ApiKey, Scope
from orchestrator.kernel.errors import ConflictError, NotFoundError, OrchestratorError

_KEY: Final = re.compile(r"1b_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")
_KEY_CLAIM: Final = "key"
TOKEN_LIFETIME: Final = timedelta(minutes=15)


class UnauthenticatedError(OrchestratorError):
    """A key or token that is not, or no longer, good; never says which part of it is wrong."""

    code = "unauthenticated"
    status = HTTPStatus.UNAUTHORIZED


@transaction.atomic
def create_client(*, name: str, scopes: Iterable[Scope]) -> tuple[ApiClient, str]:
    """A new client and its first key, which nobody can ever read again.

    Raises ConflictError when the name is taken.
    """
    try:
        with transaction.atomic():
            client = ApiClient.objects.create(name=name, scopes=sorted(set(scopes)))
    except IntegrityError:
        raise ConflictError(f"an API client named {name!r} exists: choose another name") from None
    return client, issue_key(client)


def find_client(name: str) -> ApiClient:
    """The client of that name; raises NotFoundError."""
    client = ApiClient.objects.filter(name=name).first()
    if client is None:
        raise NotFoundError(f"no API client is named {name!r}: the admin lists them")
    return client


def issue_key(client: ApiClient) -> str:
    """One more key for `client`, so that it can go over to it before the old one is revoked."""
    key_id, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
    ApiKey.objects.create(id=key_id, client=client, digest=_digest(secret))
    return f"1b_{key_id}_{secret}"


def revoke_keys(key_ids: Iterable[str]) -> int:
    """From now on neither these keys nor tokens made with them are good; returns how many were."""
    return ApiKey.objects.filter(pk__in=key_ids, revoked_at=None).update(revoked_at=Now())


def authenticate_key(text: str) -> ApiKey:
    """The key, with its client; raises UnauthenticatedError."""
    parts = _KEY.fullmatch(text)
    if parts is None:
        raise UnauthenticatedError("this is no whole API key: give all 63 characters, 1b_ first")
    key = _find_live_key(parts[1])
    if key is None or not hmac.compare_digest(bytes(key.digest), _digest(parts[2])):
        raise UnauthenticatedError("unknown or revoked API key: ask for a new one")
    return key


def create_token(key: ApiKey) -> AccessToken:
    """A short-lived token (a JWT) for the key's client."""
    token = AccessToken()
    token.set_exp(lifetime=TOKEN_LIFETIME)
    token["sub"] = str(key.client_id)
    token[_KEY_CLAIM] = key.pk
    return token


def authenticate_token(text: str) -> ApiKey:
    """The key that the token was made with; raises UnauthenticatedError."""
    try:
        key_id = str(AccessToken(text.encode()).get(_KEY_CLAIM))  # type: ignore[arg-type]
    except TokenError:
        key_id = ""
    key = _find_live_key(key_id)
    if key is None:
        raise UnauthenticatedError("expired or unknown token: get one from /api/v1/auth/token")
    return key


def _find_live_key(key_id: str) -> ApiKey | None:
    live = ApiKey.objects.filter(revoked_at=None, client__is_active=True)
    return live.select_related("client").filter(pk=key_id).first()


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
