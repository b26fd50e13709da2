"""Command lines from dataclasses: a field is an option, its default and help stand once."""

import argparse
import dataclasses
import sys
import typing

from recipes.runs import settings_as


def option(default, help_text, **how):
    """A dataclass field that is also a command-line option.

    Args:
        default: its value when it is not given; its type parses the option unless `how` has one.
        help_text: what it does, with the unit.
        **how: for `argparse.ArgumentParser.add_argument`: choices, nargs, metavar, type.
    """
    return dataclasses.field(default=default, metadata={"help": help_text, **how})


def add_options(parser, settings_class):
    """Add an option for every field of the dataclass."""
    types = typing.get_type_hints(settings_class)
    for field in dataclasses.fields(settings_class):
        how = dict(field.metadata)
        help_text = how.pop("help")
        if field.default is not None and field.default != ():
            help_text += " (default: %(default)s)"
        how.setdefault("type", type(field.default) if field.default is not None else str)
        if types[field.name] is bool:
            how = {"action": argparse.BooleanOptionalAction}
        name = "--" + field.name.replace("_", "-")
        parser.add_argument(name, default=field.default, help=help_text, **how)


def settings_of(arguments, settings_class):
    """The dataclass of parsed arguments."""
    return settings_as(settings_class, vars(arguments))


def answer_lines(batch_size, answer):
    """Read standard input and answer its lines, as they come where a person types them.

    Args:
        batch_size: lines at a time otherwise.
        answer: function of a list of str, prints.
    """
    lines = []
    for line in sys.stdin:
        lines.append(line.rstrip("\n"))
        if len(lines) == batch_size or sys.stdin.isatty():
            answer(lines)
            lines = []
    if lines:
        answer(lines)


def run(program, description, verbs, arguments=None):
    """Parse a command line of verbs and run one; errors of use end in one line, without a trace.

    Args:
        program: how the program is called.
        description: what it does.
        verbs: {verb: (settings dataclass, function of its instance)}; the function's docstring is
            the verb's help.
        arguments: list of str; None: the process's own.
    """
    parser = argparse.ArgumentParser(
        prog=program, description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    chosen = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for verb, (settings_class, function) in verbs.items():
        help_text = function.__doc__.strip()
        part = chosen.add_parser(verb, help=help_text.splitlines()[0], description=help_text)
        add_options(part, settings_class)
    parsed = parser.parse_args(arguments)
    settings_class, function = verbs[parsed.verb]
    try:
        return function(settings_of(parsed, settings_class))
    except (ValueError, OSError) as error:
        parser.exit(1, f"{program} {parsed.verb}: {error}\n")
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on from the last checkpoint.", file=sys.stderr)
        parser.exit(130)
