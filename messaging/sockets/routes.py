"""The one path of sockets."""

from django.urls import path

from messaging.sockets.consumer import InboxConsumer
from messaging.sockets.guard import BusinessGuard

websocket_urlpatterns = [path("inbox/socket", BusinessGuard(InboxConsumer.as_asgi()))]  # type: ignore[arg-type]  # an ASGI app, as Channels wants
