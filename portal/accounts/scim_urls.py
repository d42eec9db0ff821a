"""The provider's program, under /scim/v2/ (RFC 7644 section 3.2). The names are django-scim2's, which writes addresses by them."""

from django.urls import path

from portal.accounts.api import scim

app_name = "scim"
urlpatterns = [
    path("Users", scim.UsersView.as_view(), name="users"),
    path("Users/<str:uuid>", scim.UsersView.as_view(), name="users"),
    path("Groups", scim.RolesView.as_view(), name="groups"),
    path("Groups/<str:uuid>", scim.RolesView.as_view(), name="groups"),
    path("ServiceProviderConfig", scim.ProviderConfigView.as_view(), name="service-provider-config"),
    path("ResourceTypes", scim.ResourceTypesView.as_view(), name="resource-types"),
    path("ResourceTypes/<str:uuid>", scim.ResourceTypesView.as_view(), name="resource-types"),
    path("Schemas", scim.SchemasView.as_view(), name="schemas"),
    path("Schemas/<str:uuid>", scim.SchemasView.as_view(), name="schemas"),
]
