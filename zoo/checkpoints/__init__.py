"""Weights in files: our own, and those of other libraries as tables of names.

A converter is a `Table` of foreign names and our variable paths; one loop checks names and shapes
and moves the numbers, in both directions. Nothing here knows a model class.
"""

from zoo.checkpoints.bert import (
    config_from_bert,
    config_to_bert,
    labels_of_bert,
    open_bert,
    write_bert,
)
from zoo.checkpoints.bert_table import PARTS as BERT_PARTS
from zoo.checkpoints.generation import GenerationSettings, end_ids, write_end_ids
from zoo.checkpoints.gpt import open_gpt, write_gpt
from zoo.checkpoints.gpt_head import REWARD
from zoo.checkpoints.hub import pretrained_folder
from zoo.checkpoints.marian import config_from_marian, config_to_marian, marian_table
from zoo.checkpoints.safetensors_folder import TensorFiles, read_json, write_folder_files
from zoo.checkpoints.tables import Entry, Layout, Table, foreign_tensors, load_weights
from zoo.checkpoints.weights import (
    assign_weights,
    check_merged,
    named_weights,
    read_weights,
    write_weights,
)

__all__ = [
    "BERT_PARTS",
    "REWARD",
    "Entry",
    "GenerationSettings",
    "Layout",
    "Table",
    "TensorFiles",
    "assign_weights",
    "check_merged",
    "config_from_bert",
    "config_from_marian",
    "config_to_bert",
    "config_to_marian",
    "end_ids",
    "foreign_tensors",
    "labels_of_bert",
    "load_weights",
    "marian_table",
    "named_weights",
    "open_bert",
    "open_gpt",
    "pretrained_folder",
    "read_json",
    "read_weights",
    "write_bert",
    "write_end_ids",
    "write_folder_files",
    "write_gpt",
    "write_weights",
]
