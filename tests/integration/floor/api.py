"""Views that end in every kind of error, and do something once: the floor's own test API."""

from typing import Any, cast

from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.http import Http404
from django.urls import path
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from orchestrator.clients.authentication import client_of
from orchestrator.clients.views import TokenView
from orchestrator.http.idempotency import answer_once
from orchestrator.kernel.errors import (
    ConflictError,
    DecryptionError,
    InvalidInputError,
    NotFoundError,
    UnavailableError,
)

ERRORS: dict[str, Exception] = {
    "invalid": InvalidInputError("amount 0 is below the limit 10", field="amount"),
    "missing": NotFoundError("there is no session 7"),
    "conflict": ConflictError("cancel is too late: money returns at 12:00"),
    "unavailable": UnavailableError("BASE does not answer: try again"),
    "internal": DecryptionError("key 3 of row 9"),
    "unexpected": ZeroDivisionError("the inside of our code"),
    "database": OperationalError("server closed the connection at 10.0.0.1"),
    "http404": Http404("a third party's text"),
    "denied": PermissionDenied("a third party's text"),
}


class Raise(APIView):
    def get(self, _request: Request, name: str) -> Response:
        raise ERRORS[name]


class Legs(serializers.Serializer[Any]):
    chain = serializers.ChoiceField(["base", "near"])
    amount = serializers.IntegerField(min_value=1)


class Order(serializers.Serializer[Any]):
    note = serializers.CharField(max_length=5)
    legs = Legs(many=True)


class Validate(APIView):
    def post(self, request: Request) -> Response:
        order = Order(data=request.data)
        order.is_valid(raise_exception=True)
        return Response(order.validated_data)


class Rename(APIView):
    """Writes to the database, once per Idempotency-Key; `calls` and `prepared` count the work."""

    calls = prepared = 0

    def post(self, request: Request) -> Response:
        return answer_once(request, lambda: self._act(request), before=self._prepare)

    def _prepare(self) -> None:
        Rename.prepared += 1

    def _act(self, request: Request) -> Response:
        Rename.calls += 1
        client = client_of(request)
        sent = cast(dict[str, Any], request.data)
        client.name = sent["name"]
        client.save()
        if sent.get("refuse"):
            raise ConflictError("refused after it had written")
        return Response({"z": client.name, "a": Rename.calls}, 201)


class ShowSession(APIView):
    def get(self, _request: Request, session_id: str) -> Response:
        return Response({"sessionId": session_id})


urlpatterns = [
    path("api/sessions/<str:session_id>", ShowSession.as_view()),
    path("api/raise/<str:name>", Raise.as_view()),
    path("api/validate", Validate.as_view()),
    path("api/rename", Rename.as_view()),
    path("api/token", TokenView.as_view()),
]
handler400 = "orchestrator.http.problems.bad_request"
handler404 = "orchestrator.http.problems.not_found"
handler500 = "orchestrator.http.problems.server_error"
