"""A tour from a dot product to translation, each step with pictures and what to notice.

Paper: "Attention is all you need" (Vaswani et al. 2017), and those that came after it. Data: small
sentences made on the spot. No download, no GPU; about a minute on two CPU cores for all steps.

    python -m recipes.tour                     # all steps
    python -m recipes.tour --list              # their names
    python -m recipes.tour softmax heads --out runs/tour

The whole tour is also written to tour.md beside its pictures.
"""

import argparse
import sys
import time

_STEPS = {
    "similarity": "attention",
    "query_key_value": "attention",
    "softmax": "attention",
    "heads": "attention",
    "positions": "parts",
    "add_norm": "parts",
    "encoder": "parts",
    "masks": "parts",
    "translation": "translation",
    "gpt": "family",
    "bert": "family",
    "chatgpt": "family",
    "elsewhere": "family",
}


def steps():
    """{name: function of a Guide}, in the order of the tour."""
    import importlib

    return {
        name: getattr(importlib.import_module(f"recipes.tour.{module}"), name)
        for name, module in _STEPS.items()
    }


def main(argv=None):
    """Run the steps asked for; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m recipes.tour",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("steps", nargs="*", metavar="STEP", help="which; none: all")
    parser.add_argument("--out", default="runs/tour", help="folder (default: %(default)s)")
    parser.add_argument("--list", action="store_true", help="print the steps, and end")
    arguments = parser.parse_args(argv)
    unknown = sorted(set(arguments.steps) - set(_STEPS))
    if unknown:
        parser.error(f"there is no step {', '.join(unknown)}; there are {', '.join(_STEPS)}")
    functions = steps()
    if arguments.list:
        for name, function in functions.items():
            print(f"{name:16} {_title(function)}")
        return 0
    wanted = arguments.steps or _STEPS
    _run({name: f for name, f in functions.items() if name in wanted}, arguments.out)
    return 0


def _run(functions, folder):
    from recipes.tour.guide import Guide

    guide, began = Guide(folder), time.perf_counter()
    for number, name in enumerate(_STEPS, 1):
        if name in functions:
            guide.begin(name, f"{number}. {_title(functions[name])}")
            functions[name](guide)
    seconds = time.perf_counter() - began
    if len(functions) == len(_STEPS):
        print(f"\n{guide.finish()} has it all with its pictures; {seconds:.0f} s")
    else:  # tour.md stays that of the whole tour
        print(f"\n{guide.folder} has the pictures; {seconds:.0f} s")


def _title(function):
    return function.__doc__.strip().rstrip(".")


if __name__ == "__main__":
    sys.exit(main())
