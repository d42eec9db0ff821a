"""Which modules T19 plants faults into, which tests should notice, and which faults nobody could notice."""

import json
from dataclasses import dataclass
from pathlib import Path

from portal.testing.mutation.faults import Fault, of_module

HOUSE = Path(__file__).resolve().parents[3]
ALIKE = Path(__file__).with_name("mutation.json")


def alike() -> dict[str, str]:
    """Faults that change nothing anybody could see, by name, each with its reason: they are not tried."""
    known: dict[str, str] = json.loads(ALIKE.read_text(encoding="utf-8"))
    return known


@dataclass(frozen=True)
class Group:
    """`modules` are files or folders; `needs_database` is for tests of whole flows, which are too long for every change."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]
    needs_database: bool = False

    def files(self) -> list[tuple[str, Path]]:
        """(module's name, file) of each."""
        paths = [path for one in self.modules for path in _files(HOUSE / one)]
        return [(".".join(path.relative_to(HOUSE).with_suffix("").parts), path) for path in paths]

    def faults(self) -> list[Fault]:
        return [fault for module, path in self.files() for fault in of_module(module, path)]


SEALED = ("aead", "wheel", "message", "field", "blind", "record", "envelope", "blob")
LOGGED = ("merkle", "tiles", "proof", "checkpoint", "note", "canonical", "entry", "encoding", "stencil")
GROUPS = {
    "sealing": Group(
        (*(f"portal/sealing/{name}.py" for name in SEALED), "portal/sealing/keyring"),
        ("portal/sealing/tests",),
    ),
    "ledger": Group(
        tuple(f"archive/ledger/{name}.py" for name in LOGGED),
        ("archive/ledger/tests",),
    ),
    "expiry": Group(
        ("messaging/rules/state.py", "messaging/flows/expiry.py", "messaging/flows/ending.py"),
        ("messaging/tests/device/test_ending.py", "messaging/tests/test_clock.py", "messaging/tests/test_send.py"),
        needs_database=True,
    ),
    "disposal": Group(
        ("archive/rules/disposal.py", "archive/rules/retention.py", "archive/flows/disposing.py", "archive/flows/bucket.py"),
        tuple(f"archive/tests/test_{name}.py" for name in ("disposal", "bucket", "hold", "ends")),
        needs_database=True,
    ),
    "tenancy": Group(
        ("portal/kernel/tenancy.py", "portal/web/middleware.py", "portal/web/guards.py"),
        ("portal/web/tests", "portal/tests/test_dropped_schema.py", "portal/accounts/tests/test_sign_in.py",
         "portal/accounts/tests/test_factor.py", "portal/accounts/tests/test_roles.py"),
        needs_database=True,
    ),
}  # fmt: skip


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return sorted(one for one in path.glob("*.py") if one.name != "__init__.py")
