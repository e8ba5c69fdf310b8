#!/usr/bin/env python
"""Runs Django's management commands and ours."""

import os
import sys


def main() -> None:
    """Run the command in sys.argv with the project's settings."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orchestrator.settings")
    from django.core.management import execute_from_command_line  # needs the settings' name first

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
