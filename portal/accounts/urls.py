"""Sign-in, under /console/. allauth's own pages are not served."""

from django.urls import path

from portal.accounts.pages import sign_in

urlpatterns = [
    path("sign-in/", sign_in.sign_in, name="account_login"),
    path("sign-out/", sign_in.sign_out, name="account_logout"),
    path("demo/<str:token>", sign_in.demo, name="account_demo"),
]
