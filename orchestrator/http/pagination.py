"""Lists by cursor: stable while rows are added, no page numbers, no counts."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.core.exceptions import ValidationError as UnreadableError
from django.db.models import QuerySet
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView


class CursorPages(CursorPagination):
    """`?limit=` (1 to 200, else 50) and `?cursor=`; answers {items, nextCursor}, newest first."""

    page_size = 50
    max_page_size = 200
    page_size_query_param = "limit"
    ordering: Any = ("-created_at", "-pk")

    def get_page_size(self, request: Request) -> int:
        text = request.query_params.get(self.page_size_query_param)
        if text is None:
            return self.page_size
        if not (text.isascii() and text.isdecimal() and 1 <= int(text[:9]) <= self.max_page_size):
            raise ValidationError({"limit": f"give a number from 1 to {self.max_page_size}"})
        return int(text)

    def paginate_queryset(
        self, queryset: QuerySet[Any] | Sequence[Any], request: Request, view: APIView | None = None
    ) -> list[Any] | None:
        try:
            return super().paginate_queryset(queryset, request, view)
        except (NotFound, UnreadableError):  # the second: a position that is no time
            raise ValidationError({"cursor": "not one that we gave: leave it out"}) from None

    def get_paginated_response(self, data: Any) -> Response:
        link = self.get_next_link()
        cursor = parse_qs(urlsplit(link).query)[self.cursor_query_param][0] if link else None
        return Response({"items": data, "nextCursor": cursor})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "object",
            "required": ["items", "nextCursor"],
            "properties": {
                "items": schema,
                "nextCursor": {"type": "string", "nullable": True},
            },
        }
