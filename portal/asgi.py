"""The ASGI roof: static files, then pages and API, then sockets."""

import gc
import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

import django

django.setup(set_prefix=False)

from importlib import import_module
from pathlib import Path
from wsgiref.headers import Headers

import drf_spectacular_sidecar
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from servestatic import ServeStaticASGI

from messaging.sockets import routes
from portal.kernel import keys
from portal.web import handler

keys.keyring()  # opened now, so that a process that cannot use its keys does not start


def _add_headers(headers: Headers, path: str, url: str) -> None:
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"


def _with_static(inner: object) -> ServeStaticASGI:
    """Static files of the house and of the API's pages, before any host or database is asked."""
    served = ServeStaticASGI(inner, max_age=60, allow_all_origins=False, add_headers_function=_add_headers)
    served.add_files(str(settings.BASE_DIR / "portal" / "web" / "static"), prefix="static/")
    sidecar = Path(drf_spectacular_sidecar.__file__).parent / "static"
    served.add_files(str(sidecar), prefix="static/")
    return served


application = ProtocolTypeRouter(
    {"http": _with_static(handler.Handler()), "websocket": URLRouter(routes.websocket_urlpatterns)}
)

# What is loaded now stays for good, so collections need not look at it again: each took 50 ms of everybody's time.
for urls in (settings.ROOT_URLCONF, settings.PUBLIC_URLCONF):
    import_module(urls)
gc.collect()
gc.freeze()
