"""Losses, metrics, learning rates and callbacks for Keras' `compile()` and `fit()`."""

from zoo.training.adam import Adam
from zoo.training.averaging import (
    BestWeights,
    LastWeights,
    average_weights,
    final_weights,
    load_average,
)
from zoo.training.checkpoint import FINISHED, Checkpoint
from zoo.training.dev_metric import DevMetric
from zoo.training.early_stopping import EarlyStopping
from zoo.training.fine_tuning import (
    depth_levels,
    enable_lora,
    fine_tuning_optimizer,
    freeze_layers,
    merge_lora,
)
from zoo.training.layerwise import LayerwiseAdamW, layerwise_rates
from zoo.training.logs import JsonLinesLog, TensorBoardScalars
from zoo.training.losses import TokenCrossEntropy, smoothed_cross_entropy
from zoo.training.metrics import Perplexity, TokenAccuracy, TokenCount, TokenLoss, TokenMean
from zoo.training.r_drop import RDrop
from zoo.training.randomness import seed_epoch
from zoo.training.samples import Samples
from zoo.training.schedules import InverseSquareRoot, PerUpdate, WarmupCosine, WarmupLinear
from zoo.training.speed import TokensPerSecond
from zoo.training.stateful import StatefulCallback
from zoo.training.utilisation import Utilisation, matmul_peak

__all__ = [
    "FINISHED",
    "Adam",
    "BestWeights",
    "Checkpoint",
    "DevMetric",
    "EarlyStopping",
    "InverseSquareRoot",
    "JsonLinesLog",
    "LastWeights",
    "LayerwiseAdamW",
    "PerUpdate",
    "Perplexity",
    "RDrop",
    "Samples",
    "StatefulCallback",
    "TensorBoardScalars",
    "TokenAccuracy",
    "TokenCount",
    "TokenCrossEntropy",
    "TokenLoss",
    "TokenMean",
    "TokensPerSecond",
    "Utilisation",
    "WarmupCosine",
    "WarmupLinear",
    "average_weights",
    "depth_levels",
    "enable_lora",
    "final_weights",
    "fine_tuning_optimizer",
    "freeze_layers",
    "layerwise_rates",
    "load_average",
    "matmul_peak",
    "merge_lora",
    "seed_epoch",
    "smoothed_cross_entropy",
]
