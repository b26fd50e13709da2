"""What stands along the sides of a picture."""


def tick_labels(axis):
    return [label.get_text() for label in axis.get_ticklabels()]
