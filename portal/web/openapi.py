"""What every operation of the API says of itself beside its own answer: the key it wants, and what a refusal looks like."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema

from portal.web import problems

PROBLEM = {
    "type": "object",
    "description": "A problem document (RFC 9457). `code` stands still; further members depend on it.",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "code": {"type": "string", "pattern": "^[a-z0-9_]+$"},
        "detail": {"type": "string"},
    },
}


class Schema(AutoSchema):
    """One answer for all that is refused, in the document as at the door (`portal.web.problems`)."""

    def get_operation_id(self) -> str:
        """A list is named as one: `…_retrieve` is what gives one thing by its id."""
        name: str = super().get_operation_id()
        is_list = "results" in getattr(self.get_response_serializers(), "_declared_fields", {})
        return name.removesuffix("_retrieve") + "_list" if is_list and name.endswith("_retrieve") else name

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        bodies["default"] = {"description": "Refused", "content": {problems.CONTENT_TYPE: {"schema": PROBLEM}}}
        return bodies


class Key(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call,misc]
    """Named as text: the class lies above this floor."""

    target_class = "portal.accounts.api.authentication.ApiKeyAuthentication"
    name = "key"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}
