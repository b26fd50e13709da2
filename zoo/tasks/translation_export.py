"""A `Translator` as a SavedModel: how it is written and what it serves."""

from keras import ops

from zoo.layers.panels import matrices_in_panels
from zoo.tasks.task import Task
from zoo.tasks.warm_up import warm_up_texts
from zoo.text.beginnings import beginnings_in_graph


class TranslationExport(Task):
    """The half of `zoo.tasks.Translator` that makes a SavedModel of it."""

    def export(self, folder, beam_size=None, length_penalty=None):
        """Write a SavedModel that TF Serving runs: tokenizer, search and detokenizer in the graph.

        Signatures: `serving_default(text: string [B]) -> {text: string [B], score: float32 [B]}`
        and `n_best(text) -> {text [B, K], score [B, K]}`, K = beam_size; where the search found
        fewer, text is empty and score -inf. Invalid UTF-8 is read as U+FFFD. Matrices are stored in
        panels, as by `TextGenerator.export`.

        Args:
            folder: NAME/VERSION, VERSION a whole number; must not exist.
            beam_size: K; 1 is greedy search; None: the task's.
            length_penalty: exponent of `zoo.decoding.LengthPenalty`; None: the task's.

        Raises:
            FileExistsError: `folder` exists.
            ValueError: beam_size is no positive whole number.
            RuntimeError: another backend is in use, and the TensorFlow process that exports in its
                place failed.
        """
        from zoo.serving import export

        self.search(beam_size, length_penalty)  # refuses here what the other process would refuse
        export(self, folder, {"beam_size": beam_size, "length_penalty": length_penalty})

    def signatures(self, beam_size=None, length_penalty=None):
        """What the SavedModel serves: {name: `zoo.serving.Signature`}. TensorFlow only."""
        from zoo.serving import Signature
        from zoo.serving.kernels import copies_in_panels

        beam_size = self.beam_size if beam_size is None else beam_size
        source = self.source_tokenizer.graph(self.max_source_length)
        target = self.target_tokenizer.graph()
        copies = copies_in_panels(self.model)

        def translate(text, n_best):
            text = beginnings_in_graph(text, self.max_source_length)
            source_ids = source.encode(text)  # (B, S)
            with matrices_in_panels(copies):
                result = self.decode(source_ids, self.search(beam_size, length_penalty, n_best))
            ids, scores = self._silence_empty(source_ids, result)
            num_rows, _, length = ops.shape(ids)
            texts = target.decode(ops.reshape(ids, (num_rows * n_best, length)))
            return {"text": ops.reshape(texts, (num_rows, n_best)), "score": scores}

        def best(text):
            return {name: value[:, 0] for name, value in translate(text, 1).items()}

        examples = [{"text": texts} for texts in warm_up_texts(self.target_tokenizer)]
        shared = {"inputs": {"text": ([None], "string")}, "examples": examples}
        shared["resources"] = [source, target]
        return {
            "serving_default": Signature(best, **shared),
            "n_best": Signature(lambda text: translate(text, beam_size), **shared),
        }

    def _silence_empty(self, source_ids, result):
        """Ids (B, n, L) and scores (B, n) of a result: no ids for a source of no tokens."""
        config = self.model.config
        is_text = source_ids[:, :1] != config.end_id  # (B, 1)
        ids = ops.where(is_text[..., None], result.ids, config.pad_id)
        return ids, ops.where(is_text, result.scores, 0.0)
