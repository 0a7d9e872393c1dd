"""Exact algebra of idempotent correctors.

A corrector of order n is a polynomial g for which K ← g(K) turns a matrix that is idempotent up to
words in n + 1 small factors into one that is idempotent to that accuracy.  This package derives
them in rational arithmetic; it says nothing about iteration (see `analysis`) or about networks
(see `training`), and importing it loads neither sympy nor torch.

    polynomial, rational     the values `Polynomial` and `Corrector`, and their arithmetic
    plan, evaluation         how they are evaluated, at matrices and at numbers
    ansatz                   `derive` and `Family`, found by interpolation (hermite)
    words, derivation        the same from the words in P and D, worked out (typesetting)
    premise                  whether a matrix meets the assumption of the derivation
    choice                   the best member for a purpose (minimax, discs, realline)
    catalog                  correctors with a name
    cli, files, limits       the console command, what it writes, and what is too much to ask
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__version__ = "0.1.0"
