"""Fine-tuning as the transformers library's examples do it, in a plain loop on torch.

AdamW (betas 0.9 and 0.999, epsilon 1e-8) without weight decay on biases and norms, a learning rate
that rises linearly and falls linearly to 0, gradients clipped to a norm, rows shuffled at random
each epoch, batches padded to their longest row. Where rows of like length are to share a batch, the
order is that of the library's `group_by_length`.
"""

import time

import numpy as np
import torch
import transformers
from transformers.trainer_pt_utils import get_length_grouped_indices

from benchmarks.fine_tuning_questions import Questioned
from recipes.data.labelled import label_ids, label_names

IGNORED = -100  # what the library's losses skip


class OneRowEach:
    """What texts and words have in common: a row is an example, and there is one sort of logits."""

    label_fields = ("labels",)
    head = "classifier"

    def logits(self, output):
        """Logits (B, L) or (B, T, L) as an array."""
        return output.logits.float().numpy()

    def gather(self, rows, answers):
        """Answers to the examples from those to their rows."""
        return answers


class Labelled(OneRowEach):
    """Texts or pairs with a class or a number each.

    Args:
        train, dev: `Examples`.
    """

    model_class = transformers.AutoModelForSequenceClassification

    def __init__(self, train, dev, task):
        self.is_number = task.kind == "regression"
        self.names = None if self.is_number else label_names(train.labels)
        self.num_labels = 1 if self.is_number else len(self.names)

    def encode(self, tokenizer, examples, max_length):
        """A list of dicts of one row each, labels among them."""
        rows = tokenizer(
            examples.texts, examples.pairs, truncation="longest_first", max_length=max_length
        )
        if self.is_number:
            labels = np.array(examples.labels, "float32")
        else:
            labels = label_ids(examples.labels, self.names).astype("int64")
        return [{**row, "labels": label} for row, label in zip(_each(rows), labels, strict=True)]

    def read(self, logits, row):
        """The answer that a row's logits (L,) stand for."""
        return float(logits[0]) if self.is_number else self.names[int(logits.argmax())]

    def gold(self, examples):
        return examples.labels


class Tagged(OneRowEach):
    """Words with a tag each; the first piece of a word has its tag.

    Args:
        train, dev: `TaggedWords`.
    """

    model_class = transformers.AutoModelForTokenClassification

    def __init__(self, train, dev, task):
        # A dev file may have tags that training never saw; they are always wrong.
        self.names = label_names(train.tags)
        self.num_labels = len(self.names)
        self.unseen = "O" if "O" in self.names else ""

    def encode(self, tokenizer, examples, max_length):
        rows = tokenizer(
            examples.words, is_split_into_words=True, truncation=True, max_length=max_length
        )
        encoded = []
        for i, row in enumerate(_each(rows)):
            words = _first_pieces(rows.word_ids(i))
            tags = [IGNORED if word is None else examples.tags[i][word] for word in words]
            labels = [self.names.index(tag) if tag in self.names else IGNORED for tag in tags]
            placed = {word: column for column, word in enumerate(words) if word is not None}
            columns = [placed.get(word) for word in range(len(examples.words[i]))]
            encoded.append({**row, "labels": labels, "columns": columns})
        return encoded

    def read(self, logits, row):
        """The tag of every word from logits (T, L); words that were cut off have none."""
        best = logits.argmax(-1)
        return [
            self.unseen if column is None else self.names[int(best[column])]
            for column in row["columns"]
        ]

    def gold(self, examples):
        return examples.tags


KINDS = {"tagging": Tagged, "qa": Questioned}


class FineTuning:
    """One task, fine-tuned anew for each seed.

    Args:
        task: `benchmarks.fine_tuning.Task`.
        train, dev: its rows.
        options: the command line.
    """

    def __init__(self, task, train, dev, options):
        self.task, self.options = task, options
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(options.pretrained)
        self.kind = KINDS.get(task.kind, Labelled)(train, dev, task)
        self.gold = self.kind.gold(dev)
        self.train_rows, self.dev_rows = (
            self.kind.encode(self.tokenizer, rows, options.max_length) for rows in (train, dev)
        )

    def run(self, seed):
        """Train and score; returns the scores of the last epoch, those watched after each, minutes
        of training alone and its real tokens a second."""
        torch.manual_seed(seed)
        model = self.kind.model_class.from_pretrained(
            self.options.pretrained, num_labels=self.kind.num_labels
        )
        if self.options.head == "glorot":
            torch.nn.init.xavier_uniform_(getattr(model, self.kind.head).weight)
        updates = self.options.epochs * -(-len(self.train_rows) // self.options.batch_size)
        optimizer, schedule = self._optimizer(model, updates)
        order = torch.Generator().manual_seed(seed)
        seconds, by_epoch = 0.0, []
        for _ in range(self.options.epochs):
            began = time.perf_counter()
            loss = self._epoch(model, optimizer, schedule, order)
            seconds += time.perf_counter() - began
            scores = self.task.score(self.gold, self.predict(model))
            by_epoch.append({self.task.metric: scores[self.task.metric], "loss": loss})
        tokens = self.options.epochs * sum(len(row["input_ids"]) for row in self.train_rows)
        return {
            "scores": scores,
            "by_epoch": by_epoch,
            "updates": updates,
            "minutes": seconds / 60,
            "tokens_per_s": tokens / seconds,
            "threads": torch.get_num_threads(),
        }

    def _optimizer(self, model, updates):
        decayed, others = [], []
        for name, parameter in model.named_parameters():
            plain = name.endswith(".bias") or "LayerNorm" in name
            (others if plain else decayed).append(parameter)
        groups = [
            {"params": decayed, "weight_decay": self.options.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        optimizer = torch.optim.AdamW(groups, self.options.peak, (0.9, 0.999), 1e-8, fused=True)
        schedule = transformers.get_linear_schedule_with_warmup(
            optimizer, round(self.options.warmup * updates), updates
        )
        return optimizer, schedule

    def _epoch(self, model, optimizer, schedule, order):
        """All rows once; returns the mean of the batches' losses."""
        model.train()
        losses = []
        for members in _chunks(self._order(order), self.options.batch_size):
            optimizer.zero_grad()
            with self._autocast():
                loss = model(**self._batch([self.train_rows[i] for i in members])).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), self.options.clip)
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        return sum(losses) / len(losses)

    def _order(self, generator):
        """The rows of an epoch, anew at each call."""
        if not self.options.group_by_length:
            return torch.randperm(len(self.train_rows), generator=generator).tolist()
        lengths = [len(row["input_ids"]) for row in self.train_rows]
        return get_length_grouped_indices(lengths, self.options.batch_size, generator=generator)

    def predict(self, model):
        """The answer to each example of dev, in its order; rows of like length go together."""
        model.eval()
        order = sorted(range(len(self.dev_rows)), key=lambda i: len(self.dev_rows[i]["input_ids"]))
        answers = [None] * len(order)
        for members in _chunks(order, 2 * self.options.batch_size):
            rows = [self.dev_rows[i] for i in members]
            with torch.inference_mode(), self._autocast():
                logits = self.kind.logits(model(**self._batch(rows)))
            for i, row, found in zip(members, rows, logits, strict=True):
                answers[i] = self.kind.read(found, row)
        return self.kind.gather(self.dev_rows, answers)

    def _batch(self, rows):
        """Tensors (B, T) of rows, as wide as the longest; labels (B,) or (B, T)."""
        given = [{name: row[name] for name in self.tokenizer.model_input_names} for row in rows]
        batch = dict(self.tokenizer.pad(given, return_tensors="pt"))
        for field in self.kind.label_fields:
            labels = [row[field] for row in rows]
            if isinstance(labels[0], list):
                width = batch["input_ids"].shape[1]
                labels = [row + [IGNORED] * (width - len(row)) for row in labels]
            batch[field] = torch.from_numpy(np.array(labels))
        return batch

    def _autocast(self):
        low = self.options.precision != "float32"
        return torch.autocast("cpu", torch.bfloat16, enabled=low)


def _each(rows):
    """The tokenizer's dict of lists as a list of dicts."""
    names = list(rows.keys())
    return [dict(zip(names, values, strict=True)) for values in zip(*rows.values(), strict=True)]


def _first_pieces(words):
    """The word that starts at each column, else None."""
    return [
        word if word is not None and (column == 0 or words[column - 1] != word) else None
        for column, word in enumerate(words)
    ]


def _chunks(members, size):
    return [members[start : start + size] for start in range(0, len(members), size)]
