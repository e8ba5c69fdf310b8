"""POST /api/v1/auth/token."""

from typing import Final, cast

from drf_spectacular.utils import OpenApiExample, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

import orchestrator.clients.schema  # noqa: F401 - registers itself
from orchestrator.clients.authentication import ApiKeyAuthentication, IsClient, client_of
from orchestrator.clients.models import ApiKey, Scope
from orchestrator.clients.services import TOKEN_LIFETIME, create_token
from orchestrator.kernel.errors import InvalidInputError

TokenAnswer = inline_serializer(
    "Token",
    {
        "accessToken": serializers.CharField(help_text="A JWT, for Authorization: Bearer."),
        "tokenType": serializers.ChoiceField(["Bearer"]),
        "expiresIn": serializers.IntegerField(help_text="Seconds."),
        "scopes": serializers.ListField(child=serializers.ChoiceField(Scope.choices)),
    },
)
_EXAMPLE: Final = OpenApiExample(
    "a token",
    {
        "accessToken": "eyJhbGciOi...",
        "tokenType": "Bearer",
        "expiresIn": int(TOKEN_LIFETIME.total_seconds()),
        "scopes": [scope.value for scope in Scope],
    },
    response_only=True,
    status_codes=["200"],
)


class TokenView(APIView):
    """An API key (X-API-Key) for a short-lived token, which a browser may hold."""

    authentication_classes = (ApiKeyAuthentication,)
    permission_classes = (IsClient,)

    @extend_schema(
        request=None, responses=TokenAnswer, operation_id="createToken", examples=[_EXAMPLE]
    )
    def post(self, request: Request) -> Response:
        """An API key (X-API-Key) for a token of 15 minutes, with all scopes of its client."""
        if request.data:
            raise InvalidInputError("takes no body: leave it out", field="body")
        key = cast(ApiKey, request.auth)  # what ApiKeyAuthentication gives
        return Response(
            {
                "accessToken": str(create_token(key)),
                "tokenType": "Bearer",
                "expiresIn": int(TOKEN_LIFETIME.total_seconds()),
                "scopes": client_of(request).scopes,
            },
            headers={"Cache-Control": "no-store"},
        )
