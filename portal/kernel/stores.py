"""Where content and personal data stand: every column, file, cache and memory, with its key, its end and its test.

Each app declares its own in `<app>/stores.py`: `STORES` for what holds content, `CODES` for columns of text or bytes that
hold codes, hashes and ids only. A build test walks every column of the real database and every module that keeps or writes
something: what is in neither list fails it. `docs/content-stores.md` is written from here (`manage.py content_stores`).
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from django.apps import apps
from django.conf import settings

Columns = dict[str, set[str]]

# Columns of these types cannot hold words: everything else must be declared.
NUMBERS = frozenset({
    "bigint", "boolean", "date", "double precision", "integer", "interval", "numeric", "real", "smallint",
    "timestamp with time zone", "uuid",
})  # fmt: skip
_COLUMNS = """
    SELECT table_name, column_name, data_type FROM information_schema.columns
    WHERE table_schema = %s ORDER BY table_name, column_name
"""


@dataclass(frozen=True)
class Store:
    """`where` is `table.column`, or what a person would call the place. `code` names the modules that keep it, for places
    that are no columns. `test` is `path::function`."""

    where: str
    holds: str
    sealed: str
    ends: str
    test: str
    code: tuple[str, ...] = ()


@dataclass(frozen=True)
class Declared:
    """Everything that was declared, by all apps. `bare` maps a module that keeps something harmless to what it keeps."""

    stores: list[Store]
    codes: Columns
    bare: dict[str, str]

    @property
    def columns(self) -> set[str]:
        """Every declared column, as `table.column`."""
        held = {store.where for store in self.stores if not store.code}
        return held | {f"{table}.{column}" for table, columns in self.codes.items() for column in columns}


def declared() -> Declared:
    stores: list[Store] = []
    codes: Columns = {}
    bare: dict[str, str] = {}
    for config in sorted(apps.get_app_configs(), key=lambda one: one.name):
        if find_spec(f"{config.name}.stores"):
            module = import_module(f"{config.name}.stores")
            stores += module.STORES
            codes |= module.CODES
            bare |= module.BARE
    return Declared(sorted(stores, key=lambda one: one.where), codes, bare)


def columns_of(cursor, schema: str) -> set[str]:  # type: ignore[no-untyped-def]
    """Every column of a schema that could hold words, whether a model knows it or not."""
    cursor.execute(_COLUMNS, [schema])
    return {f"{table}.{column}" for table, column, kind in cursor.fetchall() if kind not in NUMBERS}


# ── places that are no columns ────────────────────────────────────────────────────────────────────────────────────
_KEEPS = frozenset({"lru_cache", "cache", "caches", "write_text", "write_bytes", "mkstemp", "NamedTemporaryFile",
                    "SpooledTemporaryFile", "TemporaryDirectory", "mkdtemp", "pwrite", "fdopen"})  # fmt: skip


def keepers() -> set[str]:
    """The modules that remember something in the process beyond a call, or write files, by path."""
    return {str(path.relative_to(settings.BASE_DIR)) for path in _sources() if _is_keeper(path)}


def _sources() -> Iterator[Path]:
    for folder in ("portal", "tenants", "archive", "messaging"):
        for path in (settings.BASE_DIR / folder).rglob("*.py"):
            if not {"tests", "testing", "migrations", "launch"} & set(path.parts):
                yield path


def _is_keeper(path: Path) -> bool:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    named = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    named |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return bool(named & _KEEPS) or any(_is_memory(node) for node in tree.body) or any(map(_writes, ast.walk(tree)))


def _is_memory(node: ast.stmt) -> bool:
    """A container of a module that begins empty is there to be filled."""
    value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
    if isinstance(value, ast.Dict):
        return not value.keys
    if isinstance(value, ast.List):
        return not value.elts
    return isinstance(value, ast.Call) and getattr(value.func, "id", "") in {
        "set",
        "dict",
        "list",
        "deque",
        "OrderedDict",
    }


def _writes(node: ast.AST) -> bool:
    """`open(path, "w")`, `path.open("ab")` and the like."""
    if not isinstance(node, ast.Call):
        return False
    is_method = getattr(node.func, "attr", "") == "open"
    if not is_method and getattr(node.func, "id", "") != "open":
        return False
    given = [*node.args[0 if is_method else 1 :], *(word.value for word in node.keywords if word.arg == "mode")]
    modes = [one.value for one in given if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    return any(set(mode) & set("wax+") and set(mode) <= set("rwaxbt+") for mode in modes)


# ── the page ──────────────────────────────────────────────────────────────────────────────────────────────────────
def render() -> str:
    known = declared()
    lines = [HEAD, "| where | what | sealed under | ends | shown by |", "|---|---|---|---|---|"]
    lines += [f"| {_where(one)} | {one.holds} | {one.sealed} | {one.ends} | `{one.test}` |" for one in known.stores]
    lines += [CODES_HEAD, "| table | columns |", "|---|---|"]
    lines += [f"| `{table}` | {', '.join(sorted(columns))} |" for table, columns in sorted(known.codes.items())]
    lines += [BARE_HEAD, "| module | what it keeps |", "|---|---|"]
    lines += [f"| `{module}` | {what} |" for module, what in sorted(known.bare.items())]
    return "\n".join(lines) + "\n"


def _where(one: Store) -> str:
    return f"{one.where} ({', '.join(f'`{path}`' for path in one.code)})" if one.code else f"`{one.where}`"


HEAD = """# Content stores

Written by `manage.py content_stores --write` from `<app>/stores.py`; a build test compares it with the code, and the code with
every column of the real database. *Business key*, *wheel*, *batch key*: see `portal/sealing/README.md`. What is called plain
here is plain on disk, on purpose, and is no message.
"""
CODES_HEAD = """
## Columns of text or bytes that hold codes, hashes, ids or public keys only
"""
BARE_HEAD = """
## Modules that remember or write something that is no content
"""
