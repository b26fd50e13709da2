"""Searches over a step function and a cache: greedy, sampling, beam search; they know no model."""

from zoo.decoding.beam import BeamSearch
from zoo.decoding.constraints import ForcedEnd, NeverIds
from zoo.decoding.drivers import run, stream
from zoo.decoding.filters import Filter, MinP, RepetitionPenalty, Temperature, TopK, TopP
from zoo.decoding.independent import Greedy, Sample
from zoo.decoding.noise import fold, gumbel, row_seeds
from zoo.decoding.penalties import GNMTPenalty, LengthPenalty
from zoo.decoding.speculation import CachePair, SpeculativeGreedy
from zoo.decoding.state import History, Result, State, capacity

__all__ = [
    "BeamSearch",
    "CachePair",
    "Filter",
    "ForcedEnd",
    "GNMTPenalty",
    "Greedy",
    "History",
    "LengthPenalty",
    "MinP",
    "NeverIds",
    "RepetitionPenalty",
    "Result",
    "Sample",
    "SpeculativeGreedy",
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
