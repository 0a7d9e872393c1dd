r"""Sums and products of matrices as plans ask for them, without idle passes over memory.

A product of m by m matrices takes 2m³ operations, a pass over one matrix m² numbers of memory: at
m = 2000 on a few cores some hundredths of a product's time.  A step written down with operators makes
half a dozen passes for each product, each into memory that is fetched anew.  Here a product and what is
added to it are one call, done piece by piece, each piece while it is in the cache.

For Hermitian matrices that commute the product is Hermitian too, and half of it is enough:
`HermitianMatrices` computes it in strips from the diagonal to the right, in (p + 1)/2p of the
operations with p strips, and mirrors them.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import array_api_compat
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .evaluation import Array

Terms: TypeAlias = "Sequence[tuple[Fraction, Any]]"
"""Σ c·x over (c, x), at least one."""

_CHUNK = 2**15
"""Numbers worked on at a time: 256 KiB of float64 stay in a core's cache."""

_STRIPS = 8
_STRIP = 256
"""Strips are at least so high: thinner ones are not multiplied at full speed."""

_ONE = Fraction(1)

_TILE = 128
"""Rows that are mirrored at a time: whole columns would be fetched from memory again and again."""


class Arithmetic(Protocol):
    """What a plan asks of the algebra it is evaluated in."""

    def product(self, left: Any, right: Any, scale: Fraction, plus: Terms) -> Any:
        """Return scale·left·right + Σ c·x; `plus` may be empty."""

    def sum(self, terms: Terms) -> Any:
        """Return Σ c·x, never one of the x itself."""


class Elements:
    """The elements of any algebra over the rationals: they add, and scalars multiply them from the left."""

    def __init__(self, times: Callable[[Any, Any], Any], scalar: Callable[[Fraction], Any]) -> None:
        self.times, self.scalar = times, scalar

    def product(self, left: Any, right: Any, scale: Fraction, plus: Terms) -> Any:
        """Return scale·left·right + Σ c·x."""
        value = self._scaled(scale, self.times(left, right))
        for c, x in plus:
            value = value + self._scaled(c, x)
        return value

    def sum(self, terms: Terms) -> Any:
        """Return Σ c·x."""
        (c, first), *rest = terms
        value = self.scalar(c) * first
        for c, x in rest:
            value = value + self._scaled(c, x)
        return value

    def _scaled(self, c: Fraction, x: Any) -> Any:
        return x if c == 1 else self.scalar(c) * x


class Matrices:
    """Floating-point arrays (*batch, m, m) that can be written to, on one device."""

    def __init__(self, like: Array) -> None:
        self.xp = array_api_compat.array_namespace(like)
        on_host = str(array_api_compat.device(like)) == "cpu"
        self.chunk = _CHUNK if on_host else None

    def product(self, left: Array, right: Array, scale: Fraction, plus: Terms) -> Array:
        """Return scale·left·right + Σ c·x."""
        return self._finished(left @ right, scale, plus)

    def sum(self, terms: Terms) -> Array:
        """Return Σ c·x."""
        (c, first), *rest = terms
        value = self.xp.reshape(self.xp.empty_like(first), (-1,))
        for out, start, *parts in self._pieces(value, first, *(x for _, x in rest)):
            out[...] = start
            _scale(out, c)
            _add(out, rest, parts)
        return self.xp.reshape(value, first.shape)

    def _finished(self, value: Array, scale: Fraction, plus: Terms) -> Array:
        """Make scale·value + Σ c·x of the value."""
        flat = self.xp.reshape(value, (-1,))  # a copy, if its axes lie in another order
        for out, *parts in self._pieces(flat, *(x for _, x in plus)):
            _scale(out, scale)
            _add(out, plus, parts)
        return self.xp.reshape(flat, value.shape)

    def _pieces(self, flat: Array, *matrices: Array) -> Iterator[list[Array]]:
        """The first array, which is flat, and the matrices flattened, a chunk of each at a time."""
        arrays = [flat, *(self.xp.reshape(x, (-1,)) for x in matrices)]
        step = self.chunk or flat.shape[0]
        for start in range(0, flat.shape[0], step):
            yield [x[start : start + step] for x in arrays]


class HermitianMatrices(Matrices):
    """Hermitian matrices all of which commute; products are made Hermitian to the bit.

    With `mean` a product AB of two different ones becomes (AB + BA)/2, at the cost of the whole of it:
    the anticommutator form.  A square, and without `mean` all else, is the mirrored half.
    """

    def __init__(self, like: Array, *, mean: bool) -> None:
        super().__init__(like)
        self.mean = mean
        self.conjugate = self.xp.isdtype(like.dtype, "complex floating")

    def product(self, left: Array, right: Array, scale: Fraction, plus: Terms) -> Array:
        """Return scale·left·right + Σ c·x, Hermitian."""
        m = left.shape[-1]
        height = max(_STRIP, -(-m // _STRIPS))
        if (self.mean and left is not right) or height >= m:
            return self._finished(self.symmetrised(left @ right), scale, plus)
        value = self.xp.empty_like(left)
        for i in range(0, m, height):
            strip = left[..., i : i + height, :] @ right[..., :, i:]
            _scale(strip, scale)
            _add(strip, plus, [x[..., i : i + height, i:] for _, x in plus])
            self._write(value, strip, i)
        return value

    def symmetrised(self, value: Array) -> Array:
        """Return (A + A*)/2 in place of A."""
        m = value.shape[-1]
        height = min(m, _TILE)
        for i in range(0, m, height):
            strip = value[..., i : i + height, i:] + self._adjoint(value[..., i:, i : i + height])
            strip *= 0.5
            self._write(value, strip, i)
        return value

    def _write(self, value: Array, strip: Array, i: int) -> None:
        """Write rows i, i + 1, … from the diagonal on, and their mirror image."""
        height = strip.shape[-2]
        corner = strip[..., :, :height]
        value[..., i : i + height, i + height :] = strip[..., :, height:]
        value[..., i : i + height, i : i + height] = (corner + self._adjoint(corner)) / 2
        value[..., i + height :, i : i + height] = self._adjoint(strip[..., :, height:])

    def _adjoint(self, x: Array) -> Array:
        x = self.xp.matrix_transpose(x)
        return self.xp.conj(x) if self.conjugate else x


class Tangents:
    """Pairs (X, Ẋ): a matrix and how it changes as the matrix that all are polynomials of moves along Ẋ.

    (XY)˙ = XẎ + ẊY, in two products of its own, or in one for the square of a Hermitian matrix, whose
    derivative is XẊ + (XẊ)*.  What a plan makes of (K, E) is g(K) and its Fréchet derivative at K in
    the direction E.  (N. J. Higham, *Functions of Matrices*, SIAM 2008, section 3.2.)

    `spent` counts the products of matrices.
    """

    def __init__(self, like: Array, *, hermitian: bool) -> None:
        self.values, self.slopes = arithmetic_of(like, hermitian=hermitian, mean=False), arithmetic_of(like)
        self.halves = self.values if isinstance(self.values, HermitianMatrices) else None
        self.spent = 0

    def product(self, left: Any, right: Any, scale: Fraction, plus: Terms) -> Any:
        """Return scale·left·right + Σ c·x."""
        (X, dX), (Y, dY) = left, right
        value = self.values.product(X, Y, scale, [(c, x) for c, (x, _) in plus])
        rest = [(c, dx) for c, (_, dx) in plus]
        self.spent += 2
        if left is right and self.halves is not None:
            twice = self.halves.symmetrised(self.slopes.product(X, dX, 2 * scale, ()))
            return value, self.slopes.sum([(_ONE, twice), *rest]) if rest else twice
        self.spent += 1
        slope = self.slopes.product(X, dY, scale, rest)
        return value, self.slopes.product(dX, Y, scale, ((_ONE, slope),))

    def sum(self, terms: Terms) -> Any:
        """Return Σ c·x."""
        return (
            self.values.sum([(c, x) for c, (x, _) in terms]),
            self.slopes.sum([(c, dx) for c, (_, dx) in terms]),
        )


def gathered(x: Array) -> np.ndarray[Any, Any]:
    """Return the whole of an array in this process's memory, from its device or from all processes."""
    x = x.full_tensor() if is_spread(x) else x
    elsewhere = array_api_compat.is_torch_array(x) or array_api_compat.is_cupy_array(x)
    return np.asarray(array_api_compat.to_device(x, "cpu") if elsewhere else x)


def is_spread(x: Array) -> bool:
    """Return whether the array is spread over several processes, as torch's `DTensor` is."""
    return hasattr(x, "full_tensor")


def is_hermitian(K: Array) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return which matrices are Hermitian to the bit: an array (*batch,) on the host."""
    xp = array_api_compat.array_namespace(K)
    complex_numbers = xp.isdtype(K.dtype, "complex floating")
    found = np.ones(K.shape[:-2], dtype=bool)
    m = K.shape[-1]
    for i in range(0, m, _TILE):
        end = min(i + _TILE, m)
        mirrored = xp.matrix_transpose(K[..., i:, i:end])
        same = K[..., i:end, i:] == (xp.conj(mirrored) if complex_numbers else mirrored)
        same = xp.all(xp.all(same, axis=-1), axis=-1)
        found &= gathered(same)
        if not found.any():
            break
    return found


def arithmetic_of(K: Array, *, hermitian: bool = False, mean: bool = True) -> Arithmetic:
    """Return the arithmetic for floating-point matrices like K: in place wherever they can be written to."""
    if not array_api_compat.is_writeable_array(K) or is_spread(K):
        return Elements(lambda a, b: a @ b, float)
    return HermitianMatrices(K, mean=mean) if hermitian else Matrices(K)


def _scale(out: Array, c: Fraction) -> None:
    if c != 1:
        out *= float(c)


def _add(out: Array, terms: Terms, parts: Sequence[Array]) -> None:
    """Add the terms' parts, in place."""
    for (c, _), x in zip(terms, parts, strict=True):
        if c == 1:
            out += x
        elif c == -1:
            out -= x
        else:
            out += float(c) * x
