"""Staff by the provider's program (RFC 7643, RFC 7644): brought, changed, let go; bodies as the big providers write them."""

import json
import secrets
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections
from django.test import Client

from archive.models import OfficerKey
from portal.accounts.api import authentication
from portal.accounts.flows import key, staff
from portal.accounts.models import StaffPolicy, User
from portal.accounts.rules import scim
from portal.accounts.tests.conftest import is_in, refused
from portal.kernel import clock, ids, roles
from portal.testing import browser

USERS, GROUPS = "/scim/v2/Users", "/scim/v2/Groups"
USER, PATCH = "urn:ietf:params:scim:schemas:core:2.0:User", "urn:ietf:params:scim:api:messages:2.0:PatchOp"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
NOBODY = "0198c0de-0000-7000-8000-000000000000"


class Program:
    """The provider's, with a key of the one scope that it needs."""

    def __init__(self, it, scopes=("staff.provision",), cast=None):
        cast = cast or it.cast
        with cast.inside():
            made = key.create(actor=cast.owner, now=clock.now(), name="Provider", scopes=list(scopes))
        self.client = Client(
            HTTP_HOST=cast.host, HTTP_AUTHORIZATION=f"Bearer {made.secret}", raise_request_exception=False
        )

    def ask(self, method, path, body=None, status=None):
        given = {} if body is None else {"data": json.dumps(body), "content_type": "application/scim+json"}
        answer = getattr(self.client, method)(path, **given)
        assert status is None or answer.status_code == status, (answer.status_code, answer.content)
        if answer.status_code != 204:
            assert answer["Content-Type"] == "application/scim+json"
        return answer

    def bring(self, email=None, status=201, **said):
        email = email or f"{secrets.token_hex(5)}@house.example"
        return self.ask("post", USERS, {"schemas": [USER], "userName": email, **said}, status).json()

    def patch(self, path, *operations, status=200):
        answer = self.ask("patch", path, {"schemas": [PATCH], "Operations": list(operations)}, status)
        return answer.json()

    def find(self, **asked):
        return self.ask("get", USERS, status=200) if not asked else self.client.get(USERS, asked)


@pytest.fixture
def program(it):
    return Program(it)


# ── people ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_somebody_is_brought_comes_in_is_let_go_and_comes_back(it, program):
    made = program.bring(
        name={"givenName": "Nora", "familyName": "Brought"}, externalId="00u1", active=True, roles=[{"value": "author"}]
    )
    email, path = made["userName"], f"{USERS}/{made['id']}"
    assert made["meta"]["location"] == f"http://{it.cast.host}{path}"
    assert (made["displayName"], made["externalId"], made["active"]) == ("Nora Brought", "00u1", True)
    person = it.person(email)
    assert (person.role, person.is_active, person.has_usable_password()) == ("author", True, False)
    client, _ = it.come(email)
    assert is_in(client)

    gone = program.patch(path, {"op": "replace", "path": "active", "value": False})
    assert gone["active"] is False
    assert not is_in(client)  # the session that was open, at once
    client, answer = it.come(email)
    refused(it, answer, client, "nobody_here")
    assert program.ask("get", path, status=200).json()["active"] is False

    assert program.patch(path, {"op": "replace", "path": "active", "value": True})["active"] is True
    client, _ = it.come(email)
    assert is_in(client)
    kinds = ("staff.added", "staff.removed")
    told = [one for kind in kinds for one in it.told(kind) if one.codes["staff"] == made["id"]]
    assert [one.kind for one in told] == ["staff.added", "staff.added", "staff.removed"]
    assert {one.actor.split(":")[0] for one in told} == {"key"}


def test_deleted_they_are_gone_for_the_provider_and_come_back_as_who_they_were(it, program):
    made = program.bring(displayName="Twice Here")
    path = f"{USERS}/{made['id']}"
    client, _ = it.come(made["userName"])
    program.ask("delete", path, status=204)
    assert not is_in(client)
    for method in ("get", "delete"):
        assert program.ask(method, path, status=404).json()["schemas"] == [ERROR]
    assert program.find(filter=f'userName eq "{made["userName"]}"').json()["totalResults"] == 0
    assert it.person(made["userName"]).id == ids.parse_uuid(made["id"])  # entries name their id
    assert program.bring(made["userName"])["id"] == made["id"]


def test_as_microsoft_entra_writes_it(it, program):
    """Booleans as text, no path, a path with a condition, attributes that nobody keeps here."""
    enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
    made = program.bring(
        schemas=[USER, enterprise], active="True", displayName="Ella Entra", title="Nurse", preferredLanguage="en-GB",
        roles=[{"primary": "False", "value": "support"}, {"primary": "True", "value": "Author"}],
        emails=[{"type": "work", "primary": True, "value": "elsewhere@house.example"}],
        **{enterprise: {"department": "Ward 3"}},
    )  # fmt: skip
    path = f"{USERS}/{made['id']}"
    assert (made["roles"][0]["value"], made["emails"]) == ("author", [{"value": made["userName"], "primary": True}])
    told = program.patch(
        path, {"op": "Replace", "path": 'roles[primary eq "True"].value', "value": "approver"},
        {"op": "Add", "path": f"{enterprise}:department", "value": "Ward 4"},
        {"op": "Replace", "value": {"displayName": "Ella Second", "phoneNumbers[type eq \"work\"].value": "1"}},
        {"op": "Replace", "path": 'roles[primary eq "True"].display', "value": "Admin"},
    )  # fmt: skip
    assert (told["displayName"], told["roles"][0]["value"]) == ("Ella Second", "approver")
    assert program.patch(path, {"op": "Replace", "path": "active", "value": "False"})["active"] is False
    assert "Ward" not in json.dumps(program.ask("get", path).json())


def test_a_name_in_parts_is_kept_in_parts(it, program):
    made = program.bring(name={"givenName": "Anna Maria", "familyName": "van Dyk"})
    path = f"{USERS}/{made['id']}"
    assert (made["displayName"], made["name"]["familyName"]) == ("Anna Maria van Dyk", "van Dyk")
    told = program.patch(path, {"op": "replace", "path": "name.familyName", "value": "de Wit"})
    assert (told["displayName"], told["name"]["givenName"]) == ("Anna Maria de Wit", "Anna Maria")
    told = program.ask("put", path, {**told, "name": {"givenName": "Anna", "familyName": "de Wit"}}, 200).json()
    assert told["displayName"] == "Anna de Wit"
    told = program.patch(path, {"op": "replace", "path": "displayName", "value": "Dr Anna"})
    told = program.patch(path, {"op": "replace", "value": {"name.familyName": "Wit"}})
    assert (told["displayName"], told["name"]["familyName"]) == ("Dr Anna", "Wit")  # a whole that was said stays


def test_as_okta_writes_it(it, program):
    """Looks first, then brings; replaces the whole of somebody; changes an address."""
    email = f"{secrets.token_hex(5)}@house.example"
    found = program.find(filter=f'userName eq "{email}"', startIndex=1, count=100).json()
    assert (found["totalResults"], found["Resources"]) == (0, [])
    made = program.bring(email, name={"givenName": "Otto", "familyName": "Kta"}, password="never kept", groups=[])
    found = program.find(filter=f'userName eq "{email.upper()}"').json()
    assert [one["id"] for one in found["Resources"]] == [made["id"]]
    other = f"{secrets.token_hex(5)}@house.example"
    body = {"schemas": [USER], "id": made["id"], "userName": other, "name": {"formatted": "Otto New"}, "active": True}
    changed = program.ask("put", f"{USERS}/{made['id']}", body, 200).json()
    assert (changed["userName"], changed["displayName"], changed["roles"][0]["value"]) == (other, "Otto New", "auditor")
    assert not it.person(other).has_usable_password()


def test_who_was_invited_by_hand_is_found_and_looked_after_from_then_on(it, program):
    email = f"{secrets.token_hex(5)}@house.example"
    with it.cast.inside():
        staff.invite(actor=it.cast.owner, now=clock.now(), email=email, name="By Hand", role="support")
    [found] = program.find(filter=f'userName eq "{email}" and active eq true').json()["Resources"]
    assert found["active"] is True
    program.ask("put", f"{USERS}/{found['id']}", {"userName": email, "active": True}, 200)
    it.at.advance(days=8)  # an invitation would be over
    client, _ = it.come(email)
    assert is_in(client)


def test_an_address_by_hand_is_not_its_to_change(it, program):
    """Else a leaked key would lead somebody's row, with their password, to another account of the provider."""
    email = it.someone("officer")
    [found] = program.find(filter=f'userName eq "{email}"').json()["Resources"]
    change = {"op": "replace", "path": "userName", "value": f"{secrets.token_hex(5)}@elsewhere.example"}
    assert program.patch(f"{USERS}/{found['id']}", change, status=403)["code"] == "address_by_hand"
    assert it.person(email).role == "officer"
    it.come(email)  # the provider vouched for them, and knows them by its own id from now on
    assert program.patch(f"{USERS}/{found['id']}", change)["userName"] == change["value"]
    [told] = [one for one in it.told("staff.changed") if one.codes["staff"] == found["id"] and one.codes["address"]]
    assert told.actor.startswith("key:")


@pytest.mark.parametrize("how", ["role", "group", "active", "delete"])
def test_the_only_key_to_the_archive_is_not_its_to_take(it, program, how):
    """What was put back into the role after would open nothing any more."""
    with it.cast.inside():
        assert list(OfficerKey.objects.values_list("staff_id", flat=True)) == [it.cast.officer.id]
    path, members = f"{USERS}/{it.cast.officer.id}", [{"value": str(it.cast.officer.id)}]
    tries = {
        "role": ("patch", path, {"Operations": [{"op": "remove", "path": "roles"}]}),
        "group": ("patch", f"{GROUPS}/reviewer", {"Operations": [{"op": "add", "value": {"members": members}}]}),
        "active": ("patch", path, {"Operations": [{"op": "replace", "path": "active", "value": False}]}),
        "delete": ("delete", path, None),
    }  # fmt: skip
    assert program.ask(*tries[how], 409).json()["code"] == "last_officer_key"
    with it.cast.inside():
        assert OfficerKey.objects.filter(staff_id=it.cast.officer.id).exists()
        assert User.objects.get(id=it.cast.officer.id).role == "officer"


def test_said_again_nothing_changes_and_nothing_is_written(it, program):
    made = program.bring(displayName="Same Again", roles=["author"])
    before = len(it.told("staff.changed"))
    for _ in range(2):
        program.ask("put", f"{USERS}/{made['id']}", {**made, "active": True}, 200)
    assert len(it.told("staff.changed")) == before


def test_keys_that_they_made_open_nothing_any_more(it, program):
    made = program.bring(roles=["admin"])
    with it.cast.inside():
        theirs = key.create(
            actor=it.person(made["userName"]).actor, now=clock.now(), name="x", scopes=["customer.view"]
        )
    client = browser.visitor(it.cast)
    client.defaults["HTTP_AUTHORIZATION"] = f"Bearer {theirs.secret}"
    assert client.get("/api/v1/customers").status_code == 200
    program.patch(f"{USERS}/{made['id']}", {"op": "replace", "value": {"active": False}})
    authentication.forget()
    assert client.get("/api/v1/customers").status_code == 401


def test_the_same_person_ten_times_at_once_is_one(it, program):
    email = f"{secrets.token_hex(5)}@house.example"

    def bring(_):
        try:
            return Program.ask(program, "post", USERS, {"userName": email}).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(10) as pool:
        got = sorted(pool.map(bring, range(10)))
    assert got == [201] + [409] * 9


# ── roles ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_role_is_a_group_and_its_members_have_it(it, program):
    one, two = program.bring()["id"], program.bring()["id"]
    assert {role["id"] for role in program.ask("get", GROUPS).json()["Resources"]} == set(roles.MATRIX)
    [group] = program.client.get(GROUPS, {"filter": 'displayName eq "Author"', "excludedAttributes": "members"}).json()[
        "Resources"
    ]
    assert "members" not in group
    path = f"{GROUPS}/{group['id']}"
    told = program.patch(path, {"op": "add", "path": "members", "value": [{"value": one}, {"value": two}]})
    assert {one, two} <= {member["value"] for member in told["members"]}
    assert program.ask("get", f"{USERS}/{one}").json()["groups"][0]["value"] == "author"

    program.patch(path, {"op": "remove", "path": f'members[value eq "{one}"]'})
    person = program.ask("get", f"{USERS}/{one}").json()
    assert (person["roles"][0]["value"], person["active"]) == (scim.LEAST, True)
    program.patch(path, {"op": "replace", "value": {"displayName": "Writers", "members": [{"value": one}]}})
    assert [program.ask("get", f"{USERS}/{pk}").json()["roles"][0]["value"] for pk in (one, two)] == [
        "author",
        scim.LEAST,
    ]
    program.ask("put", path, {"displayName": "Author", "members": []}, 200)
    assert program.ask("get", f"{USERS}/{one}").json()["roles"][0]["value"] == scim.LEAST


def test_who_is_out_of_another_group_keeps_their_role(it, program):
    """Providers may add to the new group first, and take out of the old one after."""
    one = program.bring(roles=["author"])["id"]
    program.patch(f"{GROUPS}/support", {"op": "add", "path": "members", "value": [{"value": one}]})
    program.patch(f"{GROUPS}/author", {"op": "remove", "path": "members", "value": [{"value": one}]})
    assert program.ask("get", f"{USERS}/{one}").json()["roles"][0]["value"] == "support"


def test_a_role_that_is_taken_by_its_name_is_taken_from_who_has_it(it, program):
    made = program.bring(roles=["support"])
    path = f"{USERS}/{made['id']}"
    for operation in ({"path": 'roles[value eq "author"]'}, {"path": "roles", "value": [{"value": "author"}]}):
        assert program.patch(path, {"op": "remove", **operation})["roles"][0]["value"] == "support"
    told = program.patch(
        path,
        {"op": "add", "path": "roles", "value": ["author"]},
        {"op": "remove", "path": "roles", "value": ["support"]},
    )
    assert told["roles"][0]["value"] == "author"
    assert program.patch(path, {"op": "remove", "path": 'roles[value eq "author"]'})["roles"][0]["value"] == scim.LEAST


def test_what_is_said_of_a_part_of_one_member_moves_nobody(it, program):
    one, two = (program.bring(roles=["support"])["id"] for _ in range(2))
    path = f"{GROUPS}/support"
    for where in (f'members[value eq "{one}"].display', f'members[value eq "{one}"]', "members.display"):
        program.patch(path, {"op": "replace", "path": where, "value": "x"})
    assert {one, two} <= {member["value"] for member in program.ask("get", path).json()["members"]}


def test_whom_nobody_knows_is_out_of_a_group_already(it, program):
    gone, here = program.bring(roles=["support"])["id"], program.bring(roles=["support"])["id"]
    program.ask("delete", f"{USERS}/{gone}", status=204)
    path = f"{GROUPS}/support"
    program.patch(path, {"op": "remove", "path": f'members[value eq "{gone}"]'})
    program.ask("put", path, {"Members": [{"value": gone}, {"value": here}]}, 200)
    assert [one["value"] for one in program.ask("get", path).json()["members"] if one["value"] in {gone, here}] == [
        here
    ]


def test_who_was_put_into_a_group_by_it_is_taken_out_by_it(it, program):
    email = it.someone("approver")
    members = [{"value": str(it.person(email).id)}]
    program.patch(f"{GROUPS}/approver", {"op": "add", "path": "members", "value": members})
    program.ask("put", f"{GROUPS}/approver", {"members": []}, 200)
    assert it.person(email).role == scim.LEAST


def test_a_group_that_is_emptied_leaves_who_was_invited_by_hand(it, program):
    email = it.someone("approver")
    mine = program.bring(roles=["approver"])
    program.patch(f"{GROUPS}/approver", {"op": "remove", "path": "members"})
    assert (it.person(email).role, it.person(mine["userName"]).role) == ("approver", scim.LEAST)


def test_a_move_of_many_is_all_or_nothing(it, program):
    one = program.bring()["id"]
    values = [{"value": one}, {"value": NOBODY}]
    refusal = program.patch(f"{GROUPS}/author", {"op": "add", "path": "members", "value": values}, status=400)
    assert refusal["scimType"] == "invalidValue"
    assert program.ask("get", f"{USERS}/{one}").json()["roles"][0]["value"] == scim.LEAST


# ── what it may not ───────────────────────────────────────────────────────────────────────────────────────────────────
def test_owners_are_not_its_to_touch(it, program):
    [owner] = program.find(filter=f'userName eq "{it.cast.emails["owner"]}"').json()["Resources"]
    path, someone = f"{USERS}/{owner['id']}", program.bring()
    tries = [
        ("patch", path, {"Operations": [{"op": "replace", "path": "active", "value": False}]}),
        ("patch", path, {"Operations": [{"op": "replace", "path": "userName", "value": "thief@elsewhere.example"}]}),
        ("patch", path, {"Operations": [{"op": "replace", "path": "roles", "value": ["support"]}]}),
        ("put", path, {"userName": "thief@elsewhere.example"}),
        ("delete", path, None),
        ("post", USERS, {"userName": f"{secrets.token_hex(5)}@house.example", "roles": ["owner"]}),
        ("patch", f"{USERS}/{someone['id']}", {"Operations": [{"op": "add", "path": "roles", "value": ["owner"]}]}),
        ("patch", f"{GROUPS}/owner", {"Operations": [{"op": "add", "path": "members", "value": [{"value": someone["id"]}]}]}),
        ("patch", f"{GROUPS}/author", {"Operations": [{"op": "add", "path": "members", "value": [{"value": owner["id"]}]}]}),
    ]  # fmt: skip
    for method, where, body in tries:
        told = program.ask(method, where, body, 403).json()
        assert (told["code"], told["status"]) == ("role_beyond_you", "403"), (method, where)
    for _ in range(2):  # what is so already asks for nothing; and what it calls them opens nothing
        program.ask("put", path, {**owner, "active": True, "externalId": "00u-owner", "name": {"givenName": "O"}}, 200)
    kept = it.person(it.cast.emails["owner"])
    assert (kept.role, kept.is_active, kept.is_provisioned) == ("owner", True, False)
    with it.cast.inside():
        assert User.objects.filter(role="owner").count() == 1


def test_who_was_an_owner_does_not_come_back_by_it(it, program):
    email = it.someone("owner")
    with it.cast.inside():
        staff.remove(actor=it.cast.owner, now=clock.now(), user_id=it.person(email).id)
    assert program.bring(email, roles=["support"], status=403)["code"] == "role_beyond_you"
    assert not it.person(email).is_active


def test_only_with_its_key_and_while_the_provider_is_on(it, program, globex):
    assert browser.visitor(it.cast).get(USERS).status_code == 401
    for secret in ("ebb_nothing", globex.key):
        answer = browser.visitor(it.cast).get(USERS, HTTP_AUTHORIZATION=f"Bearer {secret}")
        assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
    narrow = Program(it, scopes=("settings.view", "customer.view"))
    assert narrow.ask("get", USERS, status=403).json()["code"] == "not_allowed"
    signed_in = browser.staff(it.cast, "owner")
    assert signed_in.get(USERS).status_code == 401  # a person's session is no key
    it.use("off")
    assert program.ask("get", USERS, status=403).json()["code"] == "provider_off"


def test_an_admin_cannot_make_such_a_key(it):
    with it.cast.inside(), pytest.raises(Exception, match="scope_beyond_you"):
        key.create(actor=it.cast.join("admin"), now=clock.now(), name="x", scopes=["staff.provision"])


WRONG = [
    ("post", USERS, {}, 400, None),
    ("post", USERS, {"displayName": "x"}, 400, "invalidValue"),
    ("post", USERS, {"userName": "no address"}, 400, "invalidValue"),
    ("post", USERS, {"userName": "a@"}, 400, "invalidValue"),
    ("post", USERS, {"userName": 7}, 400, "invalidValue"),
    ("post", USERS, {"userName": "a@b.example", "active": "perhaps"}, 400, "invalidValue"),
    ("post", USERS, {"userName": "a@b.example", "roles": ["king"]}, 400, "invalidValue"),
    ("post", USERS, {"userName": "a@b.example", "displayName": ["x"]}, 400, "invalidValue"),
    ("post", USERS, {"userName": "a@b.example", "name": "x"}, 400, "invalidSyntax"),
    ("post", USERS, {"userName": "a@b.example", "externalId": "x" * 201}, 400, "invalidValue"),
    ("post", USERS, {"userName": "a@b.example", "displayName": "nul\0"}, 400, "invalidValue"),
    ("post", USERS, {"userName": "lone\ud800@b.example"}, 400, "invalidValue"),
    ("post", USERS, [], 400, "invalidSyntax"),
    ("patch", f"{GROUPS}/author", {}, 400, "invalidSyntax"),
    ("patch", f"{GROUPS}/author", {"Operations": [{"op": "replace", "path": "members", "value": None}]}, 400, "invalidValue"),
    ("put", USERS, {"userName": "a@b.example"}, 405, None),
    ("patch", USERS, {"Operations": [{"op": "add"}]}, 405, None),
    ("delete", USERS, None, 405, None),
    ("put", GROUPS, {"members": []}, 405, None),
    ("patch", GROUPS, {"Operations": [{"op": "add"}]}, 405, None),
    ("post", f"{USERS}/{NOBODY}", {"userName": "a@b.example"}, 405, None),
    ("post", USERS, {"userName": "a@b.example", "name": {"givenName": 5, "familyName": {}}}, 400, "invalidValue"),
    ("patch", f"{GROUPS}/author", {"Operations": [{"op": "move"}]}, 400, "invalidSyntax"),
    ("patch", f"{GROUPS}/author", {"Operations": [{"op": "remove"}]}, 400, "noTarget"),
    ("patch", f"{GROUPS}/author", {"Operations": [{"op": "add", "path": "members[", "value": []}]}, 400, "invalidPath"),
    ("patch", f"{GROUPS}/author", {"Operations": [{"op": "add", "path": 'members[type eq "x"]'}]}, 400, "invalidFilter"),
    ("patch", f"{GROUPS}/author", {"Operations": [{"op": "add", "path": "members", "value": ["x"]}]}, 400, "invalidValue"),
    ("patch", f"{GROUPS}/author", {"Operations": "all"}, 400, "invalidSyntax"),
    ("patch", f"{GROUPS}/author", {"Operations": [{"op": "add", "value": {"members": [{}] * 1001}}]}, 400, "tooMany"),
    ("patch", f"{GROUPS}/king", {"Operations": [{"op": "add"}]}, 404, None),
    ("post", GROUPS, {"displayName": "Writers"}, 405, None),
    ("delete", f"{GROUPS}/author", None, 405, None),
    ("get", f"{USERS}/{NOBODY}", None, 404, None),
    ("get", f"{USERS}/%00", None, 404, None),
    ("get", "/scim/v2/Schemas/urn:x", None, 404, None),
    ("get", "/scim/v2/ResourceTypes/Tool", None, 404, None),
    ("get", f"{USERS}?startIndex=x", None, 400, "invalidValue"),
    ("get", f"{USERS}?count={'9' * 5000}", None, 400, "invalidValue"),
    ("get", f"{USERS}?filter=userName eq \"a\" or userName eq \"b\" and active eq true", None, 400, "invalidFilter"),
    ("get", f"{USERS}?filter=emails[value eq \"x\"].value co null", None, 400, "invalidFilter"),
    ("get", f"{USERS}?filter=userName", None, 400, "invalidFilter"),
    ("get", f"{USERS}?filter=password eq \"x\"", None, 400, "invalidFilter"),
    ("get", f"{USERS}?filter=title pr or userName pr", None, 400, "invalidFilter"),
    ("get", f"{USERS}?filter=userName eq \"' or 1=1 --", None, 400, "invalidFilter"),
    ("get", f"{USERS}?filter=active eq \"x\"", None, 400, "invalidFilter"),
    ("get", f"{USERS}?filter=active co true", None, 400, "invalidFilter"),
    ("get", f"{USERS}?filter={'(' * 240}title pr{')' * 240}", None, 400, "invalidFilter"),
    ("get", f"{USERS}?filter={'(' * 400}", None, 400, "invalidFilter"),
    ("get", f"{USERS}?filter={'x' * 501}", None, 400, "invalidFilter"),
    ("get", f"{GROUPS}?filter=members eq \"x\"", None, 400, "invalidFilter"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "scim_type"), WRONG, ids=[str(n) for n in range(len(WRONG))]
)
def test_what_is_wrong_is_said_and_nothing_is_done(it, program, method, path, body, status, scim_type):
    with it.cast.inside():
        before = list(User.objects.order_by("id").values())
    told = program.ask(method, path, body, status).json()
    assert (told["schemas"], told["status"], told.get("scimType")) == ([ERROR], str(status), scim_type)
    assert told["code"]
    assert told["detail"]
    with it.cast.inside():
        assert list(User.objects.order_by("id").values()) == before


@pytest.mark.parametrize(
    "path", ["userName", "roles", "externalId", "displayName", "active", "name.givenName", "title"]
)
def test_what_is_removed(it, program, path):
    """A role falls to the least, the provider's own name for them is forgotten; an address is not removed; the rest stays."""
    made = program.bring(displayName="Whole Person", externalId="x-1", roles=["author"])
    where, wanted = f"{USERS}/{made['id']}", {"displayName": "Whole Person", "active": True}
    told = program.patch(where, {"op": "remove", "path": path}, status=400 if path == "userName" else 200)
    if path == "userName":
        assert told["scimType"] == "mutability"
        return
    assert {name: told[name] for name in wanted} == wanted
    assert told["roles"][0]["value"] == (scim.LEAST if path == "roles" else "author")
    assert told.get("externalId") == (None if path == "externalId" else "x-1")


def test_an_address_that_somebody_has_is_refused(it, program):
    one, two = program.bring(), program.bring()
    refusal = program.bring(one["userName"], status=409)
    assert (refusal["code"], refusal["scimType"]) == ("staff_exists", "uniqueness")
    told = program.patch(
        f"{USERS}/{two['id']}", {"op": "replace", "path": "userName", "value": one["userName"]}, status=409
    )
    assert told["scimType"] == "uniqueness"
    assert it.person(two["userName"]).id == ids.parse_uuid(two["id"])


# ── reading ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_pages_and_filters(it, program):
    made = [program.bring(displayName=f"Page {n}", externalId=f"ext-{secrets.token_hex(3)}") for n in range(3)]
    found = program.find(filter=f'externalId eq "{made[1]["externalId"]}" and active eq true').json()
    assert [one["id"] for one in found["Resources"]] == [made[1]["id"]]
    found = program.find(filter=f'emails[value eq "{made[2]["userName"]}"]').json()
    assert [one["id"] for one in found["Resources"]] == [made[2]["id"]]
    assert (
        program.find(filter=f'userName eq "{made[0]["userName"]}" and not (active eq true)').json()["totalResults"] == 0
    )
    mine = f'userName eq "{made[0]["userName"]}"'
    assert (
        program.find(filter=mine.replace("eq", "NE")).json()["totalResults"]
        == program.find().json()["totalResults"] - 1
    )
    assert program.find(filter=f"{USER}:{mine}").json()["totalResults"] == 1
    without = program.bring()["userName"]
    assert program.find(filter=f'userName eq "{without}" and externalId pr').json()["totalResults"] == 0
    either = program.find(filter=f'active pr or userName eq "{without}"').json()
    assert either["totalResults"] == program.find().json()["totalResults"]
    assert program.find(startIndex=-1, count=1).json()["startIndex"] == 1
    whole = program.find().json()
    assert whole["totalResults"] == len(whole["Resources"]) >= 3
    paged = [program.find(startIndex=n, count=1).json()["Resources"] for n in (1, 2)]
    assert [one["id"] for page in paged for one in page] == [one["id"] for one in whole["Resources"][:2]]
    assert program.find(count=0).json()["Resources"] == []


OPERATORS = ("eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le")
VALUES = ('"x"', '""', "true", "false", "null", "7", "1.5", '"%_"', '"\0"', '"\'"')
COLUMNS = [
    "userName", "emails.value", "displayName", "externalId", "roles", "active", "name.familyName", "title",
    'emails[value eq "x"].value',
    f"{USER}:userName", "EMAILS",
]  # fmt: skip


@pytest.mark.parametrize("column", COLUMNS)
def test_no_filter_is_a_fault_of_ours(it, program, column):
    whole = [f"{column} {operator} {value}" for operator in OPERATORS for value in VALUES]
    for condition in [
        f"{column} pr",
        f"{'not (' * 70}{column} pr{')' * 70}",
        f"emails[{column} pr]",
        *whole,
        *(f"not (emails[{one}]) or {one.upper()}" for one in whole),
    ]:
        answer = program.find(filter=condition)
        assert answer.status_code in {200, 400, 422}, (condition, answer.content)


def test_what_there_is_can_be_discovered(it, program):
    config = program.ask("get", "/scim/v2/ServiceProviderConfig", status=200).json()
    assert (config["patch"]["supported"], config["bulk"]["supported"], config["changePassword"]["supported"]) == (
        True,
        False,
        False,
    )
    assert config["filter"] == {"supported": True, "maxResults": 200}
    kinds = program.ask("get", "/scim/v2/ResourceTypes", status=200).json()["Resources"]
    assert {(one["id"], one["endpoint"]) for one in kinds} == {("User", "/Users"), ("Group", "/Groups")}
    assert program.ask("get", "/scim/v2/ResourceTypes/User", status=200).json()["schema"] == USER
    assert program.ask("get", f"/scim/v2/Schemas/{USER}", status=200).json()["id"] == USER


def test_a_page_of_people_costs_the_same_however_many_they_are(it, program, django_assert_max_num_queries):
    [program.bring() for _ in range(8)]
    with django_assert_max_num_queries(8):
        program.find()


def test_what_comes_after_the_commit_comes_after_it(it, program, monkeypatch):
    """A transaction around the flow's own would let other threads be told of what they cannot see yet."""
    seen = []
    real = staff.give_role

    def give(u, **given):
        u.after_commit(lambda: seen.append(connection.in_atomic_block))
        real(u, **given)

    monkeypatch.setattr(staff, "give_role", give)
    made = program.bring()
    program.patch(f"{USERS}/{made['id']}", {"op": "replace", "path": "roles", "value": ["author"]})
    program.patch(f"{GROUPS}/support", {"op": "add", "path": "members", "value": [{"value": made["id"]}]})
    assert seen == [False, False]


def test_a_move_and_a_colleague_by_hand_do_not_lock_each_other_out(it, program):
    """Both hold the owners' rows first, then the others by their id."""
    made = program.bring(roles=["support"])
    members = [{"value": made["id"]}, {"value": str(it.cast.owner.id)}]
    order = []

    def watch(execute, sql, params, many, context):
        if "FOR UPDATE" in sql and "accounts_user" in sql:
            order.append("owner" in map(str, params or ()))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watch):
        program.patch(f"{GROUPS}/support", {"op": "remove", "path": "members", "value": members})
    assert order == [True, False]


def test_another_business_is_not_there(it, program, globex):
    """Both sign in by a provider; a key and an id mean something in one of them only (I7)."""
    made = program.bring(roles=["author"])
    with globex.inside():
        StaffPolicy.objects.create(
            id=1, issuer="https://id.example", provider_use="beside", provider_tried_at=clock.now()
        )
    try:
        other = Program(it, cast=globex)
        for method, body in (
            ("get", None),
            ("put", {"active": False}),
            ("patch", {"Operations": [{"op": "add"}]}),
            ("delete", None),
        ):
            other.ask(method, f"{USERS}/{made['id']}", body, 404)
        refusal = other.patch(
            f"{GROUPS}/support", {"op": "add", "path": "members", "value": [{"value": made["id"]}]}, status=400
        )
        assert refusal["code"] == "bad_scim"
        assert other.find(filter=f'userName eq "{made["userName"]}"').json()["totalResults"] == 0
        crossed = Client(HTTP_HOST=it.cast.host, HTTP_AUTHORIZATION=other.client.defaults["HTTP_AUTHORIZATION"])
        assert crossed.get(USERS).status_code == 401
        assert other.bring(made["userName"])["id"] != made["id"]  # the same address may work at two businesses
    finally:
        with globex.inside():
            StaffPolicy.objects.all().delete()
    assert it.person(made["userName"]).role == "author"
