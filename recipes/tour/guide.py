"""What a step of the tour says and shows: on the terminal, and in tour.md beside its pictures."""

import textwrap
from pathlib import Path

from recipes.runs import write_text


class Guide:
    """Tells the steps of a tour.

    Args:
        folder: path, made if it is not there; pictures and tour.md go there.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._page = ["# From a dot product to translation\n"]
        self._step = ""
        self._pictures = 0

    def begin(self, name, title):
        """Start the step `name`."""
        self._step, self._pictures = name, 0
        print(f"\n{title}\n{'-' * len(title)}")
        self._page.append(f"\n## {title}\n\n`python -m recipes.tour {name}`\n")

    def say(self, text):
        """A paragraph; line breaks and indents of the source do not count."""
        text = " ".join(text.split())
        print(textwrap.fill(text, 96))
        self._page.append(f"{text}\n")

    def notice(self, text):
        """What to notice in the pictures and numbers above."""
        self.say(f"Notice: {text}")

    def show(self, *lines):
        """Lines of numbers or commands, as they are."""
        for line in lines:
            print(f"    {line}")
        self._page.append("".join(f"    {line}\n" for line in lines))

    def picture(self, name):
        """The file for the step's next picture."""
        self._pictures += 1
        file = self.folder / f"{self._step}-{self._pictures}-{name}.png"
        print(f"  -> {file}")
        self._page.append(f"![{name}]({file.name})\n")
        return file

    def finish(self):
        """Write tour.md, whole or not at all; returns its path."""
        file = self.folder / "tour.md"
        write_text(file, "\n".join(self._page))
        return file
