"""BERT for ONNX Runtime: the export from transformers, and a session that runs it."""

import pathlib

import numpy as np

from benchmarks.bert_peers import arrays, torch_arrays
from benchmarks.worker import Contestant


def export_onnx(folder):
    """Runs in a worker: `folder`/model.onnx, its operations fused by ONNX Runtime's own tool."""
    import torch
    from onnxruntime.transformers import optimizer
    from transformers import BertForSequenceClassification

    # That tool recognizes the attention written out and the older exporter's graph, which it turns
    # into Attention, BiasGelu and SkipLayerNormalization; of other graphs it fuses less.
    model = BertForSequenceClassification.from_pretrained(folder, attn_implementation="eager")
    inputs, _ = torch_arrays("ragged", 2)
    plain = pathlib.Path(folder, "plain.onnx")
    torch.onnx.export(
        model.eval(),
        tuple(inputs.values()),
        str(plain),
        input_names=list(inputs),
        output_names=["logits"],
        dynamic_axes={name: {0: "rows", 1: "length"} for name in inputs},
        opset_version=17,
        dynamo=False,
    )
    config = model.config
    fused = optimizer.optimize_model(
        str(plain),
        model_type="bert",
        num_heads=config.num_attention_heads,
        hidden_size=config.hidden_size,
    )
    fused.save_model_to_file(f"{folder}/model.onnx")
    plain.unlink()
    counts = fused.get_fused_operator_statistics()
    return Contestant(lambda: None, {"fused": {name: n for name, n in counts.items() if n}})


def onnx_session(folder, threads):
    """A session on `export_onnx`'s file; `threads` within an operation, 0: one a core."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    return onnxruntime.InferenceSession(
        f"{folder}/model.onnx", options, providers=["CPUExecutionProvider"]
    )


def onnxruntime_forward(folder, precision, batch, rows):
    """ONNX Runtime in float32, the only precision that its processor kernels have for BERT."""
    session = onnx_session(folder, threads=0)
    inputs, _ = arrays(batch, rows)
    feeds = onnx_feeds(inputs["token_ids"], inputs["padding_mask"])

    def call():
        return session.run(["logits"], feeds)[0]

    return Contestant(call, {"backend": "onnxruntime", "logits": call().tolist()})


def onnx_feeds(ids, real):
    """What the session takes of ids and what is real of them, (B, T), in one segment."""
    return {
        "input_ids": np.asarray(ids, "int64"),
        "attention_mask": np.asarray(real, "int64"),
        "token_type_ids": np.zeros(np.shape(ids), "int64"),
    }
