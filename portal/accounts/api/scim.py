"""SCIM 2.0 at /scim/v2/ (RFC 7643 and 7644, by django-scim2): the provider's program brings staff, changes them, lets them go.

A person is a User whose `userName` is their e-mail address; a role is a Group of fixed name, whose members have it. The key is one
of the API's, with the scope `staff.provision`. What may be is the flows' to say (`flows.provisioning`); here are the two shapes,
and one way to say no.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import View
from django_scim import adapters, constants, exceptions, models, views

from portal.accounts.api import authentication
from portal.accounts.flows import provisioning
from portal.accounts.models import User
from portal.accounts.queries import provisioned
from portal.accounts.rules import scim
from portal.kernel import clock, roles
from portal.kernel.errors import Kind, not_found
from portal.web import parsers, problems

MOST = 200  # people in one answer


def base(request: HttpRequest | None = None, *_: object, **__: object) -> str:
    """Where the business is, for `meta.location`."""
    return request.build_absolute_uri("/") if request else ""


class ProviderConfig(models.SCIMServiceProviderConfig):
    """What of the standard is here: PATCH and filters; no bulk, no sorting, no ETags, and no passwords, ever."""

    def to_dict(self) -> dict[str, Any]:
        said, page = super().to_dict(), reverse("help_page", args=["owner"])
        return said | {
            "documentationUri": self.request.build_absolute_uri(page), "changePassword": {"supported": False},
            "filter": {"supported": True, "maxResults": MOST},
            "bulk": {"supported": False, "maxOperations": 0, "maxPayloadSize": 0},
        }  # fmt: skip


class Heard:
    """What is said is kept until `save`, which lets a flow do it in one transaction. `whole` and `operations` read a body."""

    id_field = "id"
    whole: Callable[[object], Any]
    operations: Callable[[object], Any]

    def validate_dict(self, d: dict[str, Any]) -> None:
        """The library asks before it reads; reading refuses what is wrong."""

    def from_dict(self, d: dict[str, Any]) -> None:
        self.said = self.whole(d)

    def handle_operations(self, operations: dict[str, Any]) -> None:
        """The whole body of a PATCH."""
        self.said = self.operations(operations)
        self.save()  # type: ignore[attr-defined]


class Person(Heard, adapters.SCIMUser):
    """`obj`: a member of staff."""

    whole, operations = staticmethod(scim.person), staticmethod(scim.person_by_operations)

    def to_dict(self) -> dict[str, Any]:
        user, role = self.obj, User.Role(self.obj.role)
        parts = (
            {"givenName": user.given_name, "familyName": user.family_name}
            if user.given_name or user.family_name
            else {}
        )
        where = self.request.build_absolute_uri(reverse("scim:groups", kwargs={"uuid": user.role}))
        said = {
            "schemas": [constants.SchemaURI.USER], "id": str(user.id), "userName": user.email, "displayName": user.name,
            "name": {"formatted": user.name, **parts}, "active": provisioned.is_here(user),
            "emails": [{"value": user.email, "primary": True}],
            "roles": [{"value": user.role, "display": role.label, "primary": True}],
            "groups": [{"value": user.role, "display": role.label, "$ref": where, "type": "direct"}],
            "meta": {"resourceType": "User", "created": clock.text(user.created_at), "location": self.location},
        }  # fmt: skip
        return said | ({"externalId": user.external_id} if user.external_id else {})

    def save(self) -> None:
        ours = {"actor": self.request.actor, "now": clock.now()}
        if self.obj.created_at is None:  # a POST's
            user_id = provisioning.bring(asked=self.said, **ours)
        else:
            user_id = self.obj.id
            provisioning.change(user_id=user_id, asked=self.said, **ours)
        self.obj: User = provisioned.get(str(user_id))

    def delete(self) -> None:
        provisioning.let_go(actor=self.request.actor, now=clock.now(), user_id=self.obj.id)

    @classmethod
    def resource_type_dict(cls, request: HttpRequest | None = None) -> dict[str, Any]:
        return super().resource_type_dict(request) | {"endpoint": "/Users"}


@dataclass(frozen=True)
class Role:
    """What a Group stands for here."""

    id: str

    @property
    def name(self) -> str:
        return str(User.Role(self.id).label)


class People(Heard, adapters.SCIMGroup):
    """`obj`: a role. Its name is ours; its people are the provider's to say, but for owners."""

    whole, operations = staticmethod(scim.members), staticmethod(scim.members_by_operations)

    def to_dict(self) -> dict[str, Any]:
        said = {
            "schemas": [constants.SchemaURI.GROUP], "id": self.obj.id, "displayName": self.obj.name,
            "meta": {"resourceType": "Group", "location": self.location},
        }  # fmt: skip
        left_out = {one.strip().lower() for one in self.request.GET.get("excludedAttributes", "").split(",")}
        if "members" not in left_out:
            said["members"] = [{"value": str(pk), "display": name} for pk, name in provisioned.by_role(self.obj.id)]
        return said

    def save(self) -> None:
        provisioning.move(actor=self.request.actor, now=clock.now(), role=self.obj.id, moves=self.said)

    @classmethod
    def resource_type_dict(cls, request: HttpRequest | None = None) -> dict[str, Any]:
        return super().resource_type_dict(request) | {"endpoint": "/Groups"}


class Door:
    """The one way in: a key that may, of this business; and the one way to say no (RFC 7644 section 3.12)."""

    @method_decorator(csrf_exempt)
    def dispatch(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        try:
            caller = authentication.caller_of(request)
            if caller is None:
                raise authentication.no_key()
            provisioning.check(caller.actor)
            request.actor = caller.actor  # type: ignore[attr-defined]
            return View.dispatch(self, request, *args, **kwargs)  # type: ignore[arg-type]
        except Exception as error:  # noqa: BLE001 (what is not a refusal is raised again)
            return _no(error)

    def http_method_not_allowed(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        answer = _no(problems.wrong_method())
        answer["Allow"] = ", ".join(self._allowed_methods())  # type: ignore[attr-defined]
        return answer

    def load_body(self, body: bytes) -> Any:
        found = parsers.loads(body or b"{}")
        if not isinstance(found, dict):
            raise scim.invalid("The body is not what SCIM describes.", "invalidSyntax")
        return found

    def patch(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        """The library's would open a transaction around the flow's own, and what comes after its commit would come before."""
        told = self.scim_adapter(self.get_object(), request=request)  # type: ignore[attr-defined]
        told.handle_operations(self.load_body(request.body))
        return _said(told.to_dict())


def _no(error: Exception) -> HttpResponse:
    """What is a fault of ours stays loud."""
    if isinstance(error, exceptions.SCIMException):
        error = scim.invalid(str(error.detail), "")  # of a body that cannot be read
    refusal = problems.refusal_for(error)
    if refusal is None:
        raise error
    is_wrong = refusal.kind is Kind.INVALID  # a value; 400 and `invalidValue` here
    status = problems.STATUS[Kind.MALFORMED] if is_wrong else problems.status_of(refusal)
    said = {
        "schemas": [constants.SchemaURI.ERROR], "status": str(status), "code": refusal.code,
        "detail": refusal.message or HTTPStatus(status).phrase,
    }  # fmt: skip
    kind = refusal.fields.get("scim_type", "invalidValue" if is_wrong else _TYPES.get(refusal.code))
    headers = problems.headers(refusal)
    return _said(said | ({"scimType": kind} if kind else {}), status=status, headers=headers)


_TYPES = {"staff_exists": "uniqueness", "malformed_json": "invalidSyntax"}


def _said(body: dict[str, Any], **about: Any) -> HttpResponse:
    return HttpResponse(json.dumps(body), content_type=constants.SCIM_CONTENT_TYPE, **about)


class UsersView(Door, views.UsersView):
    http_method_names = ["get", "post"]

    def get_many(self, request: HttpRequest) -> HttpResponse:
        return _page(self, request, provisioned.find(request.GET.get("filter", "")))


class UserView(Door, views.UsersView):
    http_method_names = ["get", "put", "patch", "delete"]

    def get_object(self) -> User:
        return provisioned.get(str(self.kwargs["uuid"]))


class RolesView(Door, views.GroupsView):
    http_method_names = ["get"]

    def get_many(self, request: HttpRequest) -> HttpResponse:
        wanted = scim.named(request.GET.get("filter", ""))
        found = [role for role in map(Role, roles.MATRIX) if wanted is None or wanted in {role.id, role.name.lower()}]
        return _page(self, request, found)


class RoleView(Door, views.GroupsView):
    http_method_names = ["get", "put", "patch"]

    def get_object(self) -> Role:
        if self.kwargs["uuid"] not in roles.MATRIX:
            raise not_found("role")
        return Role(self.kwargs["uuid"])


def _page(view: Any, request: HttpRequest, found: "QuerySet[User] | list[Role]") -> HttpResponse:
    start, count = _number(request, "startIndex", 1), _number(request, "count", 50)
    start, count = max(start, 1), min(max(count, 0), MOST)  # RFC 7644 section 3.4.2.4
    total = len(found) if isinstance(found, list) else found.count()
    shown = [view.scim_adapter(one, request=request).to_dict() for one in found[start - 1 : start - 1 + count]]
    return _said(_list(shown) | {"totalResults": total, "startIndex": start})


def _number(request: HttpRequest, name: str, otherwise: int) -> int:
    raw = request.GET.get(name, "")
    if not raw:
        return otherwise
    if not re.fullmatch(r"-?[0-9]{1,9}", raw):
        raise scim.invalid(f"{name} is a whole number.")
    return int(raw)


def _list(found: list[dict[str, Any]]) -> dict[str, Any]:
    schemas = [constants.SchemaURI.LIST_RESPONSE]
    return {
        "schemas": schemas,
        "totalResults": len(found),
        "startIndex": 1,
        "itemsPerPage": len(found),
        "Resources": found,
    }


class ProviderConfigView(Door, views.ServiceProviderConfigView):
    pass


class DescriptionsView(Door, View):
    """What SCIM says of its own shapes, all of them or one by its id. `of`: types or schemas."""

    http_method_names = ["get"]
    of = ""

    def get(self, request: HttpRequest, uuid: str = "") -> HttpResponse:
        found = [Person.resource_type_dict(request), People.resource_type_dict(request)]
        if self.of == "schemas":
            found = list(views.SchemasView.schemas_by_uri.values())
        if not uuid:
            return _said(_list(found))
        one = next((one for one in found if one["id"] == uuid), None)
        if one is None:
            raise not_found("description")
        return _said(one)
