"""The contract's calls, as a program makes them."""

import pytest

from messaging import jobs
from messaging.models import Policy, Run
from messaging.queries import policy
from portal.testing import browser


@pytest.fixture
def program(desk):
    return browser.program(desk.cast)


def post(client, path, body=None, **more):
    return client.post(f"/api/v1/{path}", body or {}, content_type="application/json", **more)


def written(client, **more):
    answer = post(client, "campaigns", {"name": "Spring", "audience": {}, "body": "Come in.", **more})
    assert answer.status_code == 201, answer.content
    return answer.json()


def work(desk):
    with desk.cast.inside():
        for run_id in Run.objects.active().values_list("id", flat=True):
            jobs.work_run(run_id)


def test_the_whole_way(desk, program):
    made = written(program, gone_after=3600)
    assert (made["state"], made["audience"], made["revision"], made["runs"]) == ("draft", {}, 1, [])
    path = f"campaigns/{made['id']}"
    simulated = post(program, f"{path}/simulate").json()
    assert (simulated["recipients"], simulated["excluded"], len(simulated["samples"])) == (5, {}, 5)
    assert simulated["samples"][0]["body"] == "Come in."
    started = post(program, f"{path}/send")
    assert (started.status_code, started.json()["state"]) == (202, "scheduled")
    work(desk)
    shown = program.get(f"/api/v1/{path}").json()
    assert (shown["state"], shown["counts"], shown["runs"][0]["sent"]) == ("finished", {"sent": 5}, 5)
    assert [one["id"] for one in program.get("/api/v1/campaigns?state=finished&limit=1").json()["results"]] == [
        made["id"]
    ]
    first = program.get(f"/api/v1/{path}/recipients?limit=3").json()
    rest = program.get(f"/api/v1/{path}/recipients?limit=3&cursor={first['next']}").json()
    rows = first["results"] + rest["results"]
    assert [row["customer"] for row in rows] == [str(pk) for pk in desk.customers]
    assert rest["next"] is None
    assert {row["state"] for row in rows} == {"sent"}
    message = program.get(f"/api/v1/messages/{rows[0]['message']}").json()
    assert message["state"] == "sent"
    entries = program.get(f"/api/v1/archive/entries?campaign={made['id']}&kind=message.sent").json()["results"]
    assert len(entries) == 5
    assert {one["campaign"] for one in entries} == {made["id"]}
    about = program.get(f"/api/v1/archive/entries?campaign={made['id']}&kind=campaign.*").json()["results"]
    kinds = [one["kind"] for one in about]
    assert kinds == ["campaign.created", "campaign.scheduled", "campaign.started", "campaign.finished"]


def test_a_draft_is_changed_and_two_who_do_are_told(program):
    made = written(program)
    path = f"/api/v1/campaigns/{made['id']}"
    changed = program.patch(path, {"revision": 1, "name": "Summer"}, content_type="application/json")
    assert (changed.status_code, changed.json()["name"], changed.json()["revision"]) == (200, "Summer", 2)
    again = program.patch(path, {"revision": 1, "name": "Mine"}, content_type="application/json")
    assert (again.status_code, again.json()["code"], again.json()["revision"]) == (409, "campaign_changed", 2)


def test_the_same_request_again_is_the_same_campaign(program):
    body = {"name": "Once", "audience": {}, "body": "Come in."}
    first, again = (post(program, "campaigns", body, headers={"Idempotency-Key": "spring"}) for _ in range(2))
    assert first.json()["id"] == again.json()["id"]


def test_pause_resume_and_cancel(program):
    made = written(program)
    path = f"campaigns/{made['id']}"
    assert post(program, f"{path}/pause").json()["code"] == "campaign_state"
    post(program, f"{path}/send")
    for verb, state in (("pause", "paused"), ("resume", "scheduled"), ("cancel", "cancelled")):
        answer = post(program, f"{path}/{verb}")
        assert (answer.status_code, answer.json()["state"]) == (202, state)
    assert post(program, f"{path}/resend").status_code == 409


def test_where_a_second_person_agrees_the_answer_says_so(desk, program):
    with desk.cast.inside():
        Policy.objects.update_or_create(id=1, defaults={"second_person_from": 1})
        policy.forget()
    made = written(program)
    answer = post(program, f"campaigns/{made['id']}/send", {"reason": "Opening hours"})
    assert (answer.status_code, answer.json()["state"]) == (202, "approving")
    assert answer.json()["approval"]


def test_a_draft_goes_from_its_own_words_to_a_templates_and_back(program):
    asked = {"name": "Visit", "body": "Come on Tuesday.", "answers": ["Yes"]}
    template = post(program, "templates", asked).json()["id"]
    made = written(program, answers=["At noon"])
    for revision, (given, said) in enumerate((
        ({"template": template}, ("Come on Tuesday.", ["At noon"])), ({"answers": []}, ("Come on Tuesday.", ["Yes"])),
        ({"body": "My own"}, ("My own", [])),
    ), 1):  # fmt: skip
        answer = program.patch(
            f"/api/v1/campaigns/{made['id']}", {**given, "revision": revision}, content_type="application/json"
        )
        assert answer.status_code == 200, answer.content
        sample = post(program, f"campaigns/{made['id']}/simulate", {}).json()["samples"][0]
        assert (sample["body"], sample["answers"]) == said


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"audience": {}, "body": "x"}, 422, "invalid"),
        ({"name": "x", "body": "x"}, 422, "invalid"),
        ({"name": "x", "audience": {}}, 422, "empty_body"),
        ({"name": "x", "audience": "everyone", "body": "x"}, 422, "bad_id"),
        ({"name": "x", "audience": 7, "body": "x"}, 422, "bad_id"),
        ({"name": "x", "audience": "01a20b77-40b6-7000-8000-000000000001", "body": "x"}, 422, "unknown_audience"),
        ({"name": "x", "audience": {}, "template": "01a20b77-40b6-7000-8000-000000000001"}, 422, "unknown_template"),
        (
            {"name": "x", "audience": {}, "body": "x", "template": "01a20b77-40b6-7000-8000-000000000001"},
            422,
            "body_or_template",
        ),
        ({"name": "x", "audience": {}, "body": "x", "answers": ["a", "a"]}, 422, "bad_answer"),
        ({"name": "x", "audience": {}, "body": "x", "send_at": "2020-01-01T00:00:00Z"}, 422, "send_at_past"),
        ({"name": "x", "audience": {}, "body": "x", "send_at": "soon"}, 422, "invalid"),
        ({"name": "x", "audience": {}, "body": "x", "surprise": 1}, 422, "unknown_field"),
        ({"name": "x", "audience": {"tags": {"any": [""]}}, "body": "x"}, 422, "bad_tag"),
    ],
)
def test_bad_input_has_a_clear_answer(program, body, status, code):
    answer = post(program, "campaigns", body)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.content


def test_a_ledger_that_is_not_there_yet_is_empty(program):
    made = written(program)
    assert program.get(f"/api/v1/campaigns/{made['id']}/recipients").json() == {"results": [], "next": None}
    missing = program.get(f"/api/v1/campaigns/{made['id']}/recipients?run=01a20b77-40b6-7000-8000-000000000001")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
