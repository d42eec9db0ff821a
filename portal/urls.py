"""Every door of a business's host."""

from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from archive.pages import log
from portal.web import headers, help  # noqa: A004 - named as its pages are

urlpatterns = [
    path("", RedirectView.as_view(url="/inbox/"), name="home"),
    path("log", log.public, name="log"),
    path("log/checkpoint", log.public_checkpoint, name="log_checkpoint"),
    path("help/", help.page, name="help"),
    path("help/<slug:name>", help.page, name="help_page"),
    path("inbox/", include("messaging.inbox_urls")),
    path("hooks/", include("messaging.hook_urls")),
    path("console/", include("messaging.console_urls")),
    path("console/", include("portal.accounts.urls")),
    path("api/v1/", include("messaging.api.urls")),
    path("api/v1/", include("archive.api.root_urls")),
    path("api/v1/archive/", include("archive.api.urls")),
    path("scim/v2/", include("portal.accounts.scim_urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path(
        "api/docs/",
        headers.of_swagger(SpectacularSwaggerSplitView.as_view(url_name="schema", http_method_names=["get", "head"])),
        name="docs",
    ),
]
handler400 = "portal.web.pages.bad_request"
handler403 = "portal.web.pages.forbidden"
handler404 = "portal.web.pages.not_found"
handler500 = "portal.web.pages.server_error"
