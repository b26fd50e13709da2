"""Several segmentations of one text, so that a model sees words in other pieces each time."""

import hashlib
import json

import numpy as np

from zoo.text.checks import checked_texts
from zoo.text.sentencepiece_tokenizer import SentencePieceTokenizer


class SubwordRegularization:
    """Draws pieces anew each time that a text is encoded, for `write_ids` of a training text.

    With a BPE model this is BPE-dropout (Provilkov et al. 2020, arXiv:1910.13267): each merge is
    left out with probability `alpha`. With a unigram model it is subword regularization (Kudo 2018,
    arXiv:1804.10959) over all segmentations, their probabilities to the power of `alpha`. Nothing
    is drawn for texts to translate: those take the plain tokenizer.

    Args:
        tokenizer: `SentencePieceTokenizer`.
        alpha: above 0 and at most 1; the papers take 0.1 for BPE and 0.2 to 0.5 for unigrams.
        seed: int >= 0. The n-th text that this object encodes gets pieces that depend on the text,
            the seed and n alone.

    Raises:
        TypeError: the tokenizer is of another kind.
        ValueError: `alpha` or `seed` is out of bounds.
    """

    def __init__(self, tokenizer, alpha, seed=0):
        if not isinstance(tokenizer, SentencePieceTokenizer):
            raise TypeError(
                f"tokenizer must be a SentencePieceTokenizer, got {type(tokenizer).__name__}, "
                "which knows one segmentation of a text only"
            )
        if not 0 < alpha <= 1:
            raise ValueError(f"alpha must be above 0 and at most 1, got {alpha}")
        if seed < 0:
            raise ValueError(f"seed must be at least 0, got {seed}")
        self._tokenizer, self._alpha, self._seed = tokenizer, alpha, seed
        self._encoded = 0

    @property
    def vocabulary_size(self):
        """Of the tokenizer."""
        return self._tokenizer.vocabulary_size

    @property
    def fingerprint(self):
        """Hash of the tokenizer, `alpha` and the seed."""
        settings = json.dumps([self._tokenizer.fingerprint, self._alpha, self._seed])
        return hashlib.sha256(settings.encode()).hexdigest()

    def encode(self, texts):
        """Draw the ids of each text.

        Args:
            texts: list of B str.

        Returns:
            List of B lists of int, without start and end.

        Raises:
            ValueError: as `SentencePieceTokenizer.encode`.
        """
        texts = checked_texts(texts)
        places = range(self._encoded, self._encoded + len(texts))
        seeds = [
            int(np.random.SeedSequence([self._seed, place]).generate_state(1)[0])
            for place in places
        ]
        self._encoded += len(texts)
        return self._tokenizer.sample(texts, self._alpha, seeds)
