"""The two paths of sockets: a device's, and that of an open page of the console."""

from django.conf import settings
from django.urls import path

from messaging.sockets.consumer import InboxConsumer
from messaging.sockets.guard import BusinessGuard
from messaging.sockets.staff import StaffConsumer

websocket_urlpatterns = [
    path("inbox/socket", BusinessGuard(InboxConsumer.as_asgi())),  # type: ignore[arg-type]  # an ASGI app, as Channels wants
    path("console/socket", BusinessGuard(StaffConsumer.as_asgi(), settings.SESSION_COOKIE_NAME)),  # type: ignore[arg-type]
]
