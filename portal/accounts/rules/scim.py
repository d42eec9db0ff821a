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
LONGEST_ID, LONGEST_NAME = 200, 100  # characters
MOST_MEMBERS = 1000  # named in one call

_PATH = re.compile(
    r"(?:urn:ietf:params:scim:schemas:core:2\.0:\w+:)?([\w$-]+)(?:\[(.*)\])?(?:\.([\w$-]+))?", re.IGNORECASE
)  # fmt: skip
_ONE_VALUE = re.compile(r'\s*value\s+eq\s+"([^"]*)"\s*', re.IGNORECASE)
_ONE_GROUP = re.compile(r'\s*(?:displayName|id)\s+eq\s+"([^"]*)"\s*', re.IGNORECASE)
_KEPT = {"username", "displayname", "name", "externalid", "active", "roles"}
_NOT_ROLE = object()  # no name that a body could have
_TRUTH = {"true": True, "false": False}


@dataclass(frozen=True)
class Asked:
    """What is said of a person. None: nothing is said of that, and it stays as it is. `not_role`: if they have it, they lose it."""

    email: str | None = None
    name: str | None = None
    given_name: str | None = None
    family_name: str | None = None
    role: str | None = None
    not_role: str | None = None
    external_id: str | None = None
    is_active: bool | None = None


@dataclass(frozen=True)
class Moves:
    """Of a role's people. `only`: these and nobody else whom the provider looks after."""

    into: frozenset[UUID] = frozenset()
    out_of: frozenset[UUID] = frozenset()
    only: frozenset[UUID] | None = None


def person(body: object) -> Asked:
    """Of a User resource, or of what operations left of one (`person_by_operations`)."""
    return _asked(_fields(body))


def _asked(said: dict[Any, Any]) -> Asked:
    parts = _fields(said.get("name") or {})
    given, family = _text(parts.get("givenname")), _text(parts.get("familyname"))
    whole = _text(said.get("displayname")) or _text(parts.get("formatted"))
    return Asked(
        email=_email(said.get("username")), name=whole or (f"{given} {family}"[:LONGEST_NAME] if given and family else None),
        given_name=given, family_name=family, role=_role(said["roles"]) if "roles" in said else None,
        not_role=said.get(_NOT_ROLE), external_id=_external_id(said.get("externalid")), is_active=_truth(said.get("active")),
    )  # fmt: skip


def person_by_operations(body: object) -> Asked:
    """Of a PATCH: its operations in their order, the last word on each attribute counts."""
    said: dict[Any, Any] = {}
    for kind, path, value in _operations(body):
        if path:
            _put(said, kind, path, value)
        else:
            for name, inner in _object(value).items():
                _put(said, kind, str(name), inner)
    return _asked(said)


def members(body: object) -> Moves:
    """Of a Group resource that replaces what was."""
    said = _fields(body)
    return Moves(only=_ids(said["members"])) if "members" in said else Moves()


def members_by_operations(body: object) -> Moves:
    """Of a PATCH of a Group. A role's name is ours: what is said of it is not heard."""
    into: frozenset[UUID] = frozenset()
    out_of: frozenset[UUID] = frozenset()
    only: frozenset[UUID] | None = None
    for kind, path, value in _operations(body):
        found = _meant(kind, path, value)
        if found is None:
            continue
        if kind == "replace" or (kind == "remove" and value is None and "[" not in path):
            only, into, out_of = found, frozenset(), frozenset()
        elif kind == "add":
            into, out_of, only = into | found, out_of - found, None if only is None else only | found
        else:
            into, out_of, only = into - found, out_of | found, None if only is None else only - found
    if len(into | out_of | (only or frozenset())) > MOST_MEMBERS:
        raise _too_many()
    return Moves(into, out_of, only)


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


def _text(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise invalid("A name is text.")
    return value.strip()[:LONGEST_NAME]


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
        raise _too_many()
    found = [ids.parse_uuid(str(one.get("value"))) if isinstance(one, dict) else None for one in given]
    if None in found:
        raise nobody()
    return frozenset(one for one in found if one is not None)


# ── operations ────────────────────────────────────────────────────────────────────────────────────────────────────
def _operations(body: object) -> Iterable[tuple[str, str, Any]]:
    """→ add, replace or remove; the path or nothing; the value."""
    given = _fields(body).get("operations")
    if not isinstance(given, list) or not given:
        raise invalid("A PATCH has Operations.", "invalidSyntax")
    for one in given:
        said = _fields(one)
        kind, path = str(said.get("op")).lower(), said.get("path") or ""
        if kind not in {"add", "replace", "remove"} or not isinstance(path, str):
            raise invalid("An operation adds, replaces or removes, by a path.", "invalidSyntax")
        if kind == "remove" and not path:
            raise invalid("What is to be removed? Give its path.", "noTarget")
        yield kind, path, said.get("value")


def _put(said: dict[Any, Any], kind: str, path: str, value: Any) -> None:
    """One operation on what was said until now. What is not kept (a title, the display of a role) is not heard."""
    first, one, inner = _parts(path)
    if first not in _KEPT or (first == "roles" and inner not in {"", "value"}):
        return
    if kind == "remove":
        _take(said, first, one, value)
    elif first == "name" and inner:
        said["name"] = {**_object(said.get("name") or {}), inner: value}
    else:
        said[first] = value


def _take(said: dict[Any, Any], first: str, one: str, value: Any) -> None:
    """A role that is named is taken only from who has it: providers may add the new one first. A name or `active` is replaced, not
    taken away."""
    if first == "username":
        raise invalid("userName cannot be removed. To let somebody go, set active to false.", "mutability")
    if first == "externalid":
        said["externalid"] = ""
    elif first == "roles" and not one and value is None:
        said["roles"] = []
    elif first == "roles":
        gone = _role([{"value": _only(one)}] if one else value)
        if "roles" in said and _role(said["roles"]) == gone:
            said["roles"] = []
        said[_NOT_ROLE] = gone


def _meant(kind: str, path: str, value: object) -> frozenset[UUID] | None:
    """Which members an operation is about; None where it is about something else, or about no more than a part of one."""
    if not path:
        said = _fields(value)
        return _ids(said["members"]) if "members" in said else None
    first, one, inner = _parts(path)
    if first != "members" or inner or (one and kind == "replace"):
        return None
    if one:
        return _ids([{"value": _only(one)}])
    if value is None and kind != "remove":
        raise invalid("Which members? Give a value.")
    return _ids([] if value is None else value)


def _parts(path: str) -> tuple[str, str, str]:
    """Of `roles[primary eq "True"].value`: its attribute, what stands in brackets, its sub-attribute; names in lower case."""
    found = _PATH.fullmatch(path.strip())
    if found is None:
        if path.lower().startswith("urn:"):
            return "", "", ""  # of an extension that we do not keep
        raise invalid("That path cannot be read.", "invalidPath")
    return found[1].lower(), found[2] or "", (found[3] or "").lower()


def _only(condition: str) -> str:
    found = _ONE_VALUE.fullmatch(condition)
    if found is None:
        raise invalid('One of several is found by [value eq "…"].', "invalidFilter")
    return found[1]


def _object(value: object) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise invalid("The body is not what SCIM describes.", "invalidSyntax")
    return value


def _fields(value: object) -> dict[str, Any]:
    """An object by the names of its members, which know no case (RFC 7643 section 2.1)."""
    return {str(name).lower(): inner for name, inner in _object(value).items()}


def invalid(why: str, scim_type: str = "invalidValue") -> Refusal:
    return Refusal("bad_scim", why, Kind.MALFORMED, scim_type=scim_type)


def nobody() -> Refusal:
    return invalid("There is nobody here with that id.")


def _too_many() -> Refusal:
    return invalid(f"Up to {MOST_MEMBERS} members in one call.", "tooMany")
