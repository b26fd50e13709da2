"""A SavedModel in a TensorFlow session: what TF Serving does with one, in Python without Keras."""

import logging
import pathlib

import numpy as np

from zoo.serving.errors import Code, RequestError, invalid
from zoo.serving.runtime import load_tensorflow

DEFAULT_SIGNATURE = "serving_default"
_SHORT_NAMES = {"float32": "float", "float64": "double", "float16": "half", "object": "string"}


class SavedModel:
    """A loaded SavedModel. It may be run from several threads.

    Args:
        folder: the SavedModel's folder (the one with saved_model.pb).
        threads: (within an op, between ops); 0 leaves the choice to TensorFlow. Small models are
            fastest with (1, 1).

    Raises:
        FileNotFoundError: there is no SavedModel.
        RequestError: TensorFlow cannot load it.
    """

    def __init__(self, folder, threads=(0, 0)):
        tf = load_tensorflow()
        if not (pathlib.Path(folder) / "saved_model.pb").is_file():
            raise FileNotFoundError(f"folder: {str(folder)!r} holds no SavedModel (saved_model.pb)")
        config = tf.compat.v1.ConfigProto(
            intra_op_parallelism_threads=threads[0], inter_op_parallelism_threads=threads[1]
        )
        # Else all sessions share the threads of the first: one op that takes long would keep the
        # other models from answering, and a new version from being loaded.
        config.use_per_session_threads = True
        # The process of an export may have seen a GPU; the server that this stands for has none.
        config.device_count["GPU"] = 0
        self._graph = tf.Graph()
        self._session = tf.compat.v1.Session(graph=self._graph, config=config)
        try:
            with self._graph.as_default():
                self.signatures = _load(self._session, folder)
            self._feeds, self._fetches = self._tensors()
        except BaseException as error:
            self.close()
            if isinstance(error, (tf.errors.OpError, ValueError, KeyError, RuntimeError)):
                raise _request_error(error) from error
            raise

    def _tensors(self):
        """{signature: {input: tensor}} and the same of the outputs."""

        def find(infos):
            return {name: self._graph.get_tensor_by_name(info.name) for name, info in infos.items()}

        found = {n: s for n, s in self.signatures.items() if n != "__saved_model_init_op"}
        feeds = {name: find(signature.inputs) for name, signature in found.items()}
        return feeds, {name: find(signature.outputs) for name, signature in found.items()}

    def served_names(self):
        """Names of the signatures that may be called, sorted."""
        return sorted(self._feeds)

    def inputs(self, signature):
        """{input name: (dtype name, shape)} of a signature; shape is None if the rank is unknown.

        Raises:
            KeyError: there is no such signature.
        """
        return _described(self._feeds[signature])

    def outputs(self, signature):
        """The same of the outputs."""
        return _described(self._fetches[signature])

    def run(self, inputs, signature=DEFAULT_SIGNATURE, outputs=(), timeout=None):
        """Run one request.

        Args:
            inputs: {input name: array}; strings are object arrays of bytes.
            signature: name of a signature of this model.
            outputs: names of the outputs to compute; empty: all.
            timeout: seconds, or None.

        Returns:
            {output name: array}; strings are object arrays of bytes.

        Raises:
            RequestError: the inputs do not fit the signature, the graph fails, or time is over.
        """
        tf = load_tensorflow()
        fetches = self._fetches[signature]
        if outputs:
            fetches = {name: fetches[name] for name in outputs}
        feeds = self._checked(inputs, self._feeds[signature])
        options = timeout and tf.compat.v1.RunOptions(timeout_in_ms=max(1, int(timeout * 1000)))
        try:
            found = self._session.run(fetches, feeds, options=options)
        except (tf.errors.OpError, ValueError, TypeError, RuntimeError) as error:
            raise _request_error(error) from error
        return {name: np.asarray(value) for name, value in found.items()}

    def _checked(self, inputs, tensors):
        """The feeds, of the very dtypes: the session would cast them without a word."""
        if set(inputs) != set(tensors):
            raise invalid(f"inputs {sorted(inputs)} given, expected {sorted(tensors)}")
        feeds = {}
        for number, (name, tensor) in enumerate(tensors.items()):
            value, dtype = inputs[name], tensor.dtype.as_numpy_dtype
            if value.dtype != dtype:
                expected, given = type_name(np.dtype(dtype)), type_name(value.dtype)
                raise invalid(f"Expects arg[{number}] to be {expected} but {given} is provided")
            if not tensor.shape.is_compatible_with(value.shape):
                raise invalid(
                    f"input {name!r} has the shape {list(value.shape)}, "
                    f"the signature asks for {tensor.shape}"
                )
            feeds[tensor] = value
        return feeds

    def close(self):
        """Free what the model holds; no run may be under way."""
        self._session.close()


def _described(tensors):
    return {
        name: (tensor.dtype.name, None if tensor.shape.rank is None else tensor.shape.as_list())
        for name, tensor in sorted(tensors.items())
    }


def type_name(dtype):
    """The name of a dtype in TensorFlow's messages: "float" for float32."""
    return _SHORT_NAMES.get(str(dtype), str(dtype))


def _load(session, folder):
    """Load into a session and its graph; {signature name: SignatureDef}."""
    tf = load_tensorflow()
    log = tf.get_logger()
    level = log.level
    log.setLevel(logging.ERROR)  # "loader is deprecated", and where the variables come from
    try:
        meta_graph = tf.compat.v1.saved_model.load(session, ["serve"], str(folder))
    finally:
        log.setLevel(level)
    return dict(meta_graph.signature_def)


def _request_error(error):
    """A RequestError that says what a TensorFlow error says."""
    tf = load_tensorflow()
    if isinstance(error, tf.errors.OpError):
        return RequestError(Code(error.error_code), error.message.strip())
    return RequestError(Code.INVALID_ARGUMENT, str(error).strip())
