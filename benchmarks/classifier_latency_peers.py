"""The contestants of the classifier's latency: one text of `TOKENS` tokens, the same weights.

Each function is a builder that runs in a process of its own (`benchmarks.worker`) on a folder that
`bert_peers.make_folder` wrote. zoo's SavedModel takes strings; ONNX Runtime takes ids, with its
tokenizer outside of the clock or inside.
"""

import sys

import numpy as np

from benchmarks.bert_onnx import onnx_feeds, onnx_session
from benchmarks.bert_peers import SEED, words
from benchmarks.worker import Contestant

TOKENS = 16  # [CLS] and [SEP] among them


def text():
    """A text of invented words, each a piece of its own."""
    return " ".join(np.random.default_rng(SEED).choice(words(), TOKENS - 2))


def export(folder, target):
    """Runs in a worker: the folder as a SavedModel of zoo's `TextClassifier`."""
    from zoo.tasks import TextClassifier

    TextClassifier.from_pretrained(folder).export(target)
    return Contestant(lambda: None, {})


def saved_model(folder, target, threads):
    """zoo's SavedModel with TensorFlow alone: a string in, label and scores out."""
    import tensorflow as tf
    import tensorflow_text  # noqa: F401  (its ops stand in the graph)

    tf.config.threading.set_intra_op_parallelism_threads(threads[0])
    tf.config.threading.set_inter_op_parallelism_threads(threads[1])
    serve = tf.saved_model.load(target).signatures["serving_default"]
    text_given = text()

    def call():
        return serve(text=tf.constant([text_given]))["scores"].numpy()

    return Contestant(call, {"scores": call().tolist(), "zoo imported": "zoo" in sys.modules})


def loader(folder, target, threads):
    """zoo's SavedModel in TensorFlow's C++ loader, XLA off, as TF Serving runs it; requests and
    answers go through a pipe."""
    from tests.loader import Server

    server = Server(target, threads=threads)
    request = {"text": np.array([text().encode()])}

    def call():
        return server.predict(request)["scores"]

    return Contestant(call, {"scores": call().tolist()})


def onnxruntime_ids(folder, target, threads):
    """ONNX Runtime on ids that were made before."""
    session = onnx_session(folder, threads[0])
    feeds = _feeds(_tokenizer(folder), text())

    def call():
        return _softmax(session.run(["logits"], feeds)[0])

    return Contestant(call, {"scores": call().tolist(), "tokens": feeds["input_ids"].shape[1]})


def onnxruntime_text(folder, target, threads):
    """ONNX Runtime behind the tokenizers library: a string in."""
    session, tokenizer = onnx_session(folder, threads[0]), _tokenizer(folder)
    text_given = text()

    def call():
        return _softmax(session.run(["logits"], _feeds(tokenizer, text_given))[0])

    return Contestant(call, {"scores": call().tolist()})


def _tokenizer(folder):
    from tokenizers import BertWordPieceTokenizer

    return BertWordPieceTokenizer(f"{folder}/vocab.txt", lowercase=True)


def _feeds(tokenizer, given):
    encoded = tokenizer.encode(given)
    return onnx_feeds([encoded.ids], [encoded.attention_mask])


def _softmax(logits):
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)
