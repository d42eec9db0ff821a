"""The ASGI roof: static files, then pages and API, then sockets."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from servestatic import ServeStaticASGI

from messaging.sockets import routes
from portal.kernel import keys

keys.keyring()  # opened now, so that a process that cannot use its keys does not start

http = ServeStaticASGI(
    django_application,
    root=None,
    autorefresh=settings.DEBUG,
    max_age=60,
    add_headers_function=None,
)
application = ProtocolTypeRouter({"http": http, "websocket": URLRouter(routes.websocket_urlpatterns)})
