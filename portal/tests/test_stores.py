"""Every place that could hold words is declared, with its key, its end and the test that shows it (design 5)."""

import ast

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from portal.kernel import stores


def columns(schema: str) -> set[str]:
    with connection.cursor() as cursor:
        return stores.columns_of(cursor, schema)


def test_every_column_is_declared(acme):
    real = columns(acme.place.schema) | columns("public")
    known = stores.declared().columns
    assert sorted(real - known) == [], "declare these in <app>/stores.py: do they hold words, or codes only?"
    assert sorted(known - real) == [], "these are declared and do not exist any more"


@pytest.mark.parametrize("kind", ["text", "varchar(9)", "bytea", "jsonb", "text[]", "inet", "tsvector", "bigint[]"])
def test_a_new_column_is_noticed(acme, kind):
    """The walk reads the database, not the models: a column that a migration adds by SQL is seen too."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f'ALTER TABLE "{acme.place.schema}".messaging_nonce ADD COLUMN new {kind}')
        found = columns(acme.place.schema) - stores.declared().columns
        transaction.set_rollback(True)
    assert found == {"messaging_nonce.new"}


def test_nothing_is_declared_twice():
    known = stores.declared()
    held = [store.where for store in known.stores]
    coded = [f"{table}.{column}" for table, found in known.codes.items() for column in found]
    assert len(held) == len(set(held))
    assert not set(held) & set(coded)


def test_every_module_that_remembers_or_writes_is_declared():
    known = stores.declared()
    named = {path for store in known.stores for path in store.code} | set(known.bare)
    assert sorted(stores.keepers() - named - OWN) == [], "declare these in <app>/stores.py"
    assert [path for path in sorted(named) if not (settings.BASE_DIR / path).exists()] == []


OWN = {"portal/web/management/commands/content_stores.py"}  # writes the page of this very registry


@pytest.mark.parametrize(
    "line", ["_seen = {}", "_seen: list[str] = []", "_seen = set()", "open('x', 'w')", "Path('x').open('ab')",
             "Path('x').write_text('y')", "@lru_cache\ndef f(): ...", "caches['default'].set('a', 'b')"],
)  # fmt: skip
def test_a_module_that_begins_to_remember_is_noticed(tmp_path, line):
    module = tmp_path / "module.py"
    module.write_text(line)
    assert stores._is_keeper(module)
    module.write_text("NAMES = {'a': 1}\nopen('x')\nPath('x').open()\n")
    assert not stores._is_keeper(module)


def test_every_named_test_exists():
    for store in stores.declared().stores:
        path, _, name = store.test.partition("::")
        tree = ast.parse((settings.BASE_DIR / path).read_text())
        functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
        assert name in functions, f"{store.where} names {store.test}"


def test_the_page_says_what_the_code_says(tmp_path):
    try:
        call_command("content_stores")
    except CommandError as error:
        pytest.fail(str(error))
