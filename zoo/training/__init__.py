"""Losses, metrics, learning rates and callbacks for Keras' `compile()` and `fit()`."""

from zoo.training.actor_critic import SeparateCritic, SharedCritic
from zoo.training.adam import Adam
from zoo.training.adaptive_kl import AdaptiveKL, FixedKL
from zoo.training.averaging import (
    BestWeights,
    LastWeights,
    average_weights,
    final_weights,
    load_average,
)
from zoo.training.checkpoint import FINISHED, Checkpoint
from zoo.training.dev_metric import DevMetric
from zoo.training.direct_preference import DirectPreference
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
from zoo.training.losses import TokenCrossEntropy, answer_loss, smoothed_cross_entropy
from zoo.training.masked_statistics import explained_variance, masked_mean, masked_variance, whiten
from zoo.training.memory import keep_freed_memory
from zoo.training.metrics import Perplexity, TokenAccuracy, TokenCount, TokenLoss, TokenMean
from zoo.training.policy_gradient import (
    clipped_policy_losses,
    clipped_value_losses,
    generalized_advantages,
    kl_estimates,
    penalized_rewards,
    token_entropy,
    token_log_probs,
)
from zoo.training.preferences import (
    MeanRankingLoss,
    RankingAccuracy,
    RankingLoss,
    RankingMargin,
    dpo_losses,
    pairwise_losses,
    ranking_losses,
)
from zoo.training.proximal_policy import PPOLoss, ProximalPolicy
from zoo.training.r_drop import RDrop
from zoo.training.randomness import seed_epoch
from zoo.training.samples import Samples
from zoo.training.schedules import InverseSquareRoot, PerUpdate, WarmupCosine, WarmupLinear
from zoo.training.speed import TokensPerSecond
from zoo.training.stateful import StatefulCallback
from zoo.training.utilisation import Utilisation, matmul_peak

__all__ = [
    "Adam",
    "AdaptiveKL",
    "BestWeights",
    "Checkpoint",
    "DevMetric",
    "DirectPreference",
    "EarlyStopping",
    "FINISHED",
    "FixedKL",
    "InverseSquareRoot",
    "JsonLinesLog",
    "LastWeights",
    "LayerwiseAdamW",
    "MeanRankingLoss",
    "PPOLoss",
    "PerUpdate",
    "Perplexity",
    "ProximalPolicy",
    "RDrop",
    "RankingAccuracy",
    "RankingLoss",
    "RankingMargin",
    "Samples",
    "SeparateCritic",
    "SharedCritic",
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
    "answer_loss",
    "average_weights",
    "clipped_policy_losses",
    "clipped_value_losses",
    "depth_levels",
    "dpo_losses",
    "enable_lora",
    "explained_variance",
    "final_weights",
    "fine_tuning_optimizer",
    "freeze_layers",
    "generalized_advantages",
    "kl_estimates",
    "layerwise_rates",
    "load_average",
    "masked_mean",
    "masked_variance",
    "matmul_peak",
    "keep_freed_memory",
    "merge_lora",
    "pairwise_losses",
    "penalized_rewards",
    "ranking_losses",
    "seed_epoch",
    "smoothed_cross_entropy",
    "token_entropy",
    "token_log_probs",
    "whiten",
]
