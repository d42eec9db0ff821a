"""The matrix of roles, cell by cell: what stands here was decided by a person, and a change of a cell is a change of this page."""

import pytest

from portal.kernel import actors, ids, roles

# owner, author, officer, reviewer
CELLS = """
message.send          x x . .
message.view          x x x x
message.read_live     x . . .
message.recall        x x . .
message.extend        x x . .
customer.view         x x x x
customer.manage       x x . .
customer.invite       x x . .
device.view           x x x .
device.manage         x x . .
conversation.view     x x . .
conversation.manage   x x . .
archive.list          x . x x
archive.open          . . x .
archive.mirror        x . . .
archive.search        x . x x
archive.review        x . x x
archive.export        x . x .
archive.ask           x x . .
case.manage           x . x .
hold.manage           x . x .
retention.manage      x . x .
disposal.manage       x . x .
approval.decide       x . x .
category.manage       x . . .
template.manage       x x . .
settings.view         x . x .
settings.manage       x . . .
webhook.manage        x . . .
staff.manage          x . . .
key.manage            x . . .
"""
ROLES = ("owner", "author", "officer", "reviewer")
WANTED = {line.split()[0]: line.split()[1:] for line in CELLS.strip().splitlines()}


def test_the_page_names_every_permission_and_role():
    assert set(WANTED) >= {"archive.open", "staff.manage"}
    assert tuple(roles.MATRIX) == ROLES == tuple(roles.ABOUT)
    assert set(WANTED) == set(roles.PERMISSIONS)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("permission", sorted(WANTED))
def test_each_cell(permission, role):
    may = actors.staff(ids.uuid7(), role).may(permission)
    assert may is (WANTED[permission][ROLES.index(role)] == "x")


def test_who_left_or_has_no_known_role_may_nothing():
    for role in ("", "king", "Owner"):
        assert not actors.staff(ids.uuid7(), role).permissions


def test_a_key_never_has_what_only_people_may():
    every = actors.key(ids.uuid7(), frozenset(roles.PERMISSIONS))
    for permission in ("archive.open", "approval.decide", "staff.manage", "key.manage", "settings.manage"):
        assert not every.may(permission)
