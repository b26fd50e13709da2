"""Whether a SavedModel is one that a default TF Serving runs."""

import pathlib

from zoo.serving.warmup import read_warmup

# Ops that load everywhere and fail at the first request, with the way out.
_NO_PYTHON = "it calls Python, which a server does not have: use TensorFlow ops"
_NO_OLD_TEXT = "TF Serving before 2.20 lacks it: pack and trim with plain TensorFlow ops"
REFUSED_OPS = {
    "PyFunc": _NO_PYTHON,
    "PyFuncStateless": _NO_PYTHON,
    "EagerPyFunc": _NO_PYTHON,
    "TFText>RoundRobinTrim": _NO_OLD_TEXT,
    "TFText>RoundRobinGenerateMasks": _NO_OLD_TEXT,
    "TFText>Utf8Binarize": _NO_OLD_TEXT,
}
_NO_XLA = (
    "it needs XLA, which TF Serving has switched off: write caches with scatter, where or concat "
    "instead of slice_update, and do not use jit_compile"
)
_NOT_LINKED = "TF Serving links no ops beside TensorFlow's own and TensorFlow Text's"


def check(folder):
    """Check a SavedModel as far as Python can: its ops and its warm-up requests.

    Args:
        folder: the SavedModel's folder (the one with saved_model.pb).

    Raises:
        ValueError: it holds an op that a default server refuses, or a warm-up request fails; the
            message names the culprit.
        FileNotFoundError: there is no SavedModel, or it has no warm-up requests.
    """
    graph = _read_graph(folder)
    for node, where in _nodes(graph):
        reason = _refusal(node.op)
        if reason:
            raise ValueError(f"op {node.op!r} (node {node.name!r} of {where}) refused: {reason}")
        if node.attr["_XlaMustCompile"].b:
            raise ValueError(f"node {node.name!r} of {where} refused: {_NO_XLA}")
    for function in _functions(graph):
        if function.attr["_XlaMustCompile"].b:
            raise ValueError(f"function {function.signature.name!r} refused: {_NO_XLA}")
    replay(folder)


def op_types(folder):
    """The names of all op types in the graph and the function library of a SavedModel, a set."""
    return {node.op for node, _ in _nodes(_read_graph(folder))}


def replay(folder):
    """Load a SavedModel and run its warm-up requests, as a server does before it takes traffic.

    Returns:
        The outputs of each request in order, {name: array} each.

    Raises:
        ValueError: a request fails; the message names the request.
        FileNotFoundError: there are no warm-up requests.
    """
    import tensorflow as tf
    import tensorflow_text  # noqa: F401  (registers the ops of the tokenizers)

    model = tf.saved_model.load(str(folder))
    answers = []
    for number, (name, inputs) in enumerate(read_warmup(folder)):
        tensors = {key: tf.convert_to_tensor(value) for key, value in inputs.items()}
        try:
            outputs = model.signatures[name](**tensors)
        except (KeyError, TypeError, ValueError, tf.errors.OpError) as error:
            raise ValueError(
                f"warm-up request {number} (signature {name!r}, inputs {inputs}) fails: {error}"
            ) from error
        answers.append({key: value.numpy() for key, value in outputs.items()})
    return answers


def _read_graph(folder):
    """The GraphDef of a SavedModel."""
    from tensorflow.core.protobuf import saved_model_pb2

    path = pathlib.Path(folder) / "saved_model.pb"
    if not path.is_file():
        raise FileNotFoundError(f"folder: {str(folder)!r} holds no SavedModel (saved_model.pb)")
    return saved_model_pb2.SavedModel.FromString(path.read_bytes()).meta_graphs[0].graph_def


def _functions(graph):
    """The functions of a GraphDef."""
    fields = {descriptor.name: value for descriptor, value in graph.ListFields()}
    return fields["library"].function if "library" in fields else ()


def _nodes(graph):
    """All nodes with the place they stand in: the graph itself or a function of its library."""
    yield from ((node, "the graph") for node in graph.node)
    for function in _functions(graph):
        yield from ((node, f"function {function.signature.name!r}") for node in function.node_def)


def _refusal(op):
    """Why a default server refuses this op type, or None."""
    if op.lstrip("_").startswith("Xla"):
        return _NO_XLA
    if ">" in op and not op.startswith("TFText>"):
        return _NOT_LINKED
    return REFUSED_OPS.get(op)
