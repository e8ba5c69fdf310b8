"""Where each URL of the service leads."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView

from orchestrator.clients.views import TokenView
from orchestrator.http.documentation import api_docs
from orchestrator.http.staff_login import staff_login
from sessions_app.pages import swap_page

urlpatterns: list[URLPattern | URLResolver] = [
    path("", swap_page),
    path("", include("orchestrator.health")),
    path("admin/login/", staff_login),
    path("admin/", admin.site.urls),
    path(
        "api/schema", SpectacularAPIView.as_view(authentication_classes=[], permission_classes=[])
    ),
    path("api/docs", api_docs),
    path("api/v1/auth/token", TokenView.as_view()),
    path("api/v1/", include("sessions_app.api.urls")),
]

handler400 = "orchestrator.http.problems.bad_request"
handler404 = "orchestrator.http.problems.not_found"
handler500 = "orchestrator.http.problems.server_error"
