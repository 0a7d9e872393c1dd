"""Exact matrices on loan from FLINT, and the polynomials that annihilate them."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import array_api_compat
import numpy as np
from flint import fmpq, fmpq_mat, fmpq_poly, fmpz, fmpz_mat, nmod_mat, nmod_poly

from corrector import Polynomial
from corrector.evaluation import square
from corrector.polynomial import exact
from corrector.rational import as_fmpq, from_flint

from .arrays import checked_matrix

if TYPE_CHECKING:
    from jaxtyping import Num

    from corrector.evaluation import Array

_PRIME = 2**61 - 1


def minimal_polynomial(K: Num[Array, "m m"]) -> Polynomial:
    """Return the minimal polynomial of an exact matrix: the monic μ of least degree with μ(K) = 0.

    A polynomial p has p(K) = 0 exactly if μ divides it.

    Args:
        K: one matrix, m by m, of ints and Fractions: nested lists, an object array, or an integer
            array of any library that speaks the array API.

    Raises:
        TypeError: K is floating, or an entry is inexact.
        ValueError: K is not one square matrix of at least 1 by 1.

    Cost: that of FLINT's multimodular algorithm: about 10 ms for 64 by 64 one-digit integers.

    References: F. R. Gantmacher, *The Theory of Matrices*, vol. 1, ch. IV, § 6.

    >>> print(minimal_polynomial([[1, 1, 0], [0, 0, 0], [0, 0, 1]]))
    −x + x²
    """
    K = given_matrix(K)
    if not isinstance(K, fmpq_mat):
        raise TypeError(f"`K` must hold exact numbers, ints or Fractions; got {K.dtype}")
    return Polynomial(from_flint(K.minpoly()))


def given_matrix(K: Any) -> Any:
    """Return one matrix as python-flint's `fmpq_mat` where its entries are exact, else as floating array.

    Raises:
        TypeError: an entry is neither an int nor a Fraction in a matrix that is not floating.
        ValueError: K is not one square matrix of at least 1 by 1, or is floating and not finite.
    """
    rows = square(_without_machine_integers(K))
    if rows.ndim != 2 or 0 in rows.shape:
        raise ValueError(
            f"`K` must be one matrix of at least 1 by 1; got an array of shape {tuple(rows.shape)}"
        )
    if str(rows.dtype) != "object":
        return checked_matrix(K if array_api_compat.is_array_api_obj(K) else rows, half=True)
    entries = [_as_fmpq(entry) for entry in rows.flat]
    return fmpq_mat(len(rows), len(rows), entries)


def annihilates(f: fmpq_poly, K: fmpq_mat) -> bool:
    """Return whether f(K) = 0, that is whether the minimal polynomial μ of K divides f.

    Modulo a prime p that divides no denominator in K, μ annihilates K too, so that the minimal
    polynomial of K modulo p divides it.  Hence, if that does not divide f modulo p, cleared of
    denominators, then by Gauss's lemma μ does not divide f:
    this settles almost every K with f(K) ≠ 0 before the large integers in μ are computed.
    """
    numerator, denominator = K.numer_denom()
    if int(denominator) % _PRIME:
        reduced = nmod_mat(numerator, _PRIME) * pow(int(denominator), -1, _PRIME)
        if nmod_poly([int(c) for c in f.numer().coeffs()], _PRIME) % reduced.minpoly():
            return False
    return not f % K.minpoly()


def multiple_at(f: fmpq_poly, K: fmpq_mat) -> fmpz_mat:
    """Return f(K) times a whole number other than 0 that clears denominators, by Horner's rule."""
    N, denominator = K.numer_denom()
    m = N.nrows()
    eye = fmpz_mat(m, m, [int(i == j) for i in range(m) for j in range(m)])
    value, scale = fmpz_mat(m, m), fmpz(1)
    for c in reversed(f.numer().coeffs()):
        value = value * N + eye * (c * scale)
        scale *= denominator
    return value


def _as_fmpq(entry: Any) -> fmpq:
    return as_fmpq(entry if type(entry) is Fraction else exact(entry, "an entry of `K`"))


def _without_machine_integers(K: Any) -> Any:
    """K, an array of machine integers turned into one of Python's."""
    if not array_api_compat.is_array_api_obj(K) or str(K.dtype) == "object":
        return K
    xp = array_api_compat.array_namespace(K)
    integral = xp.isdtype(K.dtype, "integral")
    return np.array(K.tolist(), dtype=object).reshape(K.shape) if integral else K
