"""python -m zoo.serving: from a task to a model that is served."""

import argparse
import sys

from zoo.serving import commands
from zoo.serving.errors import RequestError


def main(argv=None):
    """Run one verb; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m zoo.serving", description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    commands.add_export(verbs)
    commands.add_check(verbs)
    commands.add_config(verbs)
    commands.add_serve(verbs)
    commands.add_client(verbs)
    arguments = parser.parse_args(argv)
    try:
        arguments.run_verb(arguments)
    except (ImportError, OSError, RequestError, RuntimeError, TypeError, ValueError) as error:
        return commands.fail(error)
    return 0


if __name__ == "__main__":
    sys.exit(main())
