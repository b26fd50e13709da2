"""Benchmarks: this package beside its peers, the same work, in the same minutes."""
