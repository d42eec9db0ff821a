"""Staff as the provider's program reads them. Whom it let go with `active` stays in sight; whom it deleted, or who was let
go by hand and never its, does not."""

from uuid import UUID

from django.db.models import Q, QuerySet
from scim2_filter_parser.ast import AttrExpr, AttrPath, Filter
from scim2_filter_parser.lexer import SCIMLexer
from scim2_filter_parser.parser import SCIMParser, SCIMParserError
from scim2_filter_parser.transpilers.django_q_object import Transpiler

from portal.accounts.models import User
from portal.accounts.rules import scim
from portal.kernel import ids
from portal.kernel.errors import not_found

LONGEST_FILTER = 500  # characters
_HERE = Q(is_active=True) | Q(invited_at__isnull=False)
_COLUMNS = {
    ("userName", None, None): "email", ("emails", None, None): "email", ("emails", "value", None): "email",
    ("displayName", None, None): "name", ("name", "formatted", None): "name",
    ("externalId", None, None): "external_id", ("roles", None, None): "role", ("roles", "value", None): "role",
    ("active", None, None): "is_active",
}  # fmt: skip


def known() -> QuerySet[User]:
    return User.objects.filter(_HERE | Q(is_provisioned=True)).order_by("id")


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
        wanted = _Columns(_COLUMNS).transpile(tree)
    except (SCIMParserError, ValueError, TypeError, AttributeError, NotImplementedError) as error:
        raise scim.invalid("That filter cannot be read.", "invalidFilter") from error
    return known().filter(wanted)


def by_role(role: str) -> list[tuple[UUID, str]]:
    """→ id and name of a role's people."""
    return list(known().filter(role=role).values_list("id", "name"))


class _Columns(Transpiler):
    """A filter over what we do not keep is refused: the library would leave that condition out, and find too many. So is a
    comparison of text with a number, or of a truth with anything but another."""

    def visit_AttrExpr(self, node: AttrExpr) -> Q:  # noqa: N802 - the library's name
        if node.comp_value and not isinstance(node.attr_path.attr_name, Filter):
            column, value = self.visit(node.attr_path), self.visit(node.comp_value)
            is_truth = column == "is_active"
            if not isinstance(value, bool if is_truth else str) or (
                is_truth and node.value.lower() not in {"eq", "ne"}
            ):
                raise ValueError("not comparable")
        return super().visit_AttrExpr(node)

    def visit_AttrPath(self, node: AttrPath) -> str:  # noqa: N802 - the library's name
        column = super().visit_AttrPath(node)
        if column is None:
            raise ValueError("not kept")
        return str(column)
