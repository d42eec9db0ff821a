"""Which modules T19 plants faults into, which tests should notice, and which faults nobody could notice."""

import json
from dataclasses import dataclass
from pathlib import Path

from portal.testing.mutation.faults import Fault, of_module

HOUSE = Path(__file__).resolve().parents[3]
ALIKE = Path(__file__).with_name("alike.json")


def alike() -> dict[str, str]:
    """Faults that change nothing anybody could see, by name, each with its reason: they are not tried."""
    known: dict[str, str] = json.loads(ALIKE.read_text(encoding="utf-8"))
    return known


@dataclass(frozen=True)
class Group:
    """`modules` are files or folders."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]

    def files(self) -> list[tuple[str, Path]]:
        """(module's name, file) of each."""
        paths = [path for one in self.modules for path in _files(HOUSE / one)]
        return [(".".join(path.relative_to(HOUSE).with_suffix("").parts), path) for path in paths]

    def faults(self) -> list[Fault]:
        return [fault for module, path in self.files() for fault in of_module(module, path)]


SEALED = ("aead", "wheel", "message", "field", "blind", "record", "envelope", "blob")
LOGGED = ("merkle", "tiles", "proof", "checkpoint", "note", "canonical", "entry", "encoding", "stencil")
OUTSIDE = ("kill", "carve")  # these start programs and mount file systems: a planted fault does not come along
GROUPS = {
    "sealing": Group(
        (*(f"portal/sealing/{name}.py" for name in SEALED), "portal/sealing/keyring"),
        ("portal/sealing/tests", *(f"--ignore=portal/sealing/tests/test_keyring_{name}.py" for name in OUTSIDE)),
    ),
    "ledger": Group(
        tuple(f"archive/ledger/{name}.py" for name in LOGGED),
        ("archive/ledger/tests",),
    ),
}  # fmt: skip


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return sorted(one for one in path.glob("*.py") if one.name != "__init__.py")
