"""The demo's people: somebody to sign in as for each role."""

from messaging.demo import seed
from portal.kernel import roles


def test_there_is_somebody_in_each_role_once():
    assert sorted(role for role, _ in seed.PEOPLE) == sorted(roles.MATRIX)
