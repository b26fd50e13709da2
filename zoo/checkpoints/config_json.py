"""Fields of a foreign `config.json`: what must have one value, and what has another name here."""

# Names of the transformers library: our name of the same function.
ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
    "silu": "silu",
    "swish": "swish",
}


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


def one_id(value, vocab_size):
    """A special id of a `config.json` as one id of the vocabulary: the first where there are
    several, None where there is none (-1, or the default of a larger vocabulary)."""
    value = value[0] if isinstance(value, list) and value else value
    return value if isinstance(value, int) and 0 <= value < vocab_size else None


def read_activation(config, name):
    """Our name of the activation in the field `name`."""
    if config[name] not in ACTIVATIONS:
        refuse(name, config[name], f"one of {tuple(ACTIVATIONS)}")
    return ACTIVATIONS[config[name]]


def stored_activation(activation, model):
    """The transformers library's name of `activation`, for a model of the kind `model`.

    Raises:
        ValueError: it has none.
    """
    theirs = [name for name, ours in ACTIVATIONS.items() if ours == activation]
    if not theirs:
        raise ValueError(
            f"activation must be one of {tuple(dict.fromkeys(ACTIVATIONS.values()))} to be stored "
            f"as a {model} model; got {activation!r}"
        )
    return theirs[0]


def refuse(name, given, allowed):
    """Raise the ValueError of the field `name`."""
    raise ValueError(f"config.json: {name} must be {allowed}; got {given!r}")
