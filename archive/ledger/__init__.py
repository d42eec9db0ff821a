"""The ledger: an append-only Merkle log, its signed checkpoints and its proofs. Pure: no Django, clock or database."""


class LedgerError(ValueError):
    """Something of a ledger does not hold. Each module raises a subclass that it defines itself."""
