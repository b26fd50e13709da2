"""python -m zoo.visual explore RUN: look at what a trained model attends to."""

import argparse
import sys


def _explore(arguments):
    from zoo.visual.explore import Explorer, load_run
    from zoo.visual.page_file import save_page

    explorer = Explorer(load_run(arguments.run))
    if arguments.save:
        file, *texts = arguments.save
        save_page(explorer.form(), explorer.look(texts), file)
        print(f"{file} has it: open it in a browser, or send it to somebody")
        return
    _serve(explorer, arguments.host, arguments.port)


def _serve(explorer, host, port):
    from zoo.visual.server import PageServer, is_loopback

    with PageServer(explorer, host, port) as server:
        print(f"{server.url} has the page; Ctrl-C ends it", flush=True)
        if not is_loopback(host):
            print(
                f"it listens on {host}: everybody who can reach this machine can use the model",
                file=sys.stderr,
                flush=True,
            )
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()


def _port(text):
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"must be 0 to 65535; got {text!r}")
    return int(text)


def main(argv=None):
    """Run one verb; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m zoo.visual", description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    explore = verbs.add_parser("explore", help="a page to look at attention, on this machine alone")
    explore.add_argument("run", help="folder that task.save() wrote, or run folder of a recipe")
    explore.add_argument(
        "--port", type=_port, default=8700, help="default: %(default)s; 0: one that is free"
    )
    explore.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: %(default)s)"
    )
    explore.add_argument(
        "--save",
        nargs="+",
        metavar=("FILE.html", "TEXT"),
        help="write the page of these texts as one file instead, and end",
    )
    explore.set_defaults(run_verb=_explore)
    arguments = parser.parse_args(argv)
    try:
        arguments.run_verb(arguments)
    except (OSError, RuntimeError, ValueError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
