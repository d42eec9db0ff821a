"""What stops a start: one sentence for the person at the terminal, and exit status 1."""


class LaunchError(Exception):
    """The message is shown as it is; it says what is wrong and what to do."""
