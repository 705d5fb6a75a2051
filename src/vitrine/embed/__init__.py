"""Photos to vectors: embedders chosen by name, and the keyed store that computes no vector twice."""
