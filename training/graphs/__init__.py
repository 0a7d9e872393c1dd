"""Computational graphs as torch records them: read, laid out, drawn."""
