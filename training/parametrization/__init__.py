"""Weights that are idempotent matrices: `idempotent` and what it needs."""
