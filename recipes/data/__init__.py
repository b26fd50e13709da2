"""Data sets of the recipes: one made on the spot, some by name from the network.

Each data set is a mapping ``{"train": (source, target), "dev": ..., "test": ...}`` of
line-parallel UTF-8 files, plain or gzip: `spoken_calendar.write` makes them, `downloads.fetch`
downloads them.
"""
