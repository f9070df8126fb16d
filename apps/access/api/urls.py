"""The addresses of access."""

from __future__ import annotations

from django.urls import path

from apps.access.api import (
    oauth,
    schema,  # noqa: F401 - tells OpenAPI how to sign in
)
from apps.access.api.views import explaining, grants, keys, organisations, people, policies, roles

urlpatterns = [
    path("oauth/token", oauth.token, name="oauth-token"),
    path("oauth/introspect", oauth.introspect, name="oauth-introspect"),
    path("oauth/revoke", oauth.revoke, name="oauth-revoke"),
    path("api/v1/me", people.Me.as_view(), name="me"),
    path("api/v1/organisations", organisations.OrganisationList.as_view(), name="organisations"),
    path("api/v1/organisations/<uuid:pk>", organisations.OrganisationDetail.as_view(), name="organisation"),
    path("api/v1/users", people.UserList.as_view(), name="users"),
    path("api/v1/users/<uuid:pk>", people.UserDetail.as_view(), name="user"),
    path("api/v1/users/<uuid:pk>/attributes", policies.UserAttributes.as_view(), name="attributes-of-user"),
    path(
        "api/v1/users/<uuid:pk>/attributes/<str:name>",
        policies.UserAttributeDetail.as_view(),
        name="attribute-of-user",
    ),
    path("api/v1/user-attributes", policies.AttributeDefinitionList.as_view(), name="user-attributes"),
    path("api/v1/user-attributes/<uuid:pk>", policies.AttributeDefinitionDetail.as_view(), name="user-attribute"),
    path("api/v1/policies", policies.PolicyList.as_view(), name="policies"),
    path("api/v1/policies:dry-run", explaining.PolicyDryRun.as_view(), name="policies-dry-run"),
    path("api/v1/access/explain", explaining.Explain.as_view(), name="access-explain"),
    path("api/v1/access/who", explaining.Who.as_view(), name="access-who"),
    path("api/v1/policies/<uuid:pk>", policies.PolicyDetail.as_view(), name="policy"),
    path("api/v1/roles", roles.RoleList.as_view(), name="roles"),
    path("api/v1/roles/<uuid:pk>", roles.RoleDetail.as_view(), name="role"),
    path("api/v1/assignments", roles.AssignmentList.as_view(), name="assignments"),
    path("api/v1/assignments/<uuid:pk>", roles.AssignmentDetail.as_view(), name="assignment"),
    path("api/v1/grants", grants.GrantList.as_view(), name="grants"),
    path("api/v1/grants/<str:pk>", grants.GrantDetail.as_view(), name="grant"),
    path("api/v1/api-keys", keys.ApiKeyList.as_view(), name="api-keys"),
    path("api/v1/api-keys/<uuid:pk>", keys.ApiKeyDetail.as_view(), name="api-key"),
    path("api/v1/device-keys", keys.DeviceKeyList.as_view(), name="device-keys"),
    path("api/v1/device-keys/<uuid:pk>", keys.DeviceKeyDetail.as_view(), name="device-key"),
]
