"""Customers and audiences over REST: tags, fields, consent and taking it back."""

import pytest

from portal.testing import browser


def post(api, path, body):
    return api.post(f"/api/v1/{path}", body, content_type="application/json")


def patch(api, path, body):
    return api.patch(f"/api/v1/{path}", body, content_type="application/json")


def test_tags_fields_and_consent_are_kept_and_changed(acme):
    api = browser.program(acme)
    made = post(api, "customers", {"name": "Ada", "tags": ["VIP", "vip", "a b"], "fields": {"plan": "gold", "n": 1}})
    assert made.status_code == 201
    path = f"customers/{made.json()['id']}"
    assert made.json()["tags"] == ["a b", "VIP"]
    changed = patch(api, path, {"tags": ["x"], "fields": {"n": None, "m": "2"}}).json()
    assert (changed["tags"], changed["fields"]) == (["x"], {"plan": "gold", "m": "2"})
    patch(
        api, path, {"consent": [{"purpose": "marketing", "channel": "email", "source": "form", "wording": "I agree"}]}
    )
    taken = {"purpose": "marketing", "channel": "all", "source": "call", "given": False}
    events = patch(api, path, {"consent": [taken]}).json()["consent"]
    assert [(one["purpose"], one["channel"], one["given"]) for one in events] == [
        ("marketing", "email", True),
        ("marketing", "all", False),
    ]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"tags": ["a,b"]}, "bad_tag"),
        ({"tags": [""]}, "bad_tag"),
        ({"tags": [f"t{n}" for n in range(51)]}, "too_many_tags"),
        ({"fields": {f"f{n}": 1 for n in range(51)}}, "bad_fields"),
        ({"fields": {"x": [1]}}, "bad_fields"),
        ({"consent": [{"purpose": "all", "channel": "fax", "source": "x"}]}, "bad_consent"),
    ],
    ids=str,
)
def test_what_cannot_be_kept_is_refused_and_nothing_changes(acme, body, code):
    api = browser.program(acme)
    pk = acme.customer(tags=["kept"])
    answer = patch(api, f"customers/{pk}", body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    shown = api.get(f"/api/v1/customers/{pk}").json()
    assert (shown["tags"], shown["fields"], shown["consent"]) == (["kept"], {}, [])


def test_fields_of_many_changes_are_counted_together(acme):
    api = browser.program(acme)
    pk = acme.customer(fields={f"a{n}": n for n in range(30)})
    answer = patch(api, f"customers/{pk}", {"fields": {f"b{n}": n for n in range(30)}})
    assert answer.json()["code"] == "bad_fields"


def test_an_audience_has_a_live_count_and_a_sample(acme):
    api = browser.program(acme)
    first = acme.customer(tags=["api-audience"], name="First", reference="api-first")
    made = post(api, "audiences", {"name": "Mine", "filter": {"tags": {"any": ["api-audience"]}}}).json()
    assert made["count"] == 1
    assert made["sample"] == [{"id": str(first), "reference": "api-first", "name": "First"}]
    acme.customer(tags=["API-audience"])
    path = f"audiences/{made['id']}"
    assert api.get(f"/api/v1/{path}").json()["count"] == 2
    listed = api.get(f"/api/v1/customers?audience={made['id']}").json()["results"]
    assert len(listed) == 2
    assert len(api.get("/api/v1/customers?tag=API-AUDIENCE").json()["results"]) == 2
    changed = patch(api, path, {"filter": {}}).json()
    assert changed["name"] == "Mine"
    assert changed["count"] > 2
    assert any(one["id"] == made["id"] for one in api.get("/api/v1/audiences").json()["results"])
    assert api.delete(f"/api/v1/{path}").status_code == 204
    assert api.get(f"/api/v1/{path}").status_code == 404


def test_a_bad_filter_says_where(acme):
    answer = post(browser.program(acme), "audiences", {"name": "x", "filter": {"language": 5}})
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, "bad_filter", "filter.language")


def test_what_may_not_be_sent_is_told(acme):
    api = browser.program(acme)
    post(api, "categories", {"key": "api-offers", "name": "Offers", "purpose": "marketing"})
    pk = acme.customer()
    asked = {"customer": str(pk), "body": "Buy", "category": "api-offers"}
    assert post(api, "messages", asked).json()["code"] == "no_consent"
    patch(api, f"customers/{pk}", {"consent": [{"purpose": "all", "channel": "all", "source": "x", "given": False}]})
    answer = post(api, "messages", {"customer": str(pk), "body": "Hello"})
    assert (answer.status_code, answer.json()["code"]) == (409, "opted_out")
