"""/hooks/: where providers report."""

from django.urls import path

from messaging.pages import hooks

urlpatterns = [path("email", hooks.email, name="hook-email"), path("sms", hooks.sms, name="hook-sms")]
