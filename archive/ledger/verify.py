"""The check of a whole ledger, from nothing but its leaves, a checkpoint, and a key from outside.

It trusts neither database nor tiles: every hash is computed again. What it finds is a list of faults, not the first
exception, since whoever reads the report wants to know the extent. A log that agrees with itself proves little by
itself (design 6): give it checkpoints that were kept elsewhere, and it shows that nothing they stood for was changed,
lost or reordered.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from archive.ledger import LedgerError, checkpoint, entry, merkle, note

MAX_FAULTS = 100


@dataclass(frozen=True, slots=True)
class Report:
    """What a check found. `faults` is empty if and only if everything held; else the first hundred, each a sentence."""

    size: int
    root: bytes
    checkpoint: checkpoint.Checkpoint | None
    faults: tuple[str, ...]
    kinds: dict[str, int]
    first_time: str | None
    last_time: str | None

    @property
    def ok(self) -> bool:
        return not self.faults


@dataclass(slots=True)
class Verifier:
    """A ledger read leaf by leaf, in order of index, in constant memory. Feed `add`, then ask `report` or `root`."""

    watch: frozenset[int] = frozenset()
    size: int = 0
    faults: list[str] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    first_time: str | None = None
    last_time: str | None = None
    roots: dict[int, bytes] = field(default_factory=lambda: {0: merkle.EMPTY_ROOT})
    _edge: list[tuple[int, bytes]] = field(default_factory=list)  # complete subtrees (level, hash), largest first

    def add(self, leaf: bytes) -> None:
        """The next leaf, exact bytes."""
        self._check(leaf)
        self.add_hash(merkle.hash_leaf(leaf))

    def add_hash(self, leaf_hash: bytes) -> None:
        """The next leaf where only its hash (32 bytes) is known: outside an export's range, or withheld."""
        level = 0
        while self._edge and self._edge[-1][0] == level:
            leaf_hash = merkle.hash_node(self._edge.pop()[1], leaf_hash)
            level += 1
        self._edge.append((level, leaf_hash))
        self.size += 1
        if self.size in self.watch:
            self.roots[self.size] = self.root()

    def root(self) -> bytes:
        """The root over everything added so far."""
        if not self._edge:
            return merkle.EMPTY_ROOT
        computed = self._edge[-1][1]
        for _, left in reversed(self._edge[:-1]):
            computed = merkle.hash_node(left, computed)
        return computed

    def compare(self, tree: checkpoint.Checkpoint, name: str) -> None:
        """Hold a checkpoint, whose size was watched, against the leaves."""
        computed = self.root() if tree.size == self.size else self.roots.get(tree.size)
        if tree.size > self.size:
            self.blame(f"{name} states {tree.size} leaves, {self.size} are here: some were lost or rolled back")
        elif computed != tree.root:
            self.blame(f"{name} states another root at size {tree.size}: leaves were changed, reordered or forked")

    def blame(self, fault: str) -> None:
        """Note a fault, up to a hundred of them."""
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(fault)

    def report(self, tree: checkpoint.Checkpoint | None) -> Report:
        """What was found so far."""
        return Report(
            size=self.size,
            root=self.root(),
            checkpoint=tree,
            faults=tuple(self.faults),
            kinds=dict(self.kinds),
            first_time=self.first_time,
            last_time=self.last_time,
        )

    def _check(self, leaf: bytes) -> None:
        try:
            content = entry.decode(leaf)
        except LedgerError as error:
            self.blame(f"leaf {self.size}: {error}")
            return
        if self.last_time is not None and content.time < self.last_time:
            self.blame(f"leaf {self.size}: its time is before that of a leaf before it")
        self.kinds[content.kind] += 1
        self.first_time = self.first_time or content.time
        self.last_time = max(content.time, self.last_time or content.time)


def verify_log(
    leaves: Iterable[bytes],
    checkpoint_text: str | bytes,
    vkey: str | note.VerifierKey,
    *,
    known: Sequence[str | bytes] = (),
) -> Report:
    """Check every leaf of a ledger against its checkpoint, and against `known` checkpoints that were kept outside.

    `leaves` are the exact bytes, index 0 first, and must be exactly those that the checkpoint states. Never raises
    for what the ledger holds: it reports.
    """
    faults: list[str] = []
    tree = _open(checkpoint_text, vkey, "the checkpoint", faults)
    earlier = [_open(text, vkey, f"known checkpoint {number}", faults) for number, text in enumerate(known, start=1)]
    watch = frozenset(each.size for each in (tree, *earlier) if each)
    verifier = Verifier(watch=watch, faults=faults)
    for leaf in leaves:
        verifier.add(leaf)
    if tree:
        _compare_head(verifier, tree)
    for number, each in enumerate(earlier, start=1):
        if each:
            verifier.compare(each, f"known checkpoint {number}")
    return verifier.report(tree)


def _compare_head(verifier: Verifier, tree: checkpoint.Checkpoint) -> None:
    verifier.compare(tree, "the checkpoint")
    if verifier.size > tree.size:
        verifier.blame(f"the checkpoint states {tree.size} leaves; {verifier.size} are here")


def _open(
    text: str | bytes, vkey: str | note.VerifierKey, name: str, faults: list[str]
) -> checkpoint.Checkpoint | None:
    try:
        return checkpoint.open_(text, vkey)
    except LedgerError as error:
        faults.append(f"{name}: {error}")
        return None
