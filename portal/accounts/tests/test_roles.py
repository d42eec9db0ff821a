"""The matrix of roles, cell by cell: what stands here was decided by a person, and a change of a cell is a change of this page."""

import pytest

from portal.kernel import actors, ids, roles

# owner, admin, author, approver, officer, reviewer, auditor, support
CELLS = """
message.send          x x x . . . . .
message.view          x x x . x x . x
message.read_live     x . . . . . . .
message.recall        x x x . . . . .
message.extend        x x x . . . . .
campaign.view         x x x x x x . .
campaign.approve      x . . x . . . .
customer.view         x x x . x x . x
customer.manage       x x x . . . . .
customer.invite       x x x . . . . x
customer.show_link    x x x . . . . .
device.view           x x x . x . . x
device.manage         x x x . . . . x
conversation.view     x x x . . . . .
conversation.manage   x x x . . . . .
archive.list          x . . . x x x .
archive.open          . . . . x . . .
archive.mirror        x . . . . . . .
archive.search        x . . . x x . .
archive.review        x . . . x x . .
archive.export        x . . . x . . .
archive.ask           x x x . . . . .
case.manage           x . . . x . . .
hold.manage           x . . . x . . .
retention.view        x . . . x . x .
retention.manage      x . . . x . . .
disposal.manage       x . . . x . . .
approval.decide       x . . x x . . .
category.manage       x x . . . . . .
template.manage       x x x . . . . .
settings.view         x x . . x . x .
settings.manage       x x . . . . . .
webhook.manage        x x . . . . . .
staff.manage          x x . . . . . .
staff.provision       x . . . . . . .
business.govern       x . . . . . . .
key.manage            x x . . . . . .
business.close        x . . . x . . .
"""
ROLES = ("owner", "admin", "author", "approver", "officer", "reviewer", "auditor", "support")
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
    for permission in (
        "archive.open", "approval.decide", "campaign.approve", "staff.manage", "business.govern", "key.manage", "settings.manage",
        "business.close",
    ):  # fmt: skip
        assert not every.may(permission)


def test_an_admin_gives_nothing_that_it_does_not_have_and_nobody_who_decides():
    """Or an invitation to a second self would be a way up: to what it may not do, or to a yes to what it asked for."""
    admin = roles.MATRIX["admin"]
    given = roles.given_by(admin)
    assert given == {"author", "support"}
    for role in given:
        assert roles.MATRIX[role] < admin, role
        assert not roles.MATRIX[role] & {"approval.decide", "campaign.approve"}, role


def test_only_an_owner_gives_every_role():
    assert {role: roles.given_by(allowed) for role, allowed in roles.MATRIX.items() if roles.given_by(allowed)} == {
        "owner": frozenset(ROLES), "admin": {"author", "support"},
    }  # fmt: skip


def test_an_auditor_and_an_approver_write_nothing():
    """Whatever their permissions are called: each is a look, or a yes to what others wrote."""
    assert roles.MATRIX["auditor"] == {"archive.list", "retention.view", "settings.view"}
    assert roles.MATRIX["approver"] == {"campaign.view", "campaign.approve", "approval.decide"}
