#!/usr/bin/env python
"""Runs Django's management commands and ours."""

import os
import sys


def main() -> None:
    """Run the command in sys.argv with the project's settings; a database that can't serve ends it
    in one line, and with a traceback where `--traceback` asks for it.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orchestrator.settings")
    from django.core.management import execute_from_command_line  # needs the settings' name first
    from django.db import DatabaseError

    from orchestrator.database import told_of

    try:
        execute_from_command_line(sys.argv)
    except DatabaseError as error:
        told = told_of(error)
        if told is None or "--traceback" in sys.argv:
            raise
        sys.exit(told)


if __name__ == "__main__":
    main()
