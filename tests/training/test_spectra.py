"""Spectra of linear networks under the modified rule: the flow, and the ranks it predicts."""

import numpy as np
import pytest
import scipy.integrate
import torch

from training import network
from training.rules.loss import idempotency_loss
from training.sweeping.plotting import spectrum
from training.sweeping.spectra import Spectra, _rows, trained


def test_ranks_are_predicted_from_first_spectra():
    """10 000 seeds: python -m tests.benchmarks.spectra."""
    found = trained(range(300))
    assert found.share >= 0.98
    assert 0.3 < (found.predicted > 0).mean() < 0.45
    assert set(found.reached[found.arrived]) <= {0, 1, 2, 3}


def test_eigenvalues_follow_the_flow():
    seeds, rate, steps = range(40), 0.01, 200
    found = trained(seeds, rate=rate, steps=steps, batch=10**6)

    def flow(_, z):
        return -z * (1 - z) * (1 - 2 * z)

    for W, last in zip(found.first, found.last, strict=True):
        start = np.linalg.eigvals(W)
        end = scipy.integrate.solve_ivp(flow, (0, rate * steps), start.astype(complex), rtol=1e-8).y[:, -1]
        reached = np.linalg.eigvals(last)
        assert max(np.abs(reached - z).min() for z in end) < 0.02 * max(
            1, np.linalg.cond(np.linalg.eig(W)[1]) / 10
        )


def test_few_rows_stand_for_a_batch():
    """The rule sees a batch by xxᵀ alone: its triangular factor, scaled, gives the same gradient."""
    torch.manual_seed(0)
    net = network("N1").double()
    x = torch.randn(1000, 5, dtype=torch.float64)
    factor = torch.linalg.qr(x).R * (5 / 1000) ** 0.5
    slopes = []
    for rows in (x, factor):
        net.zero_grad()
        idempotency_loss(net, net(rows)).backward()
        slopes.append(net[0].weight.grad.clone())
    torch.testing.assert_close(*slopes, rtol=1e-11, atol=1e-13)


def test_the_rows_are_distributed_as_a_batchs():
    """xxᵀ/B of N(0, I) has mean I and variances (1 + δ_ij)/B; and its determinant's mean is known."""
    B, m = 40, 3
    rows = _rows(20_000, m, B, torch.Generator().manual_seed(0))
    S = (rows.mT @ rows / m).numpy()
    np.testing.assert_allclose(S.mean(0), np.eye(m), atol=5 / (B * 20_000) ** 0.5)
    np.testing.assert_allclose(S.var(0), (1 + np.eye(m)) / B, rtol=0.08)
    determinant = np.prod([(B - i) / B for i in range(m)])
    assert np.linalg.det(S).mean() == pytest.approx(determinant, rel=0.02)


def test_what_has_not_arrived_has_no_rank():
    flat = np.diag([1.0, 0.0])
    W = np.stack([flat, 0.5 * np.eye(2), np.full((2, 2), np.nan)])
    found = Spectra(np.stack([flat] * 3), W)
    assert found.reached.tolist() == [1, -1, -1]
    assert found.predicted.tolist() == [1, 1, 1]
    assert found.share == pytest.approx(1 / 3)


def test_the_share_that_is_done_is_told():
    shares = []
    trained(range(2), steps=4, progress=shares.append)
    assert shares == [0.25, 0.5, 0.75, 1]


def test_eigenvectors_stay_and_tell_which_eigenvalue_went_where():
    found = trained(range(100))
    at_end = found.last_eigenvalues()[found.arrived]
    assert (np.abs(at_end.round().real - at_end) < 0.1).mean() > 0.95
    assert ((at_end.real > 0.5).sum(1) == found.reached[found.arrived]).mean() > 0.95


def test_the_picture_counts_every_run():
    found = trained(range(60), steps=700)
    plane, ends, table = spectrum(found).axes
    for ax in (plane, ends):
        drawn = np.sort(np.concatenate([line.get_xdata() for line in ax.lines[:3]]))
        np.testing.assert_array_equal(drawn, np.sort(found.eigenvalues.real.ravel()))
    zero, one, lost = ends.lines[:3]
    assert (zero.get_ydata() < 0.1).all()
    assert (one.get_ydata() > 0.9).all()
    assert len(lost.get_xdata()) == 5 * (~found.arrived).sum()
    np.testing.assert_array_equal(ends.lines[3].get_ydata(), [0, 0, 1, 1])  # predicted, with a step at ½
    assert sum(int(text.get_text()) for text in table.texts) == 60
    assert table.get_title() == f"{found.share:.2%} of 60 runs on the diagonal"


@pytest.mark.parametrize(
    ("options", "words"),
    [({"batch": 4}, "at least the number of features, 5; got 4"), ({"name": "N2"}, "one square")],
)
def test_mistakes_are_named(options, words):
    with pytest.raises(ValueError, match=words):
        trained(range(2), steps=1, **options)
