"""python -m zoo.serving: export a saved task, ask `--help` for the verbs."""

import argparse
import json
import sys


def _export(arguments):
    import zoo

    zoo.serving.export(zoo.load(arguments.task), arguments.folder, arguments.settings)


def _check(arguments):
    from zoo.serving import check

    check(arguments.folder)
    print(f"{arguments.folder}: every op and every warm-up request passes")


def main(argv=None):
    """Run one verb; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m zoo.serving", description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    export = verbs.add_parser("export", help="write a saved task as a SavedModel for TF Serving")
    export.add_argument("task", help="folder that task.save() wrote")
    export.add_argument("folder", help="where the SavedModel goes: NAME/VERSION, not there yet")
    export.add_argument(
        "--settings", type=json.loads, help="JSON object, e.g. '{\"beam_size\": 4}'"
    )
    export.set_defaults(run=_export)

    check = verbs.add_parser("check", help="see whether a default TF Serving runs a SavedModel")
    check.add_argument("folder", help="the SavedModel's folder, the one with saved_model.pb")
    check.set_defaults(run=_check)

    arguments = parser.parse_args(argv)
    try:
        arguments.run(arguments)
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
