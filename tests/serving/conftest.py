"""A toy task that has every part of a served one, and the C++ stand-in for TF Serving."""

import io

import pytest

from tests.loader import CannotBuild, Server, build
from tests.serving.calls import in_process, in_server

SENTENCES = [
    "a red cat sat on the old mat",
    "the old dog ran to the red house",
    "two cats and a dog ran on",
    "on the mat the cat saw a house",
]


@pytest.fixture(scope="session")
def tf():
    import tensorflow

    return tensorflow


@pytest.fixture(scope="session")
def sentences():
    return SENTENCES


@pytest.fixture(scope="session")
def sentencepiece_model():
    import sentencepiece

    writer = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES),
        model_writer=writer,
        vocab_size=37,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    return writer.getvalue()


def make_signature(tf, sentencepiece_model):
    """Turns the pieces of each text around in a loop, and sums their weights as the score."""
    import tensorflow_text

    from zoo.serving import Signature

    tokenizer = tensorflow_text.SentencepieceTokenizer(sentencepiece_model)
    weights = tf.Variable(tf.linspace(0.0, 1.0, 41))

    def turn_around(text):
        ragged = tokenizer.tokenize(text)
        lengths = tf.cast(ragged.row_lengths(), tf.int32)
        ids = ragged.to_tensor()
        steps = tf.shape(ids)[1]

        def step(index, turned, score):
            position = lengths - 1 - index
            token = tf.gather(ids, tf.maximum(position, 0), batch_dims=1)
            score += tf.where(position >= 0, tf.gather(weights, token), 0.0)
            return index + 1, tf.concat([turned, token[:, None]], axis=1), score

        _, turned, score = tf.while_loop(
            lambda index, *_: index < steps,
            step,
            [0, ids[:, :0], tf.zeros_like(lengths, tf.float32)],
            shape_invariants=[
                tf.TensorShape([]),
                tf.TensorShape([None, None]),
                tf.TensorShape([None]),
            ],
        )
        pieces = tf.RaggedTensor.from_tensor(turned, lengths)
        return {"text": tokenizer.detokenize(pieces), "score": score}

    examples = [{"text": [""]}, {"text": ["a cat", "the old red house ran"]}, {"text": []}]
    return Signature(turn_around, {"text": ([None], "string")}, examples, [tokenizer])


@pytest.fixture
def toy_signature(tf, sentencepiece_model):
    """The toy, anew for each test: seeding TensorFlow, as every test does, clears the cache of
    eager kernels, and with them the model of an eager SentencePiece tokenizer."""
    return make_signature(tf, sentencepiece_model)


@pytest.fixture(scope="session")
def toy_export(tf, sentencepiece_model, tmp_path_factory):
    """The folder of the exported toy."""
    from zoo.serving import write_saved_model

    toy_signature = make_signature(tf, sentencepiece_model)
    folder = tmp_path_factory.mktemp("saved_models") / "toy" / "1"
    write_saved_model(folder, {"serving_default": toy_signature, "again": toy_signature})
    return folder


@pytest.fixture(scope="session")
def serve():
    """The class `Server`, where the C++ program can be built."""
    try:
        build()
    except CannotBuild as reason:
        pytest.skip(str(reason))
    return Server


@pytest.fixture(scope="module")
def server(exported, serve):
    """The C++ program with the folder that the module's fixture `exported` gives."""
    with serve(exported, threads=(1, 1)) as server:
        yield server


@pytest.fixture(scope="session")
def small_models(tmp_path_factory):
    """A folder of models: "small" in the versions 3 and 5, both served, 3 labelled as stable."""
    from tests.serving.small_exports import write_small
    from zoo.serving.config import write_config

    folder = tmp_path_factory.mktemp("models")
    for version in (3, 5):
        write_small(folder / "small" / str(version), factor=float(version))
    write_config(folder, ["small:stable=3"])
    return folder


@pytest.fixture(scope="session")
def dev_server(small_models):
    """The development server with these models, and with limits that tests can reach."""
    from tests.serving.dev_server import DevServer

    with DevServer(small_models, "--max-bytes", "1000000", "--poll", "0.2") as server:
        yield server


@pytest.fixture(params=["python", "c++"])
def predict(request, exported):
    """Calls `exported` in both loaders: (inputs, signature name) -> {output name: array}."""
    if request.param == "python":
        return in_process(exported)
    return in_server(request.getfixturevalue("server"))
