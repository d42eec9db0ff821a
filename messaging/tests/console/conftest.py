import pytest

from portal.testing import browser


@pytest.fixture(scope="module")
def owner(acme):
    return browser.staff(acme, "owner")


@pytest.fixture(scope="module")
def author(acme):
    return browser.staff(acme, "author")


@pytest.fixture(scope="module")
def officer(acme):
    return browser.staff(acme, "officer")
