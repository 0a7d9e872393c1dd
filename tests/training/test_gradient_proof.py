"""The gradients of a linear network f(x) = xWᵀ: proved in letters, then by entries, then measured.

In letters V stands for Wᵀ and X for xᵀ, none of them commuting, so that what holds there holds for any
batch and any number of features.
"""

import random
from fractions import Fraction
from functools import reduce
from operator import mul

import pytest
import sympy as sp
import torch
from torch import nn

from corrector import MCWEENY, smoothstep
from tests.training.notes import ELoss
from training import idempotency_loss
from training.figures import modified_gradient, ordinary_gradient

W, V, x, X = sp.symbols("W V x X", commutative=False)
ALPHAS = sp.symbols("α1:5")
DOUBLE = {"dtype": torch.float64}


def words(e):
    """(coefficient, letters) of each term of a sum of products."""
    for term in sp.Add.make_args(sp.expand(e)):
        coefficient, factors = term.args_cnc()
        letters = [f.base if f.is_Pow else f for f in factors for _ in range(f.exp if f.is_Pow else 1)]
        if coefficient != [0]:
            yield sp.Mul(*coefficient), letters


def product(letters):
    return reduce(mul, letters, sp.Integer(1))


def transposed(e, pairs=((W, V), (x, X))):
    swap = dict(pairs) | {b: a for a, b in pairs}
    return sum(c * product(swap.get(a, a) for a in reversed(letters)) for c, letters in words(e))


def gradient(e, weight=W, turned=V, pairs=((W, V), (x, X))):
    """∇ tr(e) in the weight: tr(A·dW·B) = ⟨(BA)ᵀ, dW⟩ and tr(A·dWᵀ·B) = ⟨BA, dW⟩, one by one."""
    total = sp.Integer(0)
    for c, letters in words(e):
        for i, letter in enumerate(letters):
            rest = product(letters[i + 1 :] + letters[:i])
            if letter == weight:
                total += c * transposed(rest, pairs)
            elif letter == turned:
                total += c * rest
    return sp.expand(total)


def corrected(K, alphas=ALPHAS):
    return sum(a * K**i for i, a in enumerate(alphas, start=1))


def whitened(e):
    """The same where xᵀx = 1."""
    total = 0
    for c, letters in words(e):
        kept = []
        for a in letters:
            kept = kept[:-1] if a == x and kept[-1:] == [X] else [*kept, a]
        total += c * product(kept)
    return sp.expand(total)


def test_the_letters_differentiate_as_entries_do():
    size = sp.Matrix(2, 2, sp.symbols("w:4"))
    by_letters = gradient(W * V * W)
    found = sp.Matrix(2, 2, [sp.diff((size * size.T * size).trace(), w) for w in size])
    rebuilt = sum(
        (
            c * reduce(mul, [{W: size, V: size.T}[a] for a in letters], sp.eye(2))
            for c, letters in words(by_letters)
        ),
        sp.zeros(2),
    )
    assert sp.expand(found - rebuilt) == sp.zeros(2)


def test_the_ordinary_gradient_is_the_notes_formula_without_their_x():
    """Below figure 6: (2(xWᵀWᵀ − xWᵀ)·x)ᵀxWᵀ + ((2(…)·x)W − 2(…)·x)ᵀx, where "·x" must read 1/(BD)."""
    entries = sp.symbols("BD", positive=True)
    R = x * V * V - x * V
    G = 2 * R / entries
    printed = transposed(G) * x * V + transposed(G * W - G) * x
    assert sp.expand(gradient(R * transposed(R) / entries) - printed) == 0


def test_inner_and_outer_make_up_the_ordinary_gradient():
    """Weights of its own for each application: through the second's, y held; through y, those held."""
    W1, V1, W2, V2 = sp.symbols("W1 V1 W2 V2", commutative=False)
    pairs = ((W1, V1), (W2, V2), (x, X))
    R = x * V1 * V2 - x * V1
    loss = R * transposed(R, pairs) / 2
    alike = {W1: W, V1: V, W2: W, V2: V}
    inner, outer = (gradient(loss, *pair, pairs).subs(alike) for pair in pairs[:2])
    y, G = x * V, x * V * V - x * V
    assert sp.expand(outer - transposed(G) * y) == 0
    assert sp.expand(inner - transposed(G * W - G) * x) == 0
    assert sp.expand(inner + outer - gradient(G * transposed(G) / 2)) == 0


def test_the_modified_gradient_is_that_of_a_frozen_target_for_every_corrector():
    """∇½‖y − t‖²/B = −(t(y) − y)ᵀx/B = −(g(W) − W)xᵀx/B, which is minus M1's mean (t(y) − y)xᵀ."""
    T, S, B = *sp.symbols("T S", commutative=False), sp.symbols("B", positive=True)
    pairs = ((W, V), (x, X), (T, S))
    loss = (x * V - T) * transposed(x * V - T, pairs) / (2 * B)
    y, t = x * V, sum(a * x * V**i for i, a in enumerate(ALPHAS, start=1))
    found = gradient(loss, pairs=pairs).subs({T: t, S: transposed(t)})
    assert sp.expand(found + transposed(t - y) * x / B) == 0
    assert sp.expand(found + (corrected(W) - W) * X * x / B) == 0


def test_its_field_is_the_transpose_of_a_gradient():
    """With xᵀx = B: −∇ = g(W) − W = (∇ tr G(W))ᵀ, G′(z) = g(z) − z; for 3x² − 2x³, G = −½(z² − z)²."""
    potential = sum(a * W ** (i + 1) / (i + 1) for i, a in enumerate(ALPHAS, start=1)) - W**2 / 2
    assert sp.expand(transposed(gradient(potential)) - (corrected(W) - W)) == 0
    cubic = -((W**2 - W) ** 2) / 2
    assert sp.expand(transposed(gradient(cubic)) - (corrected(W, (0, 3, -2)) - W)) == 0


def test_on_symmetric_weights_and_white_inputs_the_two_rules_are_one():
    R = x * V * V - x * V
    ordinary = whitened(gradient(R * transposed(R) / 2))
    modified = W - corrected(W, (0, 3, -2))
    assert sp.expand(ordinary.subs(V, W) - modified) == 0
    square, spin = W**2 - W, V - W
    assert sp.expand(ordinary - modified - square * spin - spin * square) == 0
    # Of the smoothsteps only the first: the ordinary rule is of degree three.
    assert sp.expand(ordinary.subs(V, W) - (W - corrected(W, smoothstep(2).alphas))) != 0


SYMBOLS = sp.Matrix(2, 2, sp.symbols("a b c d"))


def field(K, alphas=(0, 3, -2)):
    return sum((a * K**i for i, a in enumerate(alphas, start=1)), -K)


def jacobian(values, at):
    return sp.Matrix(list(values)).jacobian(list(at))


def test_no_potential_has_this_gradient():
    """The curl vanishes where W = Wᵀ or W − ½ is antisymmetric, and nowhere else: on no open set."""
    a, b, c, d = SYMBOLS
    J = jacobian(field(SYMBOLS), SYMBOLS)
    curl = [sp.factor(e) for e in J - J.T if sp.expand(e) != 0]
    rest = [sp.cancel(e / (b - c)) for e in curl]
    assert all(sp.fraction(e)[1].is_number for e in rest)  # b = c makes all of it vanish
    assert sp.groebner(rest, a, b, c, d) == sp.groebner([2 * a - 1, b + c, 2 * d - 1], a, b, c, d)


def test_turned_by_a_transpose_it_has_one():
    """J of (g(W) − W)ᵀ is symmetric for every corrector: it is a gradient."""
    J = jacobian(field(SYMBOLS, ALPHAS).T, SYMBOLS)
    assert sp.expand(J - J.T) == sp.zeros(4)
    J = jacobian((field(SYMBOLS) * sp.diag(1, 2)).T, SYMBOLS)  # inputs that are not white: not even so
    assert sp.expand(J - J.T) != sp.zeros(4)


def test_the_printed_factor_x_is_not_what_autograd_multiplies_by():
    """With 1/(BD) in its place the formula is the gradient; with x, entry by entry, it is not."""
    batch = sp.Matrix(2, 2, sp.symbols("x:4"))
    y = batch * SYMBOLS.T
    R = y * SYMBOLS.T - y
    found = sp.Matrix(2, 2, [sp.diff(sum(r**2 for r in R) / 4, w) for w in SYMBOLS])

    def printed(G):
        return G.T * y + (G * SYMBOLS - G).T * batch

    assert sp.expand(found - printed(2 * R / 4)) == sp.zeros(2)
    assert sp.expand(found - printed((2 * R).multiply_elementwise(batch))) != sp.zeros(2)


@pytest.mark.parametrize("seed", range(3))
def test_three_features_in_exact_rationals(seed):
    """By entries: the ordinary formula, and the modified one at the corrector of order 2."""
    draw = random.Random(seed)

    def rationals(rows):
        return sp.Matrix(rows, 3, lambda *_: sp.Rational(Fraction(draw.randint(-9, 9), draw.randint(1, 9))))

    free = sp.Matrix(3, 3, sp.symbols("w:9"))
    at, batch = rationals(3), rationals(2)
    here = dict(zip(free, at, strict=True))
    y = batch * at.T

    def slopes(loss):
        return sp.Matrix(3, 3, [sp.diff(loss, w).subs(here) for w in free])

    R = batch * free.T * free.T - batch * free.T
    G = 2 * (y * at.T - y) / 6
    assert slopes(sum(r**2 for r in R) / 6) == G.T * y + (G * at - G).T * batch
    alphas = smoothstep(2).alphas
    t = sum((sp.Rational(a) * batch * at.T**i for i, a in enumerate(alphas, start=1)), sp.zeros(2, 3))
    held = sum(r**2 for r in batch * free.T - t) / 4
    g = field(at, map(sp.Rational, alphas))
    assert slopes(held) == -(t - y).T * batch / 2 == -g * batch.T * batch / 2


def linear(seed, width=5, batch=3):
    torch.manual_seed(seed)
    net = nn.Linear(width, width, bias=False).double()
    with torch.no_grad():
        net.weight.normal_()
    return net, torch.randn(batch, width, **DOUBLE)


def white(batch, width):
    return torch.linalg.qr(torch.randn(batch, width, **DOUBLE)).Q * batch**0.5


def close(found, expected):
    torch.testing.assert_close(
        found, expected, rtol=1e-12, atol=1e-12 * max(1.0, float(expected.abs().max()))
    )


def grad(loss, net):
    return torch.autograd.grad(loss, net.weight)[0]


@pytest.mark.parametrize("seed", range(4))
def test_autograd_agrees_with_the_formulas_and_the_notes(seed):
    net, batch = linear(seed)
    w, y = net.weight.detach(), net(batch).detach()
    G = 2 * (net(y) - y).detach() / y.numel()
    ordinary = G.T @ y + (G @ w - G).T @ batch
    modified = -(MCWEENY.at_matrix(w) - w) @ batch.T @ batch / len(batch)
    for rule, formula, drawn in (
        ("ordinary", ordinary, ordinary_gradient),
        ("modified", modified, modified_gradient),
    ):
        close(grad(idempotency_loss(net, net(batch), rule=rule, reduction="seed"), net), formula)
        close(grad(ELoss(net, use_mod=rule == "modified")(net(batch)), net), formula)
        close(drawn(net, batch).gradient.detach(), formula)


@pytest.mark.parametrize("seed", range(4))
def test_the_two_rules_agree_on_symmetric_weights(seed):
    net, _ = linear(seed)
    batch = white(8, 5)

    def both():
        return [grad(idempotency_loss(net, net(batch), rule=rule), net) for rule in ("modified", "ordinary")]

    modified, ordinary = both()
    w = net.weight.detach()
    square, spin = w @ w - w, w.T - w
    close(ordinary - modified, square @ spin + spin @ square)
    with torch.no_grad():
        net.weight.copy_((net.weight + net.weight.T) / 2)
    close(*both())


@pytest.mark.parametrize("width", [3, 4])
def test_the_curl_of_more_features_vanishes_at_the_same_weights(width):
    w = linear(0, width)[0].weight.detach()
    half = torch.eye(width, **DOUBLE) / 2
    for at, curls in ((w, True), (w + w.T, False), (half + w - w.T, False), (w @ w, True)):
        slopes = torch.autograd.functional.jacobian(lambda k: MCWEENY.at_matrix(k) - k, at)
        J = slopes.reshape(width**2, width**2)
        assert (float((J - J.T).abs().max()) > 1e-10 * float(J.abs().max())) == curls


@pytest.mark.parametrize("order", [1, 2, 3])
def test_the_potential_measured(order):
    """Slopes of tr G(W), transposed, are minus the modified gradient; and it may fall along the rule."""
    g = smoothstep(order)
    net, _ = linear(order, width=4)
    batch = white(9, 4)
    w = (net.weight.detach() * 0.5).requires_grad_()
    with torch.no_grad():
        net.weight.copy_(w)
    powers = [torch.linalg.matrix_power(w, i + 1) * (float(a) / (i + 1)) for i, a in enumerate(g.alphas, 1)]
    (slopes,) = torch.autograd.grad(torch.trace(sum(powers) - w @ w / 2), w)
    close(-grad(idempotency_loss(net, net(batch), g), net), slopes.T)
    spin = torch.tensor([[0.5, 0.4], [-0.4, 0.5]], **DOUBLE)
    step = g.at_matrix(spin) - spin
    assert float(torch.trace(step @ step)) < 0  # the rate at which the potential grows under W′ = g(W) − W
