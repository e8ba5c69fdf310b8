"""Acts as admin actions: a page that shows what would be done asks for the reason first."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from orchestrator.audit.acts import Act, Who, perform, preview
from orchestrator.audit.models import LONGEST_REASON, Door
from orchestrator.kernel.errors import OrchestratorError

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
else:  # Django's admin classes take no type arguments at run time
    _ModelAdmin = admin.ModelAdmin

_CONFIRMED: Final = "confirmed"
MOST_AT_ONCE: Final = 100


@dataclass(frozen=True)
class Offer:
    """An act as the admin offers it, to whom has the permission `codename` of the model's app.

    `number`: the label of a number that it needs besides; `make` gets it, None where none is asked.
    """

    title: str
    codename: str
    make: Callable[[int | None], Act[Any]]
    number: str = ""


class ReasonForm(forms.Form):
    """Why; and the number, where one is asked for."""

    reason = forms.CharField(
        max_length=LONGEST_REASON, widget=forms.Textarea(attrs={"rows": 3, "cols": 70})
    )

    def __init__(self, number: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if number:
            self.fields["number"] = forms.IntegerField(label=number, min_value=0)
            self.order_fields(["number", "reason"])


class ActsAdmin(_ModelAdmin):
    """A read-only list with `offers`, by the name that the form posts; never a raw edit.

    `subject_of`: a row's id as its acts know it.
    """

    offers: ClassVar[Mapping[str, Offer]] = {}
    change_form_template = "admin/acts/change_form.html"

    class Media:
        css: ClassVar = {"all": ["audit/confirm.css"]}

    def subject_of(self, row: Any) -> str:
        return str(row.pk)

    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, _request: HttpRequest, _obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: Model | None = None) -> bool:
        return False

    def offers_to(self, request: HttpRequest) -> dict[str, Offer]:
        """Those that this person has the permission for."""
        app = self.opts.app_label
        return {
            name: offer
            for name, offer in self.offers.items()
            if request.user.has_perm(f"{app}.{offer.codename}")
        }

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """The offers and nothing else. Django looks up the one that was chosen; what more the form
        says of it, which it can say several times, is not asked.
        """
        return {
            name: (partial(_act_on, name), name, offer.title)
            for name, offer in self.offers_to(request).items()
        }

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """A row's page has a button for each offer."""
        more = {**(extra_context or {}), "offers": self.offers_to(request), "row_id": object_id}
        return super().changeform_view(request, object_id, form_url, more)

    def confirm(
        self, request: HttpRequest, name: str, rows: QuerySet[Any]
    ) -> TemplateResponse | None:
        """The page that asks, or the act; None leads back to the list."""
        offer, chosen = self.offers[name], list(rows[:MOST_AT_ONCE])
        form = ReasonForm(offer.number, request.POST if _CONFIRMED in request.POST else None)
        if form.is_valid():
            act = offer.make(form.cleaned_data.get("number"))
            for row in chosen:
                self._perform(request, act, row, form.cleaned_data["reason"])
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": offer.title, "opts": self.opts, "name": name, "form": form,
            "plans": [self._plan(offer, row) for row in chosen],
            "left_out": rows.count() - len(chosen),
            "checkbox_name": ACTION_CHECKBOX_NAME, "confirmed": _CONFIRMED,
        }  # fmt: skip
        return TemplateResponse(request, "admin/acts/confirm.html", context)

    def _plan(self, offer: Offer, row: Any) -> dict[str, Any]:
        """What the page says of one row. What depends on the number is said when it is done."""
        shown = {"pk": row.pk, "row": str(row), "can": True, "says": ""}
        if offer.number:
            return {**shown, "says": f"{offer.title.lower()}, by the number that you give below"}
        try:
            return {**shown, "says": preview(offer.make(None), self.subject_of(row))}
        except OrchestratorError as error:
            return {**shown, "can": False, "says": str(error)}

    def _perform(self, request: HttpRequest, act: Act[Any], row: Any, reason: str) -> None:
        who = Who(request.user.get_username(), Door.ADMIN)
        try:
            done = perform(act, self.subject_of(row), who=who, reason=reason)
            self.message_user(request, f"done: {done}", messages.SUCCESS)
        except OrchestratorError as error:
            self.message_user(request, f"not done: {error}", messages.ERROR)


def _act_on(
    name: str, shown: ActsAdmin, request: HttpRequest, rows: QuerySet[Any]
) -> TemplateResponse | None:
    """As Django calls an action, but for the name."""
    return shown.confirm(request, name, rows)
