"""The base host: what Ebb is. It lists no business."""

from django.urls import include, path

from portal.web import pages

urlpatterns = [path("", pages.index, name="index"), path("start/", include("messaging.start_urls"))]
handler404 = "portal.web.pages.not_found"
handler500 = "portal.web.pages.server_error"
