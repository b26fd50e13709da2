"""Fields of a foreign `config.json`: what must have one value, and what has another name here."""

# Keras has the same functions by these names.
ACTIVATIONS = ("gelu", "relu", "silu", "swish")


def check_required(config, required):
    """Raise ValueError unless each field of `required` has its value in `config`, or is absent."""
    for name, value in required.items():
        if config.get(name, value) != value:
            refuse(name, config[name], value)


def renamed_fields(config, names):
    """{our name: value} for `names`, {our name: their name}; each must be there, and one number.

    Raises:
        ValueError: a field is missing or a list.
    """
    fields = {}
    for ours, theirs in names.items():
        if config.get(theirs) is None:
            raise ValueError(f"config.json: {theirs} is missing")
        if isinstance(config[theirs], list):
            refuse(theirs, config[theirs], "one number")
        fields[ours] = config[theirs]
    return fields


def read_activation(config, name):
    """The activation in the field `name`, one that Keras has too."""
    if config[name] not in ACTIVATIONS:
        refuse(name, config[name], f"one of {ACTIVATIONS}")
    return config[name]


def check_activation(activation, model):
    """Raise ValueError unless `activation` can be stored for a model of the kind `model`."""
    if activation not in ACTIVATIONS:
        raise ValueError(
            f"activation must be one of {ACTIVATIONS} to be stored as a {model} model; got "
            f"{activation!r}"
        )


def refuse(name, given, allowed):
    """Raise the ValueError of the field `name`."""
    raise ValueError(f"config.json: {name} must be {allowed}; got {given!r}")
