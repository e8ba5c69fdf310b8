"""Every error of the API as application/problem+json (RFC 9457), and none of it from a third party.

`code` is stable; `errors` has one entry per bad field, by its name on the wire.
"""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final

import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import OperationalError
from django.http import Http404, HttpRequest, JsonResponse
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.settings import api_settings

from orchestrator.clients.authentication import GIVE_A_KEY
from orchestrator.http.throttling import count_refusal
from orchestrator.kernel.errors import InvalidInputError, OrchestratorError

CONTENT_TYPE: Final = "application/problem+json"
RETRY_SECONDS: Final = 1

# the status of DRF's exceptions to our code and words; theirs would quote parsers and libraries
_TEXTS: Final = {
    HTTPStatus.BAD_REQUEST: ("malformed_request", "not one JSON value in UTF-8: send one"),
    HTTPStatus.UNAUTHORIZED: ("unauthenticated", GIVE_A_KEY),
    HTTPStatus.FORBIDDEN: ("forbidden", "this API client may not do this"),
    HTTPStatus.NOT_FOUND: ("not_found", "there is nothing here that you can see"),
    HTTPStatus.METHOD_NOT_ALLOWED: ("method_not_allowed", "this URL does not take this method"),
    HTTPStatus.NOT_ACCEPTABLE: ("not_acceptable", "answers are application/json: accept that"),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ("too_large", "the body is larger than 64 KiB: send less"),
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: ("unsupported_media_type", "send application/json"),
    HTTPStatus.TOO_MANY_REQUESTS: ("too_many_requests", "slow down: see Retry-After"),
    HTTPStatus.SERVICE_UNAVAILABLE: ("unavailable", "a dependency does not answer: try again"),
    HTTPStatus.INTERNAL_SERVER_ERROR: ("internal_error", "our mistake; it is in our log"),
}

log = structlog.get_logger(__name__)


def answer_problem(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler; None leaves an unexpected error to Django, which logs it."""
    headers: dict[str, str] = {}
    if isinstance(error, OrchestratorError):
        body = _from_ours(error)
    elif isinstance(error, OperationalError):  # gone, overloaded, or a lock held for too long
        log.warning("database_unavailable", reason=type(error.__cause__ or error).__name__)
        body = problem(HTTPStatus.SERVICE_UNAVAILABLE)
    elif isinstance(error, RequestDataTooBig):
        body = problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    elif isinstance(error, Http404):
        body = problem(HTTPStatus.NOT_FOUND)
    elif isinstance(error, PermissionDenied):
        body = problem(HTTPStatus.FORBIDDEN)
    elif isinstance(error, exceptions.APIException):
        body, headers = _from_drf(count_refusal(error, context["request"]), context)
    else:
        return None
    if body["status"] == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_SECONDS)
    return Response(body, body["status"], headers=headers, content_type=CONTENT_TYPE)


def problem(
    status: HTTPStatus,
    *,
    code: str | None = None,
    detail: str | None = None,
    errors: list[dict[str, str]] | None = None,
) -> dict[str, Any]:
    """The body of an error; code and detail default to what we say about `status`."""
    usual_code, usual_detail = _TEXTS.get(status, ("error", status.phrase))
    return {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "code": code or usual_code,
        "detail": detail or usual_detail,
        "errors": errors or [],
    }


def not_found(request: HttpRequest, exception: Exception) -> JsonResponse:
    """Django's handler404: for URLs that lead nowhere."""
    path = request.path[:80]
    return _plain(HTTPStatus.NOT_FOUND, f"{path!r} leads nowhere: /api/docs lists every URL")


def bad_request(_request: HttpRequest, exception: Exception) -> JsonResponse:
    """Django's handler400: a wrong Host header and the like."""
    return _plain(HTTPStatus.BAD_REQUEST)


def server_error(_request: HttpRequest) -> JsonResponse:
    """Django's handler500, after it has logged the error."""
    return _plain(HTTPStatus.INTERNAL_SERVER_ERROR)


def _plain(status: HTTPStatus, detail: str | None = None) -> JsonResponse:
    body = problem(status, detail=detail)
    return JsonResponse(body, status=status, content_type=CONTENT_TYPE)


def _from_ours(error: OrchestratorError) -> dict[str, Any]:
    if error.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("internal_error", code=error.code, exc_info=error)
        return problem(error.status)
    errors = None
    if isinstance(error, InvalidInputError) and error.field:
        errors = [{"field": error.field, "code": error.code, "detail": str(error)}]
    return problem(error.status, code=error.code, detail=str(error), errors=errors)


def _from_drf(
    error: exceptions.APIException, context: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    if isinstance(error, exceptions.ValidationError):
        return _invalid(list(_field_errors("", error.detail))), {}
    return problem(HTTPStatus(error.status_code), detail=_detail(error, context)), _headers(error)


def _detail(error: exceptions.APIException, context: dict[str, Any]) -> str | None:
    """What was given, and what to give; None where `_TEXTS` says all that there is to say."""
    request = context["request"]
    match error:
        case exceptions.AuthenticationFailed() | exceptions.PermissionDenied():
            return str(error.detail)  # our own words
        case exceptions.MethodNotAllowed():
            allowed = ", ".join(context["view"].allowed_methods)
            return f"{request.method[:20]} is not taken here: use {allowed}"
        case exceptions.UnsupportedMediaType():
            return f"{request.content_type[:80]!r} is not taken: send application/json"
        case exceptions.Throttled():
            return f"too many requests: ask again in {round(getattr(error, 'wait', None) or 0)} s"
        case _:
            return None


def _invalid(errors: list[dict[str, str]]) -> dict[str, Any]:
    names = ", ".join(error["field"] for error in errors)
    return problem(
        HTTPStatus.BAD_REQUEST, code="invalid_input", detail=f"wrong: {names}", errors=errors
    )


def _headers(error: exceptions.APIException) -> dict[str, str]:
    headers = {}
    if scheme := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = scheme
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(round(wait))
    return headers


def _field_errors(path: str, detail: Any) -> Iterator[dict[str, str]]:
    """One entry per text, named by its path: `amount`, `legs.0.chain`; the whole: `body`."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            is_whole = name == api_settings.NON_FIELD_ERRORS_KEY
            yield from _field_errors(path if is_whole else f"{path}.{name}".strip("."), inner)
    elif isinstance(detail, list) and any(isinstance(one, dict | list) for one in detail):
        for index, inner in enumerate(detail):
            yield from _field_errors(f"{path}.{index}".strip("."), inner)
    elif isinstance(detail, list):
        for inner in detail:
            yield from _field_errors(path, inner)
    else:
        code = getattr(detail, "code", None) or "invalid"
        yield {"field": path or "body", "code": code, "detail": str(detail)}
