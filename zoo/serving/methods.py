"""What a loaded model answers: predict, classify, regress, as TF Serving defines them."""

import numpy as np

from zoo.serving.errors import Code, RequestError, invalid
from zoo.serving.saved_model import DEFAULT_SIGNATURE, type_name

PREDICT, CLASSIFY, REGRESS = (f"tensorflow/serving/{m}" for m in ("predict", "classify", "regress"))


def predict(model, signature, inputs, outputs, timeout):
    """Run a signature.

    Args:
        model: a `SavedModel`.
        signature: its name; "" for the default.
        inputs: {input name: array}; an input may be left out if the signature has a default.
        outputs: names of the outputs to compute, empty for all.
        timeout: seconds.

    Returns:
        {output name: array}.

    Raises:
        RequestError: it does not fit, or fails.
    """
    signature = signature or DEFAULT_SIGNATURE
    if signature not in model.served_names():
        raise RequestError(
            Code.FAILED_PRECONDITION, f'Serving signature key "{signature}" not found.'
        )
    definition = model.signatures[signature]
    _check_names(inputs, definition)
    for number, name in enumerate(outputs):
        if name not in definition.outputs:
            raise invalid(
                "output tensor alias not found in signature: ", name,
                " Outputs expected to be in the set {", _joined(definition.outputs), "}.",
            )  # fmt: skip
        if name in outputs[:number]:
            raise invalid("duplicate output tensor alias: ", name)
    return model.run(_with_defaults(inputs, definition), signature, outputs, timeout)


def _check_names(inputs, definition):
    wanted, defaults = set(definition.inputs), set(definition.defaults)
    if len(inputs) > len(wanted) or (len(inputs) < len(wanted) and not defaults):
        raise invalid(
            f"input size does not match signature: {len(inputs)}!={len(wanted)} ",
            f"len({{{_joined(inputs)}}}) != len({{{_joined(wanted)}}}). ",
            f"Sent extra: {{{_joined(set(inputs) - wanted)}}}. ",
            f"Missing but required: {{{_joined(wanted - set(inputs))}}}.",
        )
    for name in sorted(wanted - set(inputs) - defaults):
        raise invalid(
            f"Signature input alias: {name}(feed name: {definition.inputs[name].name}) not found "
            "in request and no default value provided. Inputs expected to be in the request "
            f"{{{_joined(inputs)}}}, or default input alias set: {_joined(defaults)}"
        )


def _with_defaults(inputs, definition):
    missing = set(definition.inputs) - set(inputs)
    if not missing:
        return inputs
    from tensorflow import make_ndarray

    return {**inputs, **{name: make_ndarray(definition.defaults[name]) for name in missing}}


def classify(model, signature, examples, timeout):
    """Classes of serialized `tf.Example`s: [[(label or "", score or 0)]], a list an example."""
    (answer,) = infer(model, [(signature, CLASSIFY)], examples, timeout)
    return answer


def regress(model, signature, examples, timeout):
    """Numbers for serialized `tf.Example`s: a list of float."""
    (answer,) = infer(model, [(signature, REGRESS)], examples, timeout)
    return answer


def infer(model, tasks, examples, timeout):
    """Several signatures on the same examples.

    Args:
        model: a `SavedModel`.
        tasks: [(signature name, `CLASSIFY` or `REGRESS`)].
        examples: serialized `tf.Example`s, a list of bytes.
        timeout: seconds, for all of them.

    Returns:
        The answers of `classify` or `regress` in order.
    """
    for signature, method in tasks:
        _checks(method)(_definition(model, signature))
    if not examples:
        raise invalid("Input is empty.")
    array = np.empty(len(examples), object)
    array[:] = examples
    answers = []
    for signature, method in tasks:
        name = signature or DEFAULT_SIGNATURE
        outputs = model.run({"inputs": array}, name, timeout=timeout)
        read = _classes if method == CLASSIFY else _numbers
        answers.append(read(outputs, len(examples)))
    return answers


def _checks(method):
    if method == CLASSIFY:
        return check_classifier
    if method == REGRESS:
        return check_regressor
    raise RequestError(Code.UNIMPLEMENTED, f"Unsupported signature method_name: {method}")


def _definition(model, signature):
    name = signature or DEFAULT_SIGNATURE
    if name not in model.signatures:
        raise invalid("No signature was found with the name: ", name)
    return model.signatures[name]


def check_classifier(definition):
    """Raise unless a SignatureDef can classify: inputs -> classes and/or scores."""
    if len(definition.inputs) != 1:
        raise invalid("Expected one input Tensor.")
    if len(definition.outputs) not in (1, 2):
        raise invalid(f"Expected one or two output Tensors, found {len(definition.outputs)}")
    if "inputs" not in definition.inputs:
        raise invalid("No classification inputs found in SignatureDef: ", definition)
    if not {"classes", "scores"} & set(definition.outputs):
        raise invalid(
            'Expected classification signature outputs to contain at least one of "classes" or '
            '"scores". Signature was: ',
            definition,
        )


def check_regressor(definition):
    """Raise unless a SignatureDef can regress: inputs -> outputs."""
    if len(definition.inputs) != 1:
        raise invalid("Expected one input Tensor.")
    if len(definition.outputs) != 1:
        raise invalid("Expected one output Tensor.")
    if "inputs" not in definition.inputs:
        raise invalid("No regression inputs found in SignatureDef: ", definition)
    if "outputs" not in definition.outputs:
        raise invalid("No regression outputs found in SignatureDef: ", definition)


def _classes(outputs, count):
    expected = {"classes": np.dtype(object), "scores": np.dtype(np.float32)}
    found = {name: outputs[name] for name in expected if name in outputs}
    for name, array in found.items():
        if array.ndim != 2:
            raise invalid(
                f"Expected Tensor shape: [batch_size num_classes] but got {list(array.shape)}"
            )
        if array.dtype != expected[name]:
            raise invalid(
                f"Expected {name} Tensor of {type_name(expected[name])}. "
                f"Got: {type_name(array.dtype)}"
            )
        if len(array) != count:
            raise invalid(f"Expected {name} output batch size of {count}. Got: {len(array)}")
    widths = [array.shape[1] for array in found.values()]
    if len(set(widths)) > 1:
        raise invalid(
            "Tensors class and score should match in dim_size(1). Got ",
            " vs. ".join(map(str, widths)),
        )
    blank = {"classes": np.full((count, widths[0]), b"", object)}
    blank["scores"] = np.zeros((count, widths[0]), np.float32)
    found = blank | found
    pairs = zip(found["classes"], found["scores"], strict=True)
    return [list(zip(classes, scores, strict=True)) for classes, scores in pairs]


def _numbers(outputs, count):
    array = outputs["outputs"]
    if array.ndim != 1 and not (array.ndim == 2 and array.shape[1] == 1):
        raise invalid(
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got ",
            list(array.shape),
        )
    if len(array) != count:
        raise invalid(f"Input batch size did not match output batch size: {count} vs. {len(array)}")
    if array.dtype != np.float32:
        raise invalid("Expected output Tensor of DT_FLOAT.  Got: ", type_name(array.dtype))
    return list(array.reshape(count))


def _joined(names):
    return ",".join(sorted(names))
