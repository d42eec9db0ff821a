"""The base host: what Ebb is. It lists no business."""

from django.urls import path

from portal.web import pages

urlpatterns = [path("", pages.index, name="index")]
handler404 = "portal.web.pages.not_found"
handler500 = "portal.web.pages.server_error"
