"""Searches over a step function and a cache: greedy, sampling, beam search; they know no model."""

from zoo.decoding.beam import BeamSearch
from zoo.decoding.constraints import ForcedEnd, NeverIds
from zoo.decoding.drivers import run, stream
from zoo.decoding.filters import Temperature, TopK, TopP
from zoo.decoding.independent import Greedy, Sample
from zoo.decoding.noise import fold, gumbel, row_seeds
from zoo.decoding.penalties import GNMTPenalty, LengthPenalty
from zoo.decoding.state import Result, State, capacity

__all__ = [
    "BeamSearch",
    "ForcedEnd",
    "GNMTPenalty",
    "Greedy",
    "LengthPenalty",
    "NeverIds",
    "Result",
    "Sample",
    "State",
    "Temperature",
    "TopK",
    "TopP",
    "capacity",
    "fold",
    "gumbel",
    "row_seeds",
    "run",
    "stream",
]
