import numpy as np
import pytest
import torch
from hypothesis import assume, example, given
from hypothesis import strategies as st

from analysis import Status, iterate, schedule, sides, spectral_gap, spectral_projector
from corrector import Corrector, smoothstep
from tests.problems import jordan, oblique, with_spectrum
from tests.problems import spectral_projector as by_schur
from tests.truth import spectral_distance

U = 2.0**-53

values = st.lists(st.floats(-10, 10), min_size=1, max_size=8)


@given(values, st.floats(-5, 5), st.integers(0, 9))
def test_the_gap_of_a_hermitian_matrix_is_bounded(values, at, seed):
    values = np.array(values)
    assume((np.abs(values - at) > 1e-3).all())
    below, above, (low, high) = spectral_gap(with_spectrum(values, seed), at)
    assert below < at < above
    assert not ((values > below + 1e-9) & (values < above - 1e-9)).any()
    assert low <= values.min() <= values.max() <= high
    if (values < at).any() and (values > at).any():
        gap = values[values > at].min() - values[values < at].max()
        assert above - below >= 0.98 * gap


@pytest.mark.parametrize("complex_numbers", [False, True])
def test_large_matrices_are_bounded_by_lanczos(complex_numbers):
    rng = np.random.default_rng(3)
    values = np.r_[rng.uniform(-3, 0.1, 90), rng.uniform(0.4, 2, 60)]
    Q = rng.standard_normal((150, 150)) + 1j * complex_numbers * rng.standard_normal((150, 150))
    Q = np.linalg.qr(Q if complex_numbers else Q.real)[0]
    K = (Q * values) @ Q.conj().T
    K = (K + K.conj().T) / 2
    below, above, (low, high) = spectral_gap(K, 0.2)
    assert below == pytest.approx(values[values < 0.2].max(), abs=0.01)
    assert above == pytest.approx(values[values > 0.2].min(), abs=0.01)
    assert low <= values.min() <= low + 0.1
    assert high - 0.1 <= values.max() <= high
    solution = spectral_projector(K, 0.2)
    assert (solution.status, solution.spectral, solution.inversions) == (Status.CONVERGED, True, 0)
    assert np.linalg.norm(solution.value - by_schur(K + 0.3 * np.eye(150))) < 1e-11


@given(values, st.floats(-5, 5), st.integers(0, 9))
def test_hermitian_matrices_are_parted_by_a_schedule(values, at, seed):
    values = np.array(values)
    assume((np.abs(values - at) > 1e-3).all())
    K = with_spectrum(values, seed)
    solution = spectral_projector(K, at)
    assert (solution.status, solution.spectral) == (Status.CONVERGED, True)
    assert np.trace(solution.value) == pytest.approx((values > at).sum())
    assert np.array_equal(solution.value, solution.value.T)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("field", ["real", "complex"])
def test_any_matrix_is_parted_by_newton(seed, field):
    rng = np.random.default_rng(seed)
    m = int(rng.integers(1, 30))
    K = 10 ** rng.uniform(-2, 2) * rng.standard_normal((m, m))
    K = K + 1j * rng.standard_normal((m, m)) if field == "complex" else K
    at = float(rng.normal())
    assume_apart(K, at)
    solution = spectral_projector(K, at)
    P = by_schur(K + (0.5 - at) * np.eye(m))
    assert solution.converged
    assert solution.spectral is not False
    assert np.linalg.norm(solution.value - P) <= 1e-8 * max(np.linalg.norm(P, 2), 1) ** 2


def assume_apart(K, at):
    if (np.abs(np.linalg.eigvals(K).real - at) < 1e-3).any():
        pytest.skip("an eigenvalue next to the line")


def test_what_correctors_send_astray_newton_does_not():
    K = np.array([[-0.5, 9.0], [0.0, 0.9]])
    with pytest.warns(UserWarning, match="the limit is idempotent, but not the spectral projector"):
        assert np.trace(iterate(K).value) == pytest.approx(2)
    solution = spectral_projector(K)
    assert np.trace(solution.value) == pytest.approx(1)
    assert solution.inversions > 0
    assert solution.spectral is True  # in the inner product in which the projector is orthogonal
    rotation = np.array([[0.6, -5.0], [5.0, 0.6]])  # 0.6 ± 5i
    assert iterate(rotation).status == Status.DIVERGED
    assert np.trace(spectral_projector(rotation).value) == pytest.approx(2)


def test_near_a_projector_products_are_enough():
    K = oblique(20, 8, 5.0) + 1e-4
    solution = spectral_projector(K)
    assert (solution.inversions, solution.spectral) == (0, True)
    assert solution.products == iterate(K).products


def turned(degrees, size=0.4):
    """Real matrices with eigenvalues ½ ± size·e^{±iφ}, φ this many degrees."""
    c, s = size * np.cos(np.deg2rad(degrees)), size * np.sin(np.deg2rad(degrees))
    pair = np.array([[c, -s], [s, c]])
    return 0.5 * np.eye(4) + np.kron(np.diag([1.0, -1.0]), pair)


@pytest.mark.parametrize(("degrees", "inverses"), [(0.1, 0), (30, 0), (44, 0), (46, 1), (70, 1), (89, 1)])
@pytest.mark.parametrize("size", [1e-3, 0.4, 3.0])
def test_in_a_sector_products_are_enough(degrees, inverses, size):
    K = turned(degrees, size)
    solution = spectral_projector(K)
    assert (solution.converged, solution.spectral) == (True, True)
    assert (solution.inversions > 0) == inverses
    assert np.linalg.norm(solution.value - np.diag([1, 1, 0, 0])) < 1e-13


@pytest.mark.parametrize(("order", "half_angle"), [(1, 52), (2, 50.5), (4, 49.25), (8, 48.25)])
def test_sectors_of_smoothsteps(order, half_angle):
    g, size = smoothstep(order), 1e-3 * np.geomspace(1, 2.5, 60)[:, None]

    def to_the_right(degrees, size):
        z = 0.5 + size * np.exp(1j * np.deg2rad(degrees))
        with np.errstate(over="ignore", invalid="ignore"):
            for _ in range(80):
                z = g(z)
        return np.abs(z - 1) < 1e-9

    angles = np.linspace(0, 60, 481)
    wrong = angles[~to_the_right(angles, size).all(axis=0)]
    assert wrong.min() == pytest.approx(half_angle, abs=0.6)
    # After scaling |z − ½| ≤ ¼: the whole of that part of the disc goes there, not only next to ½.
    assert to_the_right(np.linspace(-45, 45, 181), np.linspace(1e-3, 0.25, 300)[:, None]).all()


def test_which_side_eigenvalues_are_on_is_proved_far_from_normal():
    rng = np.random.default_rng(4)
    for m in (5, 30, 120):
        K = rng.standard_normal((m, m)) / np.sqrt(m)
        assert spectral_projector(K, 0.0).spectral is True
    K, turned_round = np.array([[[0.1, 50.0], [0.0, 0.9]]]), np.array([[[1.0, -62.5], [0.0, 0.0]]])
    assert sides.belongs(K, spectral_projector(K[0]).value[None])[0] == [True]
    assert sides.belongs(K, turned_round)[0] == [False]


def hidden(n, c, value, seed, share):
    """A matrix of dyadic entries with one eigenvalue, in one Jordan block that no zeros show."""
    rng = np.random.default_rng(seed)
    E = np.zeros((n, n))
    E[n // 2 :, : n // 2] = rng.integers(-1, 2, (n - n // 2, n // 2)) * (
        rng.random((n - n // 2, n // 2)) < share
    )
    return (np.eye(n) - E) @ (value * np.eye(n) + c * np.eye(n, k=1)) @ (np.eye(n) + E)


@pytest.mark.parametrize("n", [6, 12, 20, 30])
@pytest.mark.parametrize("c", [0.125, 0.25, 0.5])
@pytest.mark.parametrize("value", [0.5 + 2.0**-5, 0.875])
def test_defective_eigenvalues_are_not_seen_where_they_are_not(n, c, value):
    """Computed ones lie as far off as u^(1/n): on the other side, or in the gap."""
    for seed in range(3):
        K = hidden(n, c, value, seed, 0.25)
        assert sides.belongs(K[None], np.eye(n)[None])[0] != [False]
        plan = schedule(0.5, value - 1e-2, (-0.25, 1.5))
        assert iterate(K, schedule=plan).status != Status.CONTRADICTED


@pytest.mark.parametrize("value", [0.5, 0.4999, 0.45])
@pytest.mark.parametrize("m", [40, 100, 300])
def test_an_eigenvalue_in_the_middle_of_the_gap_is_found(m, value):
    rng = np.random.default_rng(m)
    Q = np.linalg.qr(rng.standard_normal((m, m)))[0]
    values = [value, *rng.uniform(0, 0.3, m // 2 - 1), *rng.uniform(0.7, 1, m - m // 2)]
    K = Q @ (np.diag(values) + 1e-4 * np.triu(rng.standard_normal((m, m)), 1)) @ Q.T
    assert iterate(K, schedule=schedule(0.35, 0.65)).status == Status.CONTRADICTED


@given(st.integers(2, 10), st.floats(0, 4), st.integers(0, 99), st.booleans())
@example(2, 4.0, 1, False)
def test_more_is_allowed_for_than_rounding_makes(m, power, seed, complex_numbers):
    """|(K − ½I)(2P − I)| as computed and as it is, P from the iteration and P in ball arithmetic."""
    rng = np.random.default_rng(seed)
    P = oblique(m, int(rng.integers(1, m)), 10**power, seed)
    noise = rng.standard_normal((m, m)) + (1j * rng.standard_normal((m, m)) if complex_numbers else 0)
    K = P + 1e-2 * noise / np.linalg.norm(noise, 2) / 10**power
    found = iterate(K).value
    _, difference = spectral_distance(K, found)
    made = np.linalg.norm((K - np.eye(m) / 2) @ (2 * difference), 2)
    assert made <= sides.slack(K[None], found[None], 0.5)[0]


def test_eigenvalues_that_rounding_may_move_across_are_on_no_side():
    A = np.array([[1e-3, 1.0], [0.0, 1e-3]])  # moved by 10⁻⁶ they may lie on the line
    assert sides.all_to_the_right(A, 1e-9) is True
    assert sides.all_to_the_right(A, 1e-5) is None
    assert sides.all_to_the_right(-A, 1e-9) is False
    assert sides.all_to_the_right(np.diag([1.0, -1.0]), 0.0) is not True  # the equation has no solution
    assert sides.all_to_the_right(np.zeros((2, 2)), 0.0) is None
    assert sides.all_to_the_right(np.diag([1e-20, 1.0]), 0.0) is None  # X = diag(5·10¹⁹, ½), to 16 digits


def test_the_inner_product_in_which_a_projector_is_orthogonal_decides_alone(monkeypatch):
    monkeypatch.setattr(sides, "_LYAPUNOV", 0)
    P = oblique(30, 12, 30.0)
    K = 0.7 * P + 0.2 * (np.eye(30) - P)
    assert sides.belongs(K[None], P[None]) == ([True], 3)
    assert sides.belongs(K[None], (np.eye(30) - P)[None]) == ([False], 3)


def test_the_line_may_lie_elsewhere():
    K = oblique(20, 8, 5.0) + 0.3 * np.eye(20)
    solution = spectral_projector(K, 0.8)
    assert (solution.inversions, solution.spectral) == (0, True)
    assert np.linalg.norm(solution.value - by_schur(K - 0.3 * np.eye(20))) < 1e-10


@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6])
def test_scaling_keeps_inverses_few(size):
    T = np.eye(8) + np.triu(np.ones((8, 8)), 1)
    K = np.linalg.solve(T, np.diag([-9.0, -5, -3, -1, 1, 2, 6, 8]) @ T) * size
    solution = spectral_projector(K, 0)
    assert solution.converged
    assert 1 < solution.inversions <= 12


@pytest.mark.parametrize(
    ("K", "status"),
    [
        (0.5 * np.eye(3), Status.STALLED),
        (jordan(0.5, 2), Status.STALLED),
        (np.array([[0.5, -1.0], [1.0, 0.5]]), None),
        (np.array([[0.5 + 1e-15, 1.0], [0.0, 0.3]]), Status.WRONG_SIDE_RISK),
        (np.diag([0.5, 0.7]), Status.STALLED),
    ],
)
@pytest.mark.parametrize("xp", [np.asarray, torch.from_numpy])
def test_eigenvalues_on_the_line_are_not_parted(K, status, xp):
    solution = spectral_projector(xp(K))
    assert not solution.converged
    assert solution.spectral is None
    if status:
        assert solution.status == status


@given(st.integers(0, 99))
def test_tensors_and_single_precision(seed):
    K = np.random.default_rng(seed).standard_normal((6, 6))
    assume((np.abs(np.linalg.eigvals(K).real - 0.5) > 0.05).all())
    solution = spectral_projector(torch.from_numpy(K).to(torch.float32))
    assert solution.value.dtype == torch.float32
    if solution.converged:
        P = by_schur(K)
        assert np.linalg.norm(solution.value.numpy() - P) <= 1e-2 * max(np.linalg.norm(P, 2), 1) ** 2


def test_the_corrector_that_finishes_may_be_chosen():
    K = np.array([[2.0, 3.0], [0.0, -1.0]])
    assert spectral_projector(K, g=smoothstep(2)).converged


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: spectral_projector(np.ones((2, 2, 2))), ValueError, "one matrix; got an array of shape"),
        (lambda: spectral_projector(np.eye(2), "x"), TypeError, "`at` must be a real number"),
        (lambda: spectral_projector(np.eye(2) + 1, g=Corrector((0, 1))), ValueError, "order 1 or more"),
        (lambda: spectral_projector(np.array([[np.nan]])), ValueError, "must be finite"),
        (lambda: spectral_gap(np.array([[1.0, 2.0], [0.0, 1.0]])), ValueError, "must be Hermitian"),
        (lambda: spectral_gap(np.diag([0.5, 0.7])), ValueError, "no eigenvalue at 0.5, .*; got one 0 away"),
        (lambda: spectral_gap(0.5 * np.eye(70)), ValueError, "no eigenvalue at 0.5, .*; got one 0 away"),
        (lambda: spectral_gap(np.eye(2, dtype=int)), TypeError, "floating-point"),
    ],
)
def test_mistakes_are_named(call, error, words):
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize("kappa", [1.0, 10.0, 1e3])
def test_schedules_part_oblique_matrices_too(kappa):
    rng = np.random.default_rng(2)
    P = oblique(30, 12, kappa, 4)
    noise = rng.uniform(0, 0.2, 30)
    K = P @ np.diag(1 - noise) @ P + (np.eye(30) - P) @ np.diag(noise) @ (np.eye(30) - P)
    spectrum = np.linalg.eigvals(K)
    if not (np.abs(spectrum.imag).max() < 1e-9 and (np.abs(spectrum.real - 0.5) > 0.2).all()):
        K = P @ (0.9 * np.eye(30)) @ P + (np.eye(30) - P) * 0.2
    solution = iterate(K, schedule=schedule(0.3, 0.7, (-0.2, 1.2)))
    assert solution.converged
    assert solution.spectral is not False
    assert np.linalg.norm(solution.value - by_schur(K), 2) <= 100 * kappa**3 * U * 30


def test_an_eigenvalue_in_the_gap_of_an_oblique_matrix_is_found():
    T = np.eye(3) + np.triu(np.ones((3, 3)), 1)
    K = np.linalg.solve(T, np.diag([0.1, 0.48, 0.9]) @ T)
    assert iterate(K, schedule=schedule(0.45, 0.55)).status == Status.CONTRADICTED
    K = np.linalg.solve(T, np.diag([0.1, 0.3, 0.9]) @ T)
    assert iterate(K, schedule=schedule(0.45, 0.55)).status == Status.CONVERGED


@pytest.mark.parametrize("coupling", [0, 1e-9, 1e-3, 0.3])
@pytest.mark.parametrize("value", [0.46, 0.48, 0.52, 0.54])
def test_a_wrong_gap_is_reported_of_any_matrix(coupling, value):
    K = np.diag([0.1, value, 0.9])
    K[0, 1] = coupling
    solution = iterate(K, schedule=schedule(0.45, 0.55))
    assert solution.status == Status.CONTRADICTED
    assert solution.spectral is None


@pytest.mark.parametrize(
    "values",
    [
        np.r_[np.geomspace(1e-14, 1e-3, 150), np.linspace(0.9, 1, 50)],
        np.zeros(70),
        np.ones(70),
        1 / (1 + np.exp(-np.linspace(-40, 40, 200))),
    ],
    ids=["occupied and not", "zero", "identity", "Fermi"],
)
def test_crowded_ends_of_a_spectrum_are_found(values):
    K = with_spectrum(values)
    solution = spectral_projector(K)
    assert (solution.converged, solution.spectral) == (True, True)
    assert np.trace(solution.value) == pytest.approx((values > 0.5).sum())


@pytest.mark.parametrize("size", [1e-300, 1e-200, 1e-20, 1e20, 1e160, 1e300])
@pytest.mark.parametrize("K", [np.array([[2.0, 3.0], [0.0, -1.0]]), np.diag([-1.0, -0.5, 0.3, 2.0])])
def test_large_and_small_numbers_are_parted_alike(size, K):
    solution = spectral_projector(K * size, 0)
    assert (solution.converged, solution.spectral) == (True, True)
    np.testing.assert_allclose(solution.value, spectral_projector(K, 0).value, atol=1e-14)
