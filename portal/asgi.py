"""The ASGI roof: static files, then pages and API, then sockets."""

import gc
import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

import django

django.setup(set_prefix=False)

from importlib import import_module

from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings

from messaging.sockets import routes
from portal.kernel import keys
from portal.web import handler, statics

keys.keyring()  # opened now, so that a process that cannot use its keys does not start

application = ProtocolTypeRouter(
    {"http": statics.Statics(handler.Handler()), "websocket": URLRouter(routes.websocket_urlpatterns)}
)

# What is loaded now stays for good, so collections need not look at it again: each took 50 ms of everybody's time.
for urls in (settings.ROOT_URLCONF, settings.PUBLIC_URLCONF):
    import_module(urls)
gc.collect()
gc.freeze()
