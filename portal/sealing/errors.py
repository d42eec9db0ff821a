"""What can go wrong when something is sealed or opened. Messages name files and reasons, never content or keys."""


class SealingError(Exception):
    """Base of all. `code` is stable: doors show it, runbooks and alerts rest on it."""

    code = "sealing_failed"


class Unsealable(SealingError):
    """The box does not open: another key, another context (AAD), tampered with, or cut short. Which one is not told."""

    code = "unsealable"


class KeyGone(SealingError):
    """The key is not in the ring: destroyed, over, or never made. There is no way to get it back."""

    code = "key_gone"


class KeyTaken(SealingError):
    """A name of the ring already holds another value; nothing was overwritten."""

    code = "key_taken"


class KeyringUnwritable(SealingError):
    """The disk refused (read-only, full, failing, wrong owner). Readers see the state before the attempt."""

    code = "keyring_unwritable"


class KeyringFull(SealingError):
    """The new state does not fit into a slot; nothing was written."""

    code = "keyring_full"


class KeyringCorrupt(SealingError):
    """The file is damaged, or EBB_MASTER_KEY is not the one it was sealed under. Never guessed around."""

    code = "keyring_corrupt"


class RecoveryKeyUnreadable(SealingError):
    """The text is not a recovery key of Ebb, or was changed on the way."""

    code = "recovery_key_unreadable"
