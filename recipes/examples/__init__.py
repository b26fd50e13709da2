"""Short examples of single ideas, each a file to read and to run."""
