"""Generative networks: what their pictures are worth, measured at f, f², f³ and f⁵."""
