"""The only two ways into a business: what is set inside, and that nothing of it is left outside (I7)."""

import asyncio
import threading
from contextlib import suppress

import pytest
from django.db import connection

from portal.kernel import ids, tenancy
from portal.kernel.errors import Kind, Refusal


def where():
    """→ the business of this thread, and the schema that its queries ask."""
    return tenancy.here().slug if tenancy.is_anywhere() else "", connection.schema_name


def there(cast):
    return cast.place.slug, cast.place.schema


NOWHERE = ("", "public")


def test_outside_of_a_scope_there_is_no_business_and_never_public(house):
    assert where() == NOWHERE
    with pytest.raises(Refusal) as refused:
        tenancy.here()
    assert (refused.value.code, refused.value.kind) == ("no_business", Kind.UNAVAILABLE)


def test_a_scope_leads_back_to_where_it_began(acme, globex):
    with tenancy.tenant_scope(acme.place) as given:
        assert given is acme.place
        assert where() == there(acme)
        for inner in (globex, acme):
            with suppress(ZeroDivisionError), tenancy.tenant_scope(inner.place):
                assert where() == there(inner)
                raise ZeroDivisionError
            assert where() == there(acme)
    assert where() == NOWHERE


def test_a_thread_is_at_one_business_and_others_are_not(acme, globex):
    assert not tenancy.is_at(acme.place)
    with acme.inside():
        assert (tenancy.is_at(acme.place), tenancy.is_at(globex.place)) == (True, False)
        seen = []
        other = threading.Thread(target=lambda: seen.append(tenancy.is_anywhere()))
        other.start()
        other.join()
        assert seen == [False]


def test_a_place_is_what_the_layer_below_looks_for(acme):
    assert acme.place.schema_name == acme.place.schema


def test_work_in_another_thread_is_inside_and_leaves_nothing_there(acme, globex):
    def look(word, *, more):
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_schema()")
            return word, more, where(), cursor.fetchone()[0], threading.current_thread().name

    async def both():
        return await asyncio.gather(*(tenancy.run_in_tenant(one.place, look, "a", more="b") for one in (acme, globex)))

    for one, (*given, inside, schema, thread) in zip((acme, globex), asyncio.run(both()), strict=True):
        assert (given, inside, schema) == (["a", "b"], there(one), one.place.schema)
        assert thread != threading.current_thread().name
    assert where() == NOWHERE


@pytest.mark.parametrize("fails", [False, True])
def test_a_thread_gives_its_connection_back(acme, monkeypatch, fails):
    used = []

    def work():
        connection.ensure_connection()
        used.append(connection.connection)
        if fails:
            raise ZeroDivisionError

    with suppress(ZeroDivisionError):
        asyncio.run(tenancy.run_in_tenant(acme.place, work))
    assert [one.closed for one in used] == [True]


def test_a_connection_that_the_server_dropped_is_not_used_again(acme):
    """A thread of the pool may have kept one, where connections live longer than a piece of work."""

    def use():
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            return cursor.fetchone()[0]

    def use_after_it_was_dropped():
        connection.ensure_connection()
        connection.connection.close()  # from the other side: Django was not told
        return tenancy._inside(acme.place, use, (), {})

    assert tenancy._pool.submit(use_after_it_was_dropped).result() == 1


def test_a_cache_key_and_a_salt_name_their_business(acme, globex):
    def told(one):
        with one.inside():
            return tenancy.cache_key("tries", "ebb", 3), tenancy.salt("link")

    mine, theirs = told(acme), told(globex)
    assert mine == (f"{acme.place.id.hex}:ebb:3:tries", f"link:{acme.place.id.hex}")
    assert not set(mine) & set(theirs)
    assert tenancy.cache_key("tries", "ebb", 3) == "public:ebb:3:tries"
    with pytest.raises(Refusal):
        tenancy.salt("link")


def test_a_floor_without_a_directory_knows_nobody():
    nobody = tenancy.Directory()
    assert nobody.by_id(ids.uuid7()) is nobody.by_host("acme.localhost") is nobody.closed_at("acme.localhost") is None
    assert nobody.all_ready() == []
