"""/start/ of the installation's own name: how a business begins. One that keeps its doors shut (`EBB_SIGNUP`) has none of it."""

from django.urls import path

from messaging.pages import start

urlpatterns = [
    path("", start.ask, name="start"),
    path("<str:token>/", start.begun, name="start_begun"),
]
