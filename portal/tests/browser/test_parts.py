"""What takes long to count is fetched after its page; where that fails, the link to it stays."""

import pytest

pytestmark = pytest.mark.browser
PAGE, PART = "/console/archive/disposal/", "**/console/archive/disposal/months"


def test_a_part_comes_after_its_page(desk, acme):
    with desk.person("officer") as page:
        desk.sign_in(page, acme, "officer")
        page.goto(desk.running.page(acme, PAGE))
        page.get_by_role("heading", name="Months").wait_for()
        assert page.locator("[data-part] > section").count() == 1
        assert page.locator("[data-part][aria-busy]").count() == 0
        assert page.get_by_role("heading", name="Runs").is_visible()


def test_where_it_does_not_come_a_link_leads_to_it(desk, acme):
    with desk.person("officer") as page:
        desk.sign_in(page, acme, "officer")
        desk.watch.quiet = True  # the browser tells of the failure, too
        page.route(PART, lambda route: route.abort())
        page.goto(desk.running.page(acme, PAGE))
        page.locator("[data-part]:not([aria-busy])").wait_for()
        page.unroute(PART)
        page.get_by_role("link", name="Months in which records end").click()
        page.get_by_role("heading", name="Months", exact=True).wait_for()
