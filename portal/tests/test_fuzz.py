"""T11: the whole API against its own schema, by a program that knows nothing but the schema: never a fault of ours, never an
answer that the schema does not tell of, never one without a key. `EBB_FULL=1` asks ten times as often."""

import os
import secrets
from typing import Any

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)

from portal.accounts.flows import key
from portal.kernel import clock
from portal.testing import cast as people
from portal.testing.things import one_of_each

EXAMPLES = 120 if os.environ.get("EBB_FULL") == "1" else 12
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
SEED = int(os.environ.get("EBB_SEED", "20260101"))
MODES = {"as told": GenerationMode.POSITIVE, "not as told": GenerationMode.NEGATIVE}

# Bodies that are good but for the one member that chance puts into them: what no schema can say (a customer who is there, one of
# three ways to name a recipient) would else keep nearly all that is asked from what lies behind. Ids stand by their name.
SOUND: dict[str, dict[str, object]] = {
    "messages": {"customer": "customer_id", "body": "hello"},
    "messages/batch": {"messages": [{"customer": "customer_id", "body": "hello"}]},
    "messages/{message_id}/followup": {"by": "phone"},
    "messages/{message_id}/extend": {"gone_after": 7200},
    "customers": {"name": "Somebody"},
    "customers/{customer_id}": {"name": "Somebody Else"},
    "customers/{customer_id}/enrolments": {"send_by": "show"},
    "customers/{customer_id}/passphrase": {"passphrase": "four words of theirs"},
    "audiences": {"name": "Everyone", "filter": {}},
    "audiences/{audience_id}": {"name": "Everyone Else"},
    "templates": {"name": "Reminder", "body": "Come on Friday"},
    "templates/{template_id}": {"name": "Another"},
    "categories": {"key": "visits", "name": "Visits", "purpose": "service"},
    "campaigns": {"name": "Spring", "audience": "audience_id", "body": "hello"},
    "campaigns/{campaign_id}": {"name": "Summer", "revision": 1},
    "campaigns/{campaign_id}/schedule": {"send_at": "2035-01-01T00:00:00Z"},
    "conversations/{conversation_id}/assign": {"staff": "staff_id"},
    "retention-rules": {"name": "A year", "scope": {}, "keep_for": "P1Y", "from": "sent", "action": "review"},
    "retention-rules/{rule_id}/activate": {"retroactive": False},
    "holds": {"name": "A matter", "reason": "A court asks", "query": "kind:message.sent"},
    "cases": {"name": "A case", "query": "kind:message.sent"},
    "exports": {"query": "kind:message.sent", "sealed": True},
}


def _schema() -> Any:
    told = SchemaGenerator(urlconf="portal.urls").get_schema(public=True)
    found = schemathesis.openapi.from_dict(told)
    found.app = get_wsgi_application()
    return found


SCHEMA = _schema()
ENDS = ("DELETE", "recall", "cancel", "wipe", "release", "retire", "close")  # last: what they end can be asked no more
OPERATIONS = {one.ok().label: one.ok() for one in SCHEMA.get_all_operations()}
LABELS = sorted(OPERATIONS, key=lambda label: (label.startswith(ENDS[:1]), label.endswith(ENDS[1:]), label))


@pytest.fixture(scope="module")
def target(house):
    """A business of its own, since half of what is asked ends something, with one of each thing that an address can name."""
    cast = people.build(f"fuzz-{secrets.token_hex(3)}", "Asked At Random")
    things = {**one_of_each(cast, "fuzz"), "path": "0/000"}
    keys = {"every scope": cast.key, "no key": ""}
    with cast.inside():
        for scope in ("settings.view", "archive.list"):
            made = key.create(actor=cast.owner, now=clock.now(), name=scope, scopes=[scope])
            keys[scope] = made.secret
    return cast, things, keys


def _path(operation: Any, things: dict[str, object]) -> dict[str, str]:
    """What the address names is there, so that what is behind it is asked too."""
    return {one.name: str(things[one.name]) for one in operation.path_parameters}


def _sound(label: str, drawn: object, things: dict[str, object], data: Any) -> object:
    """A good body with one of the drawn members in it; the drawn one itself where there is no good one."""
    good = SOUND.get(label.partition("/api/v1/")[2])
    if good is None or not isinstance(drawn, dict):
        return drawn
    strange = data.draw(st.sampled_from([None, *sorted(drawn)]))
    named = {
        name: str(things[value]) if value in things else value for name, value in good.items() if isinstance(value, str)
    }
    listed = [{**one, "customer": str(things["customer_id"])} for one in good.get("messages", [])]
    return {
        **good,
        **named,
        **({"messages": listed} if listed else {}),
        **({strange: drawn[strange]} if strange else {}),
    }


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("label", LABELS)
def test_what_is_asked_at_random_is_answered_as_told(target, label, mode):
    cast, things, keys = target
    operation, is_told = OPERATIONS[label], mode == "as told"
    whose = st.sampled_from(["every scope"] * (9 if is_told else 3) + sorted(keys))

    @seed(SEED)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def ask(data):
        there = {"path_parameters": _path(operation, things)} if data.draw(st.integers(0, 3)) else {}
        case = data.draw(operation.as_strategy(generation_mode=MODES[mode], **there))
        if is_told:
            case.body = _sound(label, case.body, things, data)
        secret = keys[data.draw(whose)]
        case.headers.pop("Authorization", None)
        answer = case.call(
            base_url=f"http://{cast.host}", headers={"Authorization": f"Bearer {secret}"} if secret else {}
        )
        case.validate_response(answer, checks=CHECKS)
        assert secret or answer.status_code in {401, 404}, answer.status_code  # 404: an address that no route takes

    ask()
