"""What a provider's program says of a person or of a role's people, as SCIM 2.0 writes it (RFC 7643 section 4, RFC 7644
section 3.5.2). Pure: bodies in, plain values out.

Lenient where providers differ without harm (booleans as text, PATCH without a path, attributes that we do not keep), strict in what
we do keep. `scim_type` of a refusal is RFC 7644's word for it (section 3.12).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from portal.kernel import ids, roles
from portal.kernel.errors import Kind, Refusal

LEAST = "auditor"  # sees no words and changes nothing: who was given no role, or was taken out of theirs
LONGEST_ID = 200  # characters of what the provider calls somebody
MOST_MEMBERS = 1000  # named in one call

_PATH = re.compile(r"(?:urn:ietf:params:scim:schemas:core:2\.0:\w+:)?(\w+)(?:\[(.*)\])?(?:\.(\w+))?", re.IGNORECASE)
_ONE_MEMBER = re.compile(r'\s*value\s+eq\s+"([^"]*)"\s*', re.IGNORECASE)
_ONE_GROUP = re.compile(r'\s*(?:displayName|id)\s+eq\s+"([^"]*)"\s*', re.IGNORECASE)
_KEPT = {"username", "displayname", "name", "externalid", "active", "roles"}
_TRUTH = {"true": True, "false": False}


@dataclass(frozen=True)
class Asked:
    """What is said of a person. None: nothing is said of that, and it stays as it is."""

    email: str | None = None
    name: str | None = None
    role: str | None = None
    external_id: str | None = None
    is_active: bool | None = None


@dataclass(frozen=True)
class Moves:
    """Of a role's people. `only`: these and nobody else whom the provider looks after."""

    into: frozenset[UUID] = frozenset()
    out_of: frozenset[UUID] = frozenset()
    only: frozenset[UUID] | None = None


def person(body: object) -> Asked:
    """Of a User resource, or of what operations left of one (`of_operations`)."""
    said = {str(name).lower(): value for name, value in _members(body).items()}
    return Asked(
        email=_email(said.get("username")), name=_name(said), role=_role(said["roles"]) if "roles" in said else None,
        external_id=_external_id(said.get("externalid")), is_active=_truth(said.get("active")),
    )  # fmt: skip


def person_by_operations(body: object) -> Asked:
    """Of a PATCH: its operations in their order, the last word on each attribute counts."""
    said: dict[str, Any] = {}
    for kind, path, value in _operations(body):
        if path:
            _put(said, kind, path, value)
        else:
            for name, inner in _members(value).items():
                _put(said, kind, str(name), inner)
    return person(said)


def members(body: object) -> Moves:
    """Of a Group resource that replaces what was."""
    said = _members(body)
    return Moves(only=_ids(said["members"])) if "members" in said else Moves()


def members_by_operations(body: object) -> Moves:
    """Of a PATCH of a Group. A role's name is ours: what is said of it is not heard."""
    into: frozenset[UUID] = frozenset()
    out_of: frozenset[UUID] = frozenset()
    only: frozenset[UUID] | None = None
    for kind, path, value in _operations(body):
        found = _meant(path, value)
        if found is None:
            continue
        if kind == "replace" or (kind == "remove" and path.lower().endswith("members") and value is None):
            only, into, out_of = found, frozenset(), frozenset()
        elif kind == "add":
            into, out_of, only = into | found, out_of - found, None if only is None else only | found
        else:
            into, out_of, only = into - found, out_of | found, None if only is None else only - found
    return Moves(into, out_of, only)


def _meant(path: str, value: object) -> frozenset[UUID] | None:
    """Which members an operation is about; None where it is about something else."""
    if not path:
        said = _members(value)
        return _ids(said["members"]) if "members" in said else None
    first, one, _ = _parts(path)
    if first != "members":
        return None
    return _ids([{"value": _only_member(one)}] if one else [] if value is None else value)


def named(condition: str) -> str | None:
    """Of a filter over Groups: the name or id asked for, in lower case; None for all. Providers ask for one by its name."""
    if not condition:
        return None
    found = _ONE_GROUP.fullmatch(condition)
    if found is None:
        raise invalid('Groups are found by displayName eq "…" or id eq "…".', "invalidFilter")
    return found[1].lower()


# ── one value each ────────────────────────────────────────────────────────────────────────────────────────────────
def _email(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or "@" not in value:
        raise invalid("userName is the e-mail address that somebody signs in with.")
    return value.strip().lower()


def _name(said: dict[str, Any]) -> str | None:
    """`displayName`, or `name` as a whole, or its given and family name."""
    parts = {str(key).lower(): value for key, value in _members(said.get("name") or {}).items()}
    both = [parts.get("givenname"), parts.get("familyname")]
    for found in (said.get("displayname"), parts.get("formatted"), " ".join(map(str, both)) if all(both) else None):
        if found is not None and not isinstance(found, str):
            raise invalid("A name is text.")
        if found and found.strip():
            return found.strip()[:100]
    return None


def _role(value: object) -> str:
    """The one that is marked as primary, or the first. None at all is the least."""
    given = value if isinstance(value, list) else [value]
    marked = [one for one in given if isinstance(one, dict) and _truth(one.get("primary"))]
    first: object = next(iter(marked or given), None)
    found = first.get("value") if isinstance(first, dict) else first
    if found is None or found == "":
        return LEAST
    if not isinstance(found, str) or found.strip().lower() not in roles.MATRIX:
        raise invalid(f"There is no such role. Use one of: {', '.join(roles.MATRIX)}.")
    return found.strip().lower()


def _external_id(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > LONGEST_ID or not (value.isprintable() or not value):
        raise invalid(f"externalId is up to {LONGEST_ID} characters, all on one line.")
    return value


def _truth(value: object) -> bool | None:
    """A boolean, or one as text, as Microsoft Entra sends it."""
    if value is None or isinstance(value, bool):
        return value
    if not isinstance(value, str) or value.lower() not in _TRUTH:
        raise invalid("active is true or false.")
    return _TRUTH[value.lower()]


def _ids(value: object) -> frozenset[UUID]:
    given = value if isinstance(value, list) else [value]
    if len(given) > MOST_MEMBERS:
        raise invalid(f"Up to {MOST_MEMBERS} members in one call.", "tooMany")
    found = [ids.parse_uuid(str(one.get("value"))) if isinstance(one, dict) else None for one in given]
    if None in found:
        raise nobody()
    return frozenset(one for one in found if one is not None)


# ── operations ────────────────────────────────────────────────────────────────────────────────────────────────────
def _operations(body: object) -> Iterable[tuple[str, str, Any]]:
    """→ add, replace or remove; the path or nothing; the value."""
    said = {str(name).lower(): value for name, value in _members(body).items()}
    given = said.get("operations")
    if not isinstance(given, list) or not given:
        raise invalid("A PATCH has Operations.", "invalidSyntax")
    for one in given:
        fields = {str(name).lower(): value for name, value in _members(one).items()}
        kind, path = str(fields.get("op")).lower(), fields.get("path") or ""
        if kind not in {"add", "replace", "remove"} or not isinstance(path, str):
            raise invalid("An operation adds, replaces or removes, by a path.", "invalidSyntax")
        if kind == "remove" and not path:
            raise invalid("What is to be removed? Give its path.", "noTarget")
        yield kind, path, fields.get("value")


def _put(said: dict[str, Any], kind: str, path: str, value: Any) -> None:
    first, _, inner = _parts(path)
    if first not in _KEPT:
        return  # a title, a telephone number: not kept
    if kind == "remove":
        if first == "username":
            raise invalid("userName cannot be removed. To let somebody go, set active to false.", "mutability")
        nothing: dict[str, Any] = {"roles": [], "externalid": ""}  # a name or `active` is not taken away, but replaced
        said |= {first: nothing[first]} if first in nothing else {}
    elif first == "name" and inner:
        said["name"] = {**_members(said.get("name") or {}), inner: value}
    else:
        said[first] = value


def _parts(path: str) -> tuple[str, str, str]:
    """Of `roles[primary eq "True"].value`: its attribute, what stands in brackets, its sub-attribute; names in lower case."""
    found = _PATH.fullmatch(path.strip())
    if found is None:
        if path.lower().startswith("urn:"):
            return "", "", ""  # of an extension that we do not keep
        raise invalid("That path cannot be read.", "invalidPath")
    return found[1].lower(), found[2] or "", (found[3] or "").lower()


def _only_member(condition: str) -> str:
    found = _ONE_MEMBER.fullmatch(condition)
    if found is None:
        raise invalid('A member is found by members[value eq "id"].', "invalidFilter")
    return found[1]


def _members(value: object) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise invalid("The body is not what SCIM describes.", "invalidSyntax")
    return value


def invalid(why: str, scim_type: str = "invalidValue") -> Refusal:
    return Refusal("bad_scim", why, Kind.MALFORMED, scim_type=scim_type)


def nobody() -> Refusal:
    return invalid("There is nobody here with that id.")
