"""Who calls: an API key in X-API-Key, or a token in Authorization: Bearer; and what it may do."""

from collections.abc import Callable
from typing import Final

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from orchestrator.clients.models import ApiClient, ApiKey, Scope
from orchestrator.clients.services import (
    UnauthenticatedError,
    authenticate_key,
    authenticate_token,
)

GIVE_A_KEY: Final = (
    "give an API key in X-API-Key, or a token in Authorization: Bearer; "
    "a new token is made with a key only"
)


class ApiKeyAuthentication(BaseAuthentication):
    """`X-API-Key: 1b_...`; gives (ApiClient, ApiKey)."""

    def authenticate(self, request: Request) -> tuple[ApiClient, ApiKey] | None:
        text = request.headers.get("X-API-Key")
        return None if text is None else _checked(authenticate_key, text)

    def authenticate_header(self, _request: Request) -> str:
        return "X-API-Key"


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer ...`; gives (ApiClient, ApiKey)."""

    def authenticate(self, request: Request) -> tuple[ApiClient, ApiKey] | None:
        text = request.headers.get("Authorization")
        if text is None:
            return None
        scheme, _, token = text.partition(" ")
        if scheme.lower() != "bearer":
            raise AuthenticationFailed("use Authorization: Bearer with a token, or X-API-Key")
        return _checked(authenticate_token, token.strip())

    def authenticate_header(self, _request: Request) -> str:
        return "Bearer"


class HasScope(BasePermission):
    """Reading needs the scope `read`, everything else `write`."""

    def has_permission(self, request: Request, _view: object) -> bool:
        scope = Scope.READ if request.method in SAFE_METHODS else Scope.WRITE
        self.message = f"this needs the scope `{scope.value}`, which your API client lacks"
        return isinstance(request.user, ApiClient) and request.user.may(scope)


class IsClient(BasePermission):
    """Any client, whatever its scopes."""

    def has_permission(self, request: Request, _view: object) -> bool:
        return isinstance(request.user, ApiClient)


def client_of(request: Request) -> ApiClient:
    """The tenant that calls; every query of its data starts from it. Only behind HasScope."""
    if not isinstance(request.user, ApiClient):
        raise UnauthenticatedError(GIVE_A_KEY)
    return request.user


def _checked(authenticate: Callable[[str], ApiKey], text: str) -> tuple[ApiClient, ApiKey]:
    try:
        key = authenticate(text)
    except UnauthenticatedError as error:
        raise AuthenticationFailed(str(error)) from None
    return key.client, key
