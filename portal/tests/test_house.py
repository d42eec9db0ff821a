"""The project about itself: what a reader should not have to look for."""

import ast
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command, get_commands
from django.db import connection

ROOTS = ("portal", "tenants", "archive", "messaging")
LONGEST = 400  # lines of a file (style: "under 400 always")
TABLES = 84  # of a business (decision 12): so many businesses fit one database
# Django and allauth look for these by name.
BY_CONVENTION = {"400.html", "403.html", "403_csrf.html", "404.html", "500.html"}
# Another way into a business than `tenant_scope` and `run_in_tenant`, or a question that says `public` on the event loop.
FORBIDDEN = re.compile(r"\b(tenant_context|schema_context|connection\.schema_name|get_current_tenant|pg_advisory\w*)\b")
LOG_METHODS = {"debug", "info", "warning", "error", "exception", "critical", "log"}


def sources(*, tests=False):
    for root in ROOTS:
        for file in sorted((settings.BASE_DIR / root).rglob("*.py")):
            parts = set(file.relative_to(settings.BASE_DIR).parts)
            is_test = bool({"tests", "testing"} & parts)
            if "migrations" not in parts and is_test == tests:
                yield file


def named(file: Path) -> str:
    return str(file.relative_to(settings.BASE_DIR))


def test_no_migration_is_missing(house):
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_every_command_of_ours_has_a_test():
    ours = {name for name, app in get_commands().items() if str(app).split(".")[0] in ROOTS}
    assert {"clock", "create_business", "verify_archive"} <= ours
    words = "\n".join(file.read_text() for file in sources(tests=True) if file.name != Path(__file__).name)
    # A process beside the tests is started by its own name (`Running.start("clock")`), a demo's seed by `run demo`.
    words += (settings.BASE_DIR / "portal" / "launch" / "demo.py").read_text()
    missing = {name for name in ours if f'"{name}"' not in words and f"{name}." not in words}
    assert not missing


def test_every_template_is_used():
    """Named by a view, a setting or another template; `{name}` in a source stands for any word."""
    folder = settings.BASE_DIR / "templates"
    known = {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}
    texts = {name: (folder / name).read_text() for name in known}
    code = "\n".join(file.read_text() for file in sources())
    words = code + "\n".join(texts.values())
    made = re.findall(r'f"([\w/]*\{\w+\}\.\w+)"', code)
    patterns = [re.compile(re.sub(r"\\\{\w+\\\}", r"[\\w/]+", re.escape(one))) for one in made]

    def is_used(name: str) -> bool:
        stem = Path(name).stem
        said = f'"{stem}"' in code or f'"{name.removesuffix(Path(name).suffix)}"' in code
        by_pattern = any(one.fullmatch(name) for one in patterns) and said
        return (
            name in BY_CONVENTION
            or name.startswith("allauth/")
            or f'"{name}"' in words
            or f"'{name}'" in words
            or f'"{name.removesuffix(".txt")}"' in code  # `mail.send` adds the ending
            or by_pattern
        )

    assert not sorted(name for name in known if not is_used(name))


def test_no_table_stands_in_two_schemas(acme, globex):
    """A missing schema in the search path is skipped: a table that stood in both would silently answer for the wrong one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname = ANY(%s)",
            [["public", acme.place.schema, globex.place.schema]],
        )
        found = cursor.fetchall()
    tables = {schema: {table for place, table in found if place == schema} for schema, _ in found}
    assert tables["public"] & tables[acme.place.schema] == {"django_migrations"}
    assert tables[acme.place.schema] == tables[globex.place.schema]
    assert len(tables[acme.place.schema]) <= TABLES
    print(f"{len(tables[acme.place.schema])} tables a business, {len(tables['public'])} in public")


def test_nothing_of_a_business_points_to_a_public_table(acme):
    """Foreign keys across would end the step to a sharded database (design 2)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.conname FROM pg_constraint c JOIN pg_class a ON a.oid = c.conrelid JOIN pg_class b ON b.oid = c.confrelid "
            "WHERE c.contype = 'f' AND a.relnamespace <> b.relnamespace"
        )
        assert cursor.fetchall() == []


@pytest.mark.parametrize("root", ROOTS)
def test_no_file_is_too_long(root):
    long = {
        named(file): n
        for file in sources()
        if named(file).startswith(f"{root}/") and (n := len(file.read_text().splitlines())) > LONGEST
    }
    assert not long


def test_there_are_only_two_ways_into_a_business():
    floor = settings.BASE_DIR / "portal" / "kernel" / "tenancy.py"
    found = {
        f"{named(file)}: {hit[0]}" for file in sources() if file != floor for hit in FORBIDDEN.finditer(_code(file))
    }
    assert not found


def _code(file: Path) -> str:
    """Without texts: what only a docstring names is not called."""
    tree = ast.parse(file.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
    return ast.unparse(tree)


def test_what_is_logged_is_a_constant_word():
    """Fields go through the formatter's allow-list; a message that is made up could carry anything."""
    loose = []
    for file in sources():
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            said = isinstance(node.func.value, ast.Name) and node.func.value.id in {"log", "logger", "logging"}
            if not said or node.func.attr not in LOG_METHODS:
                continue
            first = node.args[0] if node.args else None
            if len(node.args) != 1 or not (isinstance(first, ast.Constant) and isinstance(first.value, str)):
                loose.append(f"{named(file)}:{node.lineno}")
    assert not loose


def test_every_script_and_style_is_used():
    folder = settings.BASE_DIR / "portal" / "web" / "static"
    files = [file for file in folder.rglob("*") if file.suffix in {".js", ".css", ".svg", ".png"}]
    texts = [file.read_text() for file in (settings.BASE_DIR / "templates").rglob("*") if file.is_file()]
    texts += [file.read_text() for file in files if file.suffix in {".js", ".css"}] + [
        file.read_text() for file in sources()
    ]
    words = "\n".join(texts)
    made = set(re.findall(r"\./(\w+)/\$\{\w+\}\.js", words))  # a book of words, by the name of its language
    assert made == {"words"}
    assert not [named(file) for file in files if file.name not in words and file.parent.name not in made]
