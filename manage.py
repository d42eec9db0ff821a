#!/usr/bin/env python
"""Django's command line, with this project's settings."""

import os
import sys

OFFLINE = {"open_export", "verify_export"}  # they read files only, and run where nothing of an installation is


def main(words: list[str]) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    if OFFLINE.intersection(words[1:2]):
        from portal.launch import environment

        os.environ |= environment.of_nothing() | os.environ
    try:
        execute_from_command_line(words)
    except ImproperlyConfigured as error:
        sys.exit(f"ebb: {error}")


if __name__ == "__main__":
    main(sys.argv)
