from django.urls import path

from sessions_app.api import views

urlpatterns = [
    path("routes", views.RoutesView.as_view()),
    path("quote", views.QuotesView.as_view()),
    path("quote/<uuid:quote_id>", views.QuoteView.as_view()),
    path("sessions", views.SessionsView.as_view()),
    path("sessions/<uuid:session_id>", views.SessionView.as_view()),
    path("sessions/<uuid:session_id>/execute", views.ExecuteView.as_view()),
    path("sessions/<uuid:session_id>/cancel", views.CancelView.as_view()),
    path("sessions/<uuid:session_id>/secret", views.SecretView.as_view()),
    path("sessions/<uuid:session_id>/exit-kit", views.ExitKitView.as_view()),
    path("sessions/<uuid:session_id>/events", views.EventsView.as_view()),
]
