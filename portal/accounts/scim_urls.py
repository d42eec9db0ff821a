"""The provider's program, under /scim/v2/ (RFC 7644 section 3.2). The names are django-scim2's, which writes addresses by them."""

from django.urls import path

from portal.accounts.api import scim

app_name = "scim"
urlpatterns = [
    path("Users", scim.UsersView.as_view(), name="users"),
    path("Users/<str:uuid>", scim.UserView.as_view(), name="users"),
    path("Groups", scim.RolesView.as_view(), name="groups"),
    path("Groups/<str:uuid>", scim.RoleView.as_view(), name="groups"),
    path("ServiceProviderConfig", scim.ProviderConfigView.as_view(), name="service-provider-config"),
    path("ResourceTypes", scim.DescriptionsView.as_view(of="types"), name="resource-types"),
    path("ResourceTypes/<str:uuid>", scim.DescriptionsView.as_view(of="types"), name="resource-types"),
    path("Schemas", scim.DescriptionsView.as_view(of="schemas"), name="schemas"),
    path("Schemas/<str:uuid>", scim.DescriptionsView.as_view(of="schemas"), name="schemas"),
]
