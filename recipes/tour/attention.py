"""Steps of the tour: from a dot product to many heads. "Attention is all you need", 3.2."""

import numpy as np
from keras import ops

from zoo.layers import MultiHeadAttention, record_attention_calls
from zoo.tasks import Attention
from zoo.visual import draw_heads, draw_matrices

SENTENCE = ["She", "turned", "on", "the", "light"]
HIDDEN, HEAD = 512, 64  # D and H of the paper's base model


def vectors(words, seed=1):
    """A random vector for each word, the same for the same word: (1, T, D) float32."""
    rng = np.random.default_rng(seed)
    table = {word: rng.normal(size=HIDDEN) for word in dict.fromkeys(words)}
    return np.array([[table[word] for word in words]], "float32")


def one_head(words):
    """The recorded call of a random layer of one head on words."""
    layer = MultiHeadAttention(1, HEAD, name="one_head")
    with record_attention_calls() as calls:
        layer(vectors(words))
    return calls[0]


def similarity(guide):
    """A dot product says how much alike two vectors are."""
    features = ["shines", "weighs little", "person"]
    words = {
        "light (lamp)": [0.9, 0.1, 0.0],
        "light (bag)": [0.1, 0.9, 0.0],
        "lamp": [1.0, 0.2, 0.0],
        "feather": [0.0, 1.0, 0.1],
        "she": [0.0, 0.1, 1.0],
    }
    table = np.array(list(words.values()))
    products = table @ table.T
    guide.say("""Words are vectors. Here they have three numbers that were made up; a model
        learns hundreds of them. The dot product of two vectors, the sum of the products of their
        numbers, is large where both have the same large numbers.""")
    guide.show(
        f"light (lamp) . lamp    = 0.9 x 1.0 + 0.1 x 0.2 + 0 x 0 = {products[0, 2]:.2f}",
        f"light (lamp) . feather = 0.9 x 0.0 + 0.1 x 1.0 + 0 x 0.1 = {products[0, 3]:.2f}",
    )
    panels = {
        "word vectors": (table, list(words), features),
        "their dot products": (products, list(words), list(words)),
    }
    draw_matrices(panels, "How much alike words are", guide.picture("dot-products"))
    guide.notice("""the light of a lamp is near to lamp, the light bag to feather. Self-attention
        finds the relevant words of a sentence by just such products.""")


def query_key_value(guide):
    """Steps 1 and 2: query, key and value of each word, and the scores."""
    call = one_head(SENTENCE)
    query, key, value = (np.asarray(x)[0, 0] for x in (call.query, call.key, call.value))
    scores = query @ key.T
    guide.say(f"""Each word's vector ({HIDDEN} numbers) is multiplied by three matrices, W^Q, W^K
        and W^V, which are learned. That gives its query (what it looks for), its key (what it
        offers) and its value (what it hands over), {HEAD} numbers each. The score of a word for
        another is the dot product of the one's query and the other's key. (This layer is random:
        it has not learned anything yet.)""")
    guide.show(
        f"queries {query.shape}, keys {key.shape}, values {value.shape}",
        f"score of 'light' for 'turned' = q . k = {scores[4, 1]:.2f}",
    )
    few = [str(i) for i in range(8)]
    panels = {
        name: (matrix[:, :8], SENTENCE, few)
        for name, matrix in (("queries Q", query), ("keys K", key), ("values V", value))
    }
    panels["scores Q K^T"] = (scores, SENTENCE, SENTENCE)
    title = f"Queries, keys and values (8 of {HEAD} numbers), and the scores"
    draw_matrices(panels, title, guide.picture("scores"))
    guide.notice("""all scores at once are one product of two matrices, Q K^T: with several
        inputs no word waits for another. That is what recurrent networks cannot do.""")


def softmax(guide):
    """Steps 3 and 4: divide by 8, softmax, and the sum of the values."""
    call = one_head(SENTENCE)
    query, key, value = (np.asarray(x)[0, 0] for x in (call.query, call.key, call.value))
    scores = query @ key.T
    plain, scaled = (ops.convert_to_numpy(ops.softmax(x)) for x in (scores, scores / HEAD**0.5))
    guide.say(f"""Products of vectors of {HEAD} numbers are large, and the softmax of large
        numbers takes one word and forgets the others; hardly any gradient comes through. So the
        scores are divided by the square root of the key's length, {HEAD**0.5:.0f}, and then made
        into shares of one. The values, each times its share, are added up: words with small
        shares contribute next to nothing.""")
    panels = {
        "scores": (scores, SENTENCE, SENTENCE),
        "softmax of the scores": (plain, SENTENCE, SENTENCE),
        f"softmax of scores / {HEAD**0.5:.0f}": (scaled, SENTENCE, SENTENCE),
    }
    draw_matrices(panels, "Why the scores are scaled", guide.picture("softmax"))
    by_hand = np.array([sum(a * v for a, v in zip(row, value, strict=True)) for row in scaled])
    difference = np.abs(by_hand - scaled @ value).max()
    guide.show(
        f"largest share a row, unscaled: {plain.max(1).round(2)}",
        f"                     scaled:   {scaled.max(1).round(2)}",
        f"softmax(Q K^T / 8) V in one equation less word by word: at most {difference:.0e}",
    )
    guide.notice(
        "each row sums to one. `zoo.layers.scaled_dot_product_attention` is this equation."
    )


def heads(guide):
    """Many heads side by side, joined by W^O."""
    words = ["The", "bag", "was", "very", "light"]
    x, count = vectors(words), HIDDEN // HEAD
    layer = MultiHeadAttention(count, name="heads", kernel_initializer="random_normal")
    with record_attention_calls() as calls:
        output = ops.convert_to_numpy(layer(x))[0]
    weights, value = np.asarray(calls[0].weights)[0], np.asarray(calls[0].value)[0]
    z = [weight @ values for weight, values in zip(weights, value, strict=True)]
    joined = np.concatenate(z, axis=-1)  # (T, N H)
    kernel, bias = (ops.convert_to_numpy(v) for v in layer.output_projection.weights)
    difference = np.abs(joined @ kernel + bias - output).max()
    guide.say(f"""Light is a lamp's in "She turned on the light" and a bag's in "The bag was very
        light": one softmax must choose, {count} heads need not. Each has its own W^Q, W^K and
        W^V of {HEAD} numbers. The feed-forward layer wants one vector a word, so their results
        Z0 to Z{count - 1} are laid side by side and multiplied by one more matrix, W^O.""")
    guide.show(
        f"{count} heads Z of shape {z[0].shape}, side by side {joined.shape}, W^O {kernel.shape}",
        f"[Z0 ... Z{count - 1}] W^O less what the layer gives: at most {difference:.0e}",
    )
    attention = Attention.of_calls("encoder", calls, words, words)
    draw_heads(attention, 0, guide.picture("heads"))
    guide.notice("""every head has its own map, and with trained weights its own task: one looks
        at the word before, another at the subject. Look for yourself in a trained model: python
        -m zoo.visual explore RUN.""")
