"""Staff as the provider's program reads them. Whom it let go with `active` stays in sight; whom it deleted, or who was let
go by hand and never its, does not."""

from uuid import UUID

from django.db.models import Q, QuerySet
from scim2_filter_parser.ast import AttrExpr, AttrPath, Filter, LogExpr
from scim2_filter_parser.lexer import SCIMLexer
from scim2_filter_parser.parser import SCIMParser, SCIMParserError
from scim2_filter_parser.transpilers.django_q_object import Transpiler

from portal.accounts.models import User
from portal.accounts.rules import scim
from portal.kernel import ids
from portal.kernel.errors import not_found

LONGEST_FILTER = 500  # characters
HERE = Q(is_active=True) | Q(invited_at__isnull=False)
_COLUMNS = {
    ("userName", None, None): "email", ("emails", None, None): "email", ("emails", "value", None): "email",
    ("displayName", None, None): "name", ("name", "formatted", None): "name",
    ("externalId", None, None): "external_id", ("roles", None, None): "role", ("roles", "value", None): "role",
    ("name", "givenName", None): "given_name", ("name", "familyName", None): "family_name", ("active", None, None): "is_active",
}  # fmt: skip
_CORE = "urn:ietf:params:scim:schemas:core:2.0:user"
_LOOKUPS = {
    "eq": "iexact", "ne": "iexact", "co": "icontains", "sw": "istartswith", "ew": "iendswith", "gt": "gt", "ge": "gte", "lt": "lt",
    "le": "lte",
}  # fmt: skip


def known() -> QuerySet[User]:
    return User.objects.filter(HERE | Q(is_provisioned=True)).order_by("id")


def is_here(user: User) -> bool:
    """Is in, or may come."""
    return user.is_active or user.invited_at is not None


def is_known(user: User) -> bool:
    return is_here(user) or user.is_provisioned


def get(raw_id: str) -> User:
    user = known().filter(id=ids.parse_uuid(raw_id)).first()
    if user is None:
        raise not_found("member of staff")
    return user


def find(condition: str) -> QuerySet[User]:
    """By a filter of RFC 7644 section 3.4.2.2, over what we keep."""
    if not condition:
        return known()
    if len(condition) > LONGEST_FILTER:
        raise scim.invalid(f"A filter has up to {LONGEST_FILTER} characters.", "invalidFilter")
    try:
        tree = SCIMParser().parse(SCIMLexer().tokenize(condition))
        return known().filter(_Columns(_COLUMNS).transpile(tree))
    except (SCIMParserError, ValueError) as error:  # of its grammar; of a character, or what `_Columns` refuses
        raise scim.invalid("That filter cannot be read.", "invalidFilter") from error


def by_role(role: str) -> list[tuple[UUID, str]]:
    """→ id and name of a role's people."""
    return list(known().filter(role=role).values_list("id", "name"))


class _Columns(Transpiler):
    """The library's, but for what it leaves open. A condition over what we do not keep is refused, where it would be left out and
    too many found; so is a comparison of text with a number, or of a truth with anything but another. Operators know no case."""

    def visit_LogExpr(self, node: LogExpr) -> Q:  # noqa: N802 - the library's name
        """Its grammar reads both from the left; `and` binds closer (RFC 7644). What would differ has to say what it means."""
        first = getattr(node.expr1, "expr", None)
        if node.op.lower() == "and" and isinstance(first, LogExpr) and first.op.lower() == "or":
            raise ValueError("and after or")
        one, other = self.visit(node.expr1), self.visit(node.expr2)
        return one & other if node.op.lower() == "and" else one | other

    def visit_AttrExpr(self, node: AttrExpr) -> Q:  # noqa: N802 - the library's name
        if isinstance(node.attr_path.attr_name, Filter):
            raise ValueError("a part of one of several")
        column, operator = self.visit(node.attr_path), node.value.lower()
        if operator == "pr":
            return Q(pk__isnull=False) if column == "is_active" else ~Q(**{column: ""})
        raw = node.comp_value.value.lower() if column == "is_active" else node.comp_value.value
        if column == "is_active":
            if raw not in {"true", "false"} or operator not in {"eq", "ne"}:
                raise ValueError("no truth")
            return HERE if (raw == "true") is (operator == "eq") else ~HERE
        if not isinstance(raw, str) or (raw in {"true", "false", "null"} and column != "external_id"):
            raise ValueError("no text")
        found = Q(**{f"{column}__{_LOOKUPS[operator]}": raw})
        return ~found if operator == "ne" else found

    def visit_AttrPath(self, node: AttrPath) -> str:  # noqa: N802 - the library's name
        names = [node.attr_name, node.sub_attr.value if node.sub_attr else ""]
        if not all(isinstance(name, str) for name in names):
            raise ValueError("brackets within brackets")
        if node.uri and node.uri.lower().rstrip(":") == _CORE:
            node = AttrPath(node.attr_name, node.sub_attr, None)
        column = super().visit_AttrPath(node)
        if column is None:
            raise ValueError("not kept")
        return str(column)
