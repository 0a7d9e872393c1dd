"""A deliberately broken copy of each formula, shown to fail the tests: a sign, an index, a missing detach.

Each mutant is the packages with one text replaced, in a folder of its own, under the tests named
beside it.  A mutant that the tests let live is a test that is missing.
"""

import multiprocessing
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
POLYNOMIAL = "tests/corrector/test_polynomial.py"
ANSATZ = "tests/corrector/test_ansatz.py"
ITERATION = "tests/analysis/test_iteration.py"
CERTIFICATE = "tests/analysis/test_certificate.py"
PLAN = "tests/corrector/test_plan.py"
ALGEBRA = "tests/corrector/test_algebra.py"
CATALOG = "tests/corrector/test_catalog.py"
LET_GO = PLAN + "::test_matrices_are_let_go_of_after_their_last_use"
LOSSY = PLAN + "::test_a_head_that_would_lose_digits_is_not_taken"
PREMISE = "tests/corrector/test_premise.py"
REACH = "tests/corrector/test_reach.py"
CHOICE = "tests/corrector/test_choice.py"
DOMINATED = CHOICE + "::test_order_three_is_dominated_by_order_four_among_smoothsteps"
REMAINDER = "tests/corrector/test_derivation.py::test_a_remainder_is_never_passed_over"
DERIVATION = "tests/corrector/test_derivation.py"
FIXED = "tests/analysis/test_fixedpoint.py"
STABLE = "tests/analysis/test_stability.py"
CYCLES = "tests/analysis/test_cycles.py"
JORDAN = "tests/analysis/test_jordan.py"
BASIN = "tests/analysis/test_basin.py"
TRAPS = "tests/analysis/test_traps.py"
ENCLOSURE = "tests/analysis/test_enclosure.py"
KERNEL = "tests/analysis/test_kernel.py"
RADIUS = "tests/analysis/test_radius.py"
ATTAINED = RADIUS + "::test_matrices_nearer_converge_and_the_one_given_does_not"
SCHEDULE = "tests/analysis/test_scheduling.py"
ARITHMETIC = "tests/corrector/test_arithmetic.py"
PROJECTOR = "tests/analysis/test_projector.py"
REFINEMENT = "tests/analysis/test_refinement.py"
VERIFY = "tests/analysis/test_verification.py"
STRATEGY = "tests/analysis/test_strategies.py"
BROKEN_LAWS = VERIFY + "::test_broken_laws_are_found_and_named"
NETWORKS = VERIFY + "::test_networks_are_held_to_more"
PROJECTING = VERIFY + "::test_networks_that_project_pass_in_every_precision"
TOLD_APART = VERIFY + "::test_arithmetic_and_mathematics_are_told_apart"
CLAIMS = "tests/analysis/test_claims.py"
AUDIT = "tests/analysis/test_audit.py"
RULES = "tests/training/test_rules.py"
MEASURES = "tests/training/test_measures.py"
ENSEMBLE = "tests/training/test_ensemble.py"
COMPARE = "tests/training/test_comparison.py"
STATISTICS = "tests/training/test_statistics.py"
GRAPHS = "tests/training/test_graphs.py"
PROOF = "tests/training/test_gradient_proof.py"
PARAMETRIZATION = "tests/training/test_parametrization.py"

MUTANTS = [
    # file, text, what it becomes, tests that must fail
    ("corrector/evaluation.py", "quotient[i - 2] = -rest[i]", "quotient[i - 2] = rest[i]", POLYNOMIAL),
    ("corrector/evaluation.py", "r = x - x * x", "r = x * x - x", POLYNOMIAL),
    ("corrector/plan.py", "a + b / 2) for a, b", "a - b / 2) for a, b", PLAN),
    ("corrector/plan.py", '[("K", 2 * c), ("I", -c)]', '[("K", 2 * c), ("I", c)]', PLAN),
    ("corrector/plan.py", "missing[3 * s + i] / (2 * a *", "missing[3 * s + i] / (a *", PLAN),
    (
        "corrector/plan.py",
        "rest = f - a * Y * (Y + total) - a / 4",
        "rest = f - a * Y * (Y + total) - a / 2",
        PLAN,
    ),
    ("corrector/plan.py", "difference -= missing[s + i]", "difference += missing[s + i]", PLAN),
    ("corrector/plan.py", "return -(-degree // s) - 1", "return -(-degree // s)", PLAN),
    ("corrector/plan.py", 'plus=_one("K"), sign=-1)', 'plus=_one("K"))', PLAN),
    (
        "corrector/plan.py",
        "if _loss(tuned) <= accepted:",
        "if True:",
        PLAN + "::test_a_head_that_would_lose_digits_is_not_taken",
    ),
    (
        "corrector/polynomial.py",
        "self(Polynomial((point, 1)))",
        "self(Polynomial((point, -1)))",
        POLYNOMIAL + "::test_derivatives_are_taylor_coefficients",
    ),
    ("corrector/polynomial.py", "return (-self).__add__(other)", "return self.__add__(other)", ALGEBRA),
    ("corrector/polynomial.py", "either and any(coefficients)", "any(coefficients)", ALGEBRA),
    (
        "corrector/polynomial.py",
        "range(i - k + 1, i + 1)",
        "range(i - k, i + 1)",
        POLYNOMIAL + "::test_derivatives_are_taylor_coefficients",
    ),
    (
        "corrector/polynomial.py",
        "enumerate(taylor) if k and t) - 1",
        "enumerate(taylor) if k and t)",
        POLYNOMIAL + "::test_order_is_the_contact_at_zero_and_one",
    ),
    (
        "corrector/polynomial.py",
        "power = f(power)",
        "power = f(x)",
        POLYNOMIAL + "::test_at_map_of_a_linear_map_is_the_map_of_at_matrix",
    ),
    (
        "corrector/catalog.py",
        "-head[-1] * (n + k)",
        "head[-1] * (n + k)",
        ANSATZ + "::test_smoothsteps_are_the_minimal_members",
    ),
    ("corrector/catalog.py", "head = [comb(2 * n + 1, n)]", "head = [comb(2 * n, n)]", ANSATZ),
    ("corrector/catalog.py", "larger = max(c, 1 - c)", "larger = c", CATALOG),
    (
        "corrector/catalog.py",
        "(1 + p(Polynomial((-1, 2))))",
        "(1 + p(Polynomial((1, -2))))",
        CATALOG + "::test_from_sign_takes_exactly_what_fixes_minus_one",
    ),
    (
        "corrector/catalog.py",
        "comb(2 * k, k), 4**k) for k",
        "comb(2 * k, k), 2**k) for k",
        CATALOG + "::test_the_pade_iterations_are_the_smoothsteps",
    ),
    (
        "corrector/premise.py",
        'steps = {"D": D, "PD": P @ D}',
        'steps = {"D": D, "PD": D @ P}',
        PREMISE + "::test_words_and_sizes_are_those_of_naive_products",
    ),
    ("corrector/premise.py", 'if word.count("D") > order:', 'if word.count("D") >= order:', PREMISE),
    (
        "corrector/realline.py",
        "real_roots(f - as_fmpq(high[0]), first_low[0]",
        "real_roots(f, first_low[0]",
        REACH,
    ),
    ("corrector/realline.py", "if max(-low, high) < trap:", "if True:", REACH),
    ("corrector/realline.py", "while bound(as_fmpq(rho)) >= 1:", "while bound(as_fmpq(rho)) >= 2:", REACH),
    ("corrector/discs.py", "z = f(middle) + slope(z) * spread", "z = f(middle)", REACH),
    ("corrector/discs.py", "if abs(z - 1) < near_one:", "if abs(z) < near_one:", REACH),
    ("corrector/realline.py", "moved < Fraction(1, 2 ** (_BITS + 30))", "moved < Fraction(1, 2**6)", REACH),
    ("corrector/realline.py", "for k in (0, 4, -4, 8, -8, 14, -14):", "for k in (0,):", REACH),
    ("corrector/discs.py", "if abs(z) > 4 and _escapes(f, z):", "if abs(z) > 4:", REACH),
    ("corrector/discs.py", "_float_below(contracted(mirrored))", "_float_below(contracted(f))", REACH),
    (
        "corrector/minimax.py",
        "alone = not real_roots(beyond, below, half) and",
        "alone =",
        CHOICE + "::test_nothing_is_said_to_reach_where_the_basins_do_not_meet_at_half",
    ),
    (
        "corrector/choice.py",
        "delta = rounded(found.value, up=False)",
        "delta = rounded(found.value, up=True)",
        CHOICE,
    ),
    ("corrector/plan.py", "                del values[name]", "                pass", LET_GO),
    ("corrector/plan.py", "min((_loss(p), i) for i, p in", "max((_loss(p), i) for i, p in", LOSSY),
    (
        "corrector/minimax.py",
        "all(w >= 0 for w in multipliers) and total < 0",
        "total < 0",
        CHOICE + "::test_what_a_member_meets_is_never_proved_impossible",
    ),
    ("corrector/minimax.py", "rows += [(s, 1, zero), (s, -1, s)]", "rows += [(s, 1, zero)]", CHOICE),
    (
        "corrector/minimax.py",
        "above = _root_above(1 + 4 * t) - 1",
        "above = _root_above(1 + 8 * t) - 1",
        CHOICE + "::test_the_smallest_residual_is_that_of_a_plain_search",
    ),
    ("corrector/choice.py", "4 if degree == 7 else (degree - 1)", "(degree - 1)", DOMINATED),
    ("corrector/derivation.py", "at_zero, *p = p", "_, *p = p; at_zero = 0", REMAINDER),
    ("corrector/words.py", 'if u[-1] == v[0] == "P" else', "if u[-1] == v[0] else", ANSATZ),
    (
        "corrector/words.py",
        "yield word[: i + 1], word[i:]",
        "yield word[: i + 1], word[i + 1 :] or word",
        ANSATZ,
    ),
    ("corrector/words.py", 'if longer.count("D") <= order:', 'if longer.count("D") < order:', ANSATZ),
    ("corrector/words.py", 'current["P"] - 1] if m', 'current["P"] + 1] if m', ANSATZ),
    ("corrector/hermite.py", "* (n + k) / k", "* (n + k - 1) / k", ANSATZ),
    ("corrector/hermite.py", "lead = remainder[-1]", "lead = -remainder[-1]", ANSATZ),
    ("analysis/fixedpoint.py", "[1 - weight]) + weight", "[1 - weight]) - weight", FIXED),
    ("analysis/jordan.py", "equation.taylor(point)[:block]", "equation.taylor(point)[: block - 1]", JORDAN),
    ("analysis/jordan.py", "if p.multiplicity >= block", "if p.multiplicity > block", JORDAN),
    (
        "analysis/jordan.py",
        "Fraction(1, math.factorial(i))",
        "Fraction(1, max(i, 1))",
        JORDAN + "::test_at_jordan_block_in_floating_point",
    ),
    ("analysis/jordan.py", "_ROUNDINGS = 8", "_ROUNDINGS = 1e-2", JORDAN),
    ("analysis/matrices.py", "return not f % K.minpoly()", "return True", JORDAN),
    ("analysis/matrices.py", "eye * (c * scale)", "eye * c", JORDAN),
    (
        "analysis/blocks.py",
        "W = Vh[: len(N) - w]",
        "W = Vh[w:]",
        JORDAN + "::test_floating_structure_behind_a_change_of_basis_of_condition_up_to_10000",
    ),
    (
        "analysis/blocks.py",
        "noise *= 1 + sigma[0] / rising[w]",
        "pass",
        JORDAN + "::test_where_too_little_is_left_to_decide_it_says_so",
    ),
    (
        "analysis/iteration.py",
        "verdict[~contracts & still] = Status.STALLED",
        "pass",
        ITERATION + "::test_what_does_not_converge_is_never_called_converged",
    ),
    (
        "analysis/iteration.py",
        "current, current, Fraction(-1)",
        "current, current, Fraction(1)",
        ITERATION,
    ),
    ("analysis/iteration.py", "difference = -np.convolve(g, g)", "difference = np.convolve(g, g)", ITERATION),
    ("analysis/iteration.py", "residual ** (order + 1) * total", "residual ** order * total", ITERATION),
    (
        "analysis/iteration.py",
        "image = K + self._like(gamma, K) * (image - K)",
        "image = K + self._like(gamma, K) * image",
        ITERATION + "::test_a_relaxed_step_goes_part_of_the_way",
    ),
    (
        "analysis/iteration.py",
        "self.at_half * self.noise[here]",
        "self.noise[here]",
        ITERATION + "::test_what_does_not_converge_is_never_called_converged",
    ),
    (
        "analysis/iteration.py",
        "self._store(previous, diverged)",
        "self._store(current, diverged)",
        ITERATION + "::test_what_escapes_ends_at_the_iterate_before",
    ),
    ("analysis/certificate.py", "if not e < 0.25:", "if not e < 0.5:", CERTIFICATE),
    (
        "analysis/certificate.py",
        "growth = 2 / (root * (1 + root))",
        "growth = 1 / (root * (1 + root))",
        CERTIFICATE,
    ),
    ("analysis/certificate.py", "else determinant < 0 or a + d > 0", "else 0", CERTIFICATE),
    ("analysis/certificate.py", "np.diagonal(D, -1)[:, None]", "-np.diagonal(D, 1)[:, None]", CERTIFICATE),
    (
        "analysis/certificate.py",
        "H = K + adjoint(K) - np.eye",
        "H = K + adjoint(K) - 0.5 * np.eye",
        CERTIFICATE,
    ),
    ("analysis/certificate.py", "if away < sqrt(1 - 4 * e)", "if away < 99 + sqrt(1 - 4 * e)", CERTIFICATE),
    ("analysis/certificate.py", "_up(4 * _gamma(A) * trace_A + ", "_up(", CERTIFICATE),
    ("analysis/certificate.py", "trace_A + underflow + error", "trace_A + underflow", CERTIFICATE),
    (
        "analysis/certificate.py",
        "+ 2 - bits",
        "- bits",
        CERTIFICATE + "::test_leading_bits_multiply_without_error",
    ),
    ("analysis/certificate.py", "_times(K - A, K)", "_times(K - B, K)", CERTIFICATE),
    ("analysis/certificate.py", "plus_identity(A + 0, b), error", "plus_identity(-A, b), error", CERTIFICATE),
    ("analysis/certificate.py", "squared = not careful and", "squared = False and", CERTIFICATE),
    ("analysis/certificate.py", "S = 2 * K - xp.eye", "S = K - xp.eye", CERTIFICATE),
    (
        "analysis/iteration.py",
        "[(g.plan, 0.0)] * int(first.steps.max())",
        "[(g.plan, 0.0)] * int(first.steps.max() - 1)",
        REFINEMENT + "::test_refined_projectors_are_as_exact_as_those_of_double_precision",
    ),
    (
        "analysis/iteration.py",
        "            history.start_again()\n",
        "",
        REFINEMENT + "::test_the_rows_are_those_of_the_run_that_was_taken",
    ),
    (
        "analysis/iteration.py",
        "terms * unit_roundoff(K) * frobenius(K) ** 2",
        "0 * unit_roundoff(K) * frobenius(K) ** 2",
        ITERATION + "::test_what_rounding_hides_of_a_residual_is_bounded",
    ),
    (
        "analysis/iteration.py",
        "residual + _FEW * self.unit * kappa**2, kappa",
        "residual, kappa",
        ITERATION + "::test_where_rounding_hides_the_residual_nothing_is_claimed",
    ),
    (
        "analysis/iteration.py",
        "scale**2, _EXACT)",
        "scale**2, 1.0)",
        ITERATION + "::test_steep_matrices_are_iterated_to_the_end",
    ),
    (
        "analysis/sides.py",
        "_ROUNDINGS = 1e3",
        "_ROUNDINGS = 1e-3",
        PROJECTOR + "::test_more_is_allowed_for_than_rounding_makes",
    ),
    (
        "analysis/sides.py",
        "/ np.maximum(slant, 1e-300)",
        "",
        PROJECTOR + "::test_defective_eigenvalues_are_not_seen_where_they_are_not",
    ),
    (
        "analysis/certificate.py",
        "(growth - 1 + 1e-12) * size_S",
        "0 * size_S",
        CERTIFICATE + "::test_a_rank_is_left_open_where_errors_could_change_it",
    ),
    ("analysis/certificate.py", "trace += 3 * complex", "trace -= 30 * complex", CERTIFICATE),
    ("analysis/certificate.py", "return x * (1 + 64 * _U)", "return x", CERTIFICATE),
    ("analysis/certificate.py", "_up(_U * _size(difference) +", "_up(0 * _size(difference) +", CERTIFICATE),
    ("analysis/certificate.py", "return S, _up(_U * _size(S))", "return S, 0", CERTIFICATE),
    ("analysis/certificate.py", "error = sqrt(m) * M_error + 3 *", "error = 0 * M_error + 0 *", CERTIFICATE),
    ("analysis/certificate.py", "error += size_M * size_E * e * 10", "error += 0", CERTIFICATE),
    ("analysis/certificate.py", " + A.shape[-1] ** 2 * 2.0**-1022", "", CERTIFICATE),
    ("analysis/certificate.py", "_size(H - again) + error +", "_size(H - again) +", CERTIFICATE),
    ("analysis/certificate.py", "_up(4 * _gamma(A) * trace_A + underflow + error)", "0", CERTIFICATE),
    ("analysis/refinement.py", "E + adjoint(E) if hermitian", "E - adjoint(E) if hermitian", REFINEMENT),
    (
        "analysis/refinement.py",
        "else E - in_single(P) @ C",
        "else E + in_single(P) @ C",
        REFINEMENT + "::test_of_oblique_matrices_too_little_is_left_to_double_precision",
    ),
    ("analysis/refinement.py", "2 * in_single(P), -1)", "2 * in_single(P), 1)", REFINEMENT),
    (
        "analysis/refinement.py",
        "(gain <= _GAIN)",
        "(gain <= 1e9)",
        REFINEMENT + "::test_gaps_too_narrow_for_single_precision_are_done_in_double",
    ),
    ("analysis/refinement.py", "(size * gain <= rounding / 100)", "(size * 1e-9 <= rounding)", REFINEMENT),
    ("analysis/refinement.py", "plus_identity(value, constant), slope", "value, slope", REFINEMENT),
    ("analysis/iteration.py", "run.near = near", "run.near[:] = True", REFINEMENT + "::test_libraries_agree"),
    (
        "corrector/arithmetic.py",
        "(X, dX, 2 * scale, ())",
        "(X, dX, scale, ())",
        ARITHMETIC + "::test_tangents_are_the_corner_of_a_block_triangle",
    ),
    (
        "corrector/arithmetic.py",
        "self.slopes.product(dX, Y, scale,",
        "self.slopes.product(Y, dX, scale,",
        ARITHMETIC,
    ),
    (
        "analysis/sides.py",
        "return bool(values[0] > 0)",
        "return True",
        PROJECTOR + "::test_what_correctors_send_astray_newton_does_not",
    ),
    (
        "analysis/sides.py",
        "if not above(X @ A, margin * size) or",
        "if",
        PROJECTOR + "::test_eigenvalues_that_rounding_may_move_across_are_on_no_side",
    ),
    ("analysis/stability.py", "end = 2 / (1 - slope)", "end = 1 / (1 - slope)", STABLE),
    (
        "analysis/stability.py",
        "self.value @ other.slope + self.slope @ other.value",
        "self.value @ other.slope + other.value @ self.slope",
        STABLE,
    ),
    (
        "analysis/stability.py",
        "(at_zero, kernel**2)",
        "(at_zero, self.rank**2)",
        STABLE + "::test_the_spectrum_is_that_of_the_matrix_of_the_derivative",
    ),
    ("analysis/cycles.py", "abs(slope) * z.radius)", "abs(slope) * z.radius / 2)", CYCLES),
    (
        "analysis/cycles.py",
        "if shorter or not abs",
        "if not abs",
        CYCLES + "::test_newton_proves_one_root_or_none",
    ),
    (
        "analysis/cycles.py",
        "len(cycles) - len(search.drawing) + petals",
        "len(cycles) + petals",
        CYCLES,
    ),
    ("analysis/cycles.py", "superattracting=tail == 0", "superattracting=True", CYCLES),
    (
        "analysis/cycles.py",
        "if size < radius:",
        "if size < 2 * radius:",
        CYCLES + "::test_a_trap_is_sent_into_itself",
    ),
    (
        "analysis/traps.py",
        "for k, size in enumerate(sizes[:d])",
        "for k, size in enumerate(sizes[1:d])",
        TRAPS,
    ),
    ("analysis/traps.py", "return c**n * sum(", "return c ** (n + 1) * sum(", TRAPS),
    ("analysis/traps.py", "return bool(off + spread < rho)", "return bool(off + spread < 2 * rho)", TRAPS),
    ("analysis/traps.py", "as_float(c - Fraction(as_float(c)))", "0.0", TRAPS),
    (
        "analysis/kernel.py",
        "return 1 if x > 0 else 0",
        "return 0 if x > 0 else 1",
        KERNEL + "::test_a_disc_in_the_lemniscate_is_inside_it",
    ),
    ("analysis/kernel.py", "return (1 if x > 0 else 0), step", "return (0 if x > 0 else 1), step", BASIN),
    (
        "analysis/kernel.py",
        "u, v = u * a - v * b,",
        "u, v = u * a + v * b,",
        BASIN + "::test_distances_are_about_right",
    ),
    (
        "analysis/kernel.py",
        "r * (steep + bend * (r + 2 * rest)) + off",
        "r * steep + off",
        KERNEL + "::test_the_image_of_a_disc_is_covered",
    ),
    ("analysis/kernel.py", "off = rounding * unit *", "off = 0 * unit *", KERNEL),
    (
        "analysis/kernel.py",
        "- 2 * (size + q) * r * r",
        "- 0.5 * (size + q) * r * r",
        KERNEL + "::test_a_disc_that_is_far_is_far_everywhere",
    ),
    ("analysis/kernel.py", "+ (abs(x) + abs(y) + wide + high) * 64 * _UNIT", "", KERNEL),
    ("analysis/kernel.py", " + 2.0**-500", "", KERNEL),
    (
        "analysis/kernel.py",
        "sqrt(s * s + t * t) + r < traps.radii",
        "sqrt(s * s + t * t) - r < traps.radii",
        ENCLOSURE + "::test_no_label_contradicts_ball_arithmetic",
    ),
    (
        "analysis/kernel.py",
        "if m - r > traps.escape:",
        "if m > traps.escape:",
        KERNEL + "::test_a_disc_beyond_the_escape_radius_is_beyond_it",
    ),
    (
        "analysis/kernel.py",
        "+ r * (2 * m + r) < traps.level",
        "+ 2 * m * r < traps.level",
        KERNEL + "::test_a_disc_in_the_lemniscate_is_inside_it",
    ),
    (
        "analysis/kernel.py",
        "return sqrt(wide * wide + high * high) / 2",
        "return wide / 2",
        ENCLOSURE + "::test_no_label_contradicts_ball_arithmetic",
    ),
    (
        "analysis/kernel.py",
        "counts[label + 2] += n * n * 4**depth",
        "counts[label + 2] += n * n",
        ENCLOSURE + "::test_areas_are_proved_to_a_thousandth",
    ),
    (
        "analysis/kernel.py",
        "return labels[side]",
        "return labels[0]",
        RADIUS + "::test_discs_to_twelve_digits",
    ),
    (
        "analysis/kernel.py",
        "a_tail, b_tail = a - a_head, b - b_head",
        "a_tail, b_tail = 0.0, 0.0",
        RADIUS + "::test_discs_to_twelve_digits",
    ),
    ("analysis/basin.py", "moved = table is not None and", "moved = table is None and", BASIN),
    ("analysis/basin.py", "inside[beyond != (attractor == 1)]", "inside[beyond]", BASIN),
    (
        "analysis/radius.py",
        "sizes[1] * np.outer(left[:, 1], right[1])",
        "sizes[1] * np.outer(right[1], left[:, 1])",
        RADIUS + "::test_matrices_nearer_converge_and_the_one_given_does_not",
    ),
    ("analysis/equioscillation.py", "slopes = -slopes * side", "slopes = slopes * side", SCHEDULE),
    ("analysis/equioscillation.py", "= sizes[0], sizes[self.lower + 1]", "= sizes[1], sizes[0]", SCHEDULE),
    ("analysis/scheduling.py", "4: 2, 8: 3}", "4: 2, 8: 4}", SCHEDULE),
    (
        "analysis/scheduling.py",
        "(floor, ceil, floor, ceil)",
        "(ceil, floor, ceil, floor)",
        SCHEDULE + "::test_the_error_is_proved",
    ),
    ("analysis/scheduling.py", "(2 * _green(gap))", "(4 * _green(gap))", SCHEDULE),
    (
        "analysis/scheduling.py",
        "return max(abs(l0), abs(l1), ",
        "return max(",
        SCHEDULE + "::test_the_error_is_proved",
    ),
    (
        "analysis/iteration.py",
        "above(A, half - margin)",
        "above(A, -half)",
        SCHEDULE + "::test_an_eigenvalue_in_the_gap_is_reported",
    ),
    (
        "analysis/iteration.py",
        "leftmost(A) < 0.99 * half",
        "leftmost(A) < -half",
        PROJECTOR + "::test_an_eigenvalue_in_the_gap_of_an_oblique_matrix_is_found",
    ),
    (
        "analysis/iteration.py",
        "np.flatnonzero(converged & ~run.near)",
        "np.flatnonzero(converged & run.near)",
        ITERATION + "::test_products_are_counted",
    ),
    (
        "analysis/iteration.py",
        "np.minimum(residual[~stop], self",
        "np.maximum(residual[~stop], 0 * self",
        ITERATION + "::test_the_limit_is_the_projector_to_ten_times_kappa_cubed_roundings",
    ),
    (
        "analysis/iteration.py",
        "0.5 / sizes",
        "1 / sizes",
        ITERATION + "::test_scaled_first_real_eigenvalues_go_where_they_belong",
    ),
    (
        "analysis/iteration.py",
        "order = np.argsort",
        "order = np.sort",
        ITERATION + "::test_a_batch_is_its_members",
    ),
    (
        "analysis/sides.py",
        "above(metric @ A[i, ...]",
        "above(0 * A[i, ...]",
        PROJECTOR + "::test_the_inner_product_in_which_a_projector_is_orthogonal_decides_alone",
    ),
    (
        "analysis/sides.py",
        "< -margin[i]",
        "< margin[i] + 99",
        ITERATION + "::test_of_large_matrices_far_from_normal_nothing_is_said",
    ),
    (
        "analysis/projector.py",
        "0.5 * c * S + (0.5 / c)",
        "0.5 * S + 0.5",
        PROJECTOR + "::test_scaling_keeps_inverses_few",
    ),
    (
        "analysis/projector.py",
        "hermitian_part(-R), 0.25",
        "hermitian_part(-R), 1",
        PROJECTOR + "::test_in_a_sector_products_are_enough",
    ),
    (
        "analysis/projector.py",
        "min(1.0, 0.45 /",
        "min(1.0, 4.5 /",
        PROJECTOR + "::test_in_a_sector_products_are_enough",
    ),
    ("analysis/projector.py", "-1 / least if least", "1 / least if least", PROJECTOR),
    (
        "analysis/projector.py",
        "noise = max(noise, unit",
        "noise = max(0, 0 * unit",
        PROJECTOR + "::test_eigenvalues_on_the_line_are_not_parted",
    ),
    ("analysis/projector.py", "0.5 - at)", "at - 0.5)", PROJECTOR + "::test_any_matrix_is_parted_by_newton"),
    (
        "analysis/arrays.py",
        "flat[..., :: m + 1] +=",
        "flat[..., :: m] +=",
        SCHEDULE + "::test_matrices_that_keep_the_promise_get_their_spectral_projector",
    ),
    (
        "corrector/arithmetic.py",
        "left[..., i : i + height, :] @",
        "right[..., i : i + height, :] @",
        ARITHMETIC,
    ),
    ("corrector/arithmetic.py", "self._adjoint(strip[..., :, height:])", "0", ARITHMETIC),
    (
        "corrector/arithmetic.py",
        "if (self.mean and left is not right) or",
        "if",
        ARITHMETIC + "::test_half_of_a_product_of_hermitian_matrices_is_enough",
    ),
    ("corrector/arithmetic.py", "out -= x", "out += x", ARITHMETIC),
    (
        "corrector/arithmetic.py",
        "            out[...] = start\n            _scale(out, c)",
        "            out[...] = start",
        ARITHMETIC,
    ),
    (
        "corrector/plan.py",
        "scale * rest + _combined(plus, values)",
        "rest + _combined(plus, values)",
        PLAN + "::test_any_program_is_carried_out",
    ),
    ("corrector/plan.py", "d * left.shift", "d * right.shift", PLAN),
    ("analysis/iteration.py", "self.g, self.rough = MCWEENY, False", "self.rough = False", ITERATION),
    ("analysis/laws.py", "kept, given = copied(x), copied(x)", "kept, given = x, x", BROKEN_LAWS),
    ("analysis/laws.py", "first = copied(y)  #", "first = y  #", BROKEN_LAWS),
    (
        "analysis/laws.py",
        "_AGAIN = 8",
        "_AGAIN = 1",
        VERIFY + "::test_chance_that_seldom_shows_is_found_by_its_generator",
    ),
    (
        "analysis/laws.py",
        "if not same(handed_out, y, self.equal):",
        "if False:",
        VERIFY + "::test_a_buffer_handed_out_twice_is_found",
    ),
    (
        "analysis/laws.py",
        "set_alike(unused, self.f)",
        "pass",
        VERIFY + "::test_networks_get_tensors_of_their_own_dtype_in_the_mode_asked_for",
    ),
    (
        "analysis/laws.py",
        "for place in (slice(-1, None), slice(0, 1), slice(count // 2, count // 2 + 1)):",
        "for place in (slice(-1, None), slice(0, 1)):",
        NETWORKS,
    ),
    (
        "analysis/laws.py",
        "(names := changed(before, state(self.f)))",
        "(names := changed(before, before))",
        NETWORKS,
    ),
    (
        "analysis/laws.py",
        "not self._repeats(z, again := copied(self.f(y)))",
        "not self._repeats(z, again := z)",
        VERIFY + "::test_an_f_that_empties_what_it_is_handed_back_is_found",
    ),
    ("analysis/rounding.py", "root / 2) * size", "8 * root) * size", PROJECTING),
    (
        "analysis/rounding.py",
        "_GROWTH_Y, _GROWTH_X = 32, 8",
        "_GROWTH_Y, _GROWTH_X = 0, 0",
        VERIFY + "::test_multiplying_by_a_projector_is_idempotent",
    ),
    ("analysis/rounding.py", "if left <= _FAITHFUL * error", "if left >= _FAITHFUL * error", TOLD_APART),
    ("analysis/differences.py", "return most * float(", "return float(", VERIFY),
    (
        "analysis/values.py",
        "a.kind != b.kind",
        "False",
        VERIFY + "::test_values_of_many_kinds_are_told_apart",
    ),
    ("analysis/values.py", "equal_nan=True))", "equal_nan=False))", VERIFY + "::test_equal_values_are_equal"),
    (
        "analysis/verification.py",
        "stored = (2 * kappa + 1) * u * size",
        "stored = 1e4 * (2 * kappa + 1) * u * size",
        VERIFY,
    ),
    (
        "analysis/verification.py",
        "stored, np.minimum(16",
        "0, np.minimum(16",
        VERIFY + "::test_true_projectors_pass",
    ),
    ("analysis/claims.py", "x).astype(self.dtype)", "x)", CLAIMS),
    ("analysis/claims.py", "library.moved(made, self.dtype, self.device)", "made", CLAIMS),
    (
        "analysis/pytest_plugin.py",
        "self._variant.revisit()",
        "pass",
        CLAIMS + "::test_a_trace_of_earlier_calls_is_found_when_they_are_over",
    ),
    (
        "analysis/auditing.py",
        "~(self.errors <= self.epsilon)",
        "self.errors > 2 * self.epsilon + 1",
        AUDIT + "::test_the_bound_is_the_share_at_which_so_few_have_the_rest_of_the_probability",
    ),
    (
        "analysis/auditing.py",
        'alternative="less"',
        'alternative="two-sided"',
        AUDIT + "::test_the_bound_is_the_share_at_which_so_few_have_the_rest_of_the_probability",
    ),
    (
        "analysis/auditing.py",
        "after / before if before",
        "before / after if before",
        AUDIT + "::test_it_measures_what_metrics_measures",
    ),
    (
        "analysis/auditing.py",
        "and not self.collapsed",
        "",
        AUDIT + "::test_a_constant_map_is_called_collapsed_not_idempotent",
    ),
    (
        "analysis/auditing.py",
        "[*self.worst.kept, *",
        "[*",
        AUDIT + "::test_the_search_starts_at_the_worst_input",
    ),
    (
        "analysis/measuring.py",
        "self.count * share * float",
        "self.count * float",
        AUDIT + "::test_spreads_of_batches_add_up",
    ),
    (
        "analysis/measuring.py",
        "off == 0, 0.0, off / size",
        "size == 0, 0.0, off / size",
        AUDIT + "::test_relative_errors_of_zeros",
    ),
    (
        "analysis/sources.py",
        "elif (place := int(self.rng.integers(self.passed + 1))) < self.size:",
        "elif (place := 0) > 0:",
        AUDIT + "::test_the_rank_is_that_of_a_uniform_sample",
    ),
    (
        "analysis/tangents.py",
        "again = product(partial(applied, f), y, w)",
        "again = product(partial(applied, f), x, w)",
        AUDIT + "::test_jacobians_are_taken_at_the_value",
    ),
    (
        "analysis/search.py",
        "off * xp.where(size > radius",
        "off * xp.where(size < 0 * radius",
        AUDIT + "::test_the_search_keeps_to_its_ball",
    ),
    (
        "training/weights.py",
        "if len(widths) < 2 or not all(0 < width <= _WIDEST for width in widths):",
        "if False:",
        "tests/training/test_audit_command.py",
    ),
    (
        "training/weights.py",
        'if path.suffix != ".safetensors":',
        "if False:",
        "tests/training/test_audit_command.py",
    ),
    (
        "analysis/measuring.py",
        "y = f(_copy(x))",
        "y = f(x)",
        AUDIT + "::test_work_in_place_is_measured_and_leaves_the_data_alone",
    ),
    (
        "analysis/measuring.py",
        "return _copy(y)",
        "return y",
        AUDIT + "::test_a_buffer_handed_out_again_is_measured_and_noticed",
    ),
    (
        "analysis/values.py",
        "return value.detach().clone()",
        "return copy.deepcopy(value.detach())",
        AUDIT + "::test_what_is_kept_of_a_tensor_holds_no_more_than_itself",
    ),
    (
        "analysis/sources.py",
        ".permutation(count)[",
        ".permutation(count)[:0] if 0 else np.arange(count)[",
        AUDIT + "::test_a_part_of_the_inputs_is_drawn_at_random",
    ),
    (
        "analysis/auditing.py",
        "and not self.notices",
        "",
        AUDIT + "::test_work_in_place_is_measured_and_leaves_the_data_alone",
    ),
    (
        "analysis/surroundings.py",
        "return twin(f) or f",
        "return f",
        AUDIT + "::test_a_network_in_training_mode_is_left_as_it_was",
    ),
    (
        "analysis/rounding.py",
        "_sensitivity(f, x, ours, each=True)",
        "_sensitivity(f, x, ours, each=False)",
        VERIFY + "::test_the_rounding_of_large_numbers_hides_nothing_of_small_ones",
    ),
    ("analysis/csform.py", "exact = sqrt(norm * norm - 1)", "exact = norm", STRATEGY),
    ("analysis/csform.py", "size / kappa**2)", "size * 3)", STRATEGY),
    (
        "analysis/csform.py",
        "core - np.outer(v, 2 * (v @ core) / squares)",
        "core - np.outer(v, (v @ core) / squares)",
        STRATEGY,
    ),
    ("analysis/csform.py", "grade[:, None] < grade[None, :]", "grade[:, None] <= grade[None, :]", STRATEGY),
    ("analysis/strategies.py", "order + 2 if jordan else 1", "order + 1 if jordan else 1", STRATEGY),
    ("analysis/strategies.py", "draw(_floats(4, 30)) * size", "draw(_floats(0, 1)) * size", STRATEGY),
    ("training/rules.py", "pull = fixed - target", "pull = target - fixed", RULES),
    (
        "training/rules.py",
        "with torch.no_grad():\n        image, target",
        "if True:\n        image, target",
        RULES,
    ),
    (
        "training/rules.py",
        "_targets(net, y.detach(), wanted)",
        "_targets(net, net(y.detach()), wanted)",
        RULES,
    ),
    ("training/rules.py", "return s - s.detach()", "return s", RULES),
    ("training/rules.py", "_scale(y, reduction, 2) / 2", "_scale(y, reduction, 2)", RULES),
    ("training/rules.py", "return 2 / entries", "return 1 / entries", RULES),
    ("training/rules.py", "image = functional_call(net, spare, (y,))", "image = net(y)", RULES),
    ("training/rules.py", "        if i:\n            power", "        if True:\n            power", RULES),
    ("training/measures.py", "centred = (y - y.mean(0)).flatten(1)", "centred = y.flatten(1)", MEASURES),
    (
        "training/measures.py",
        'collapsed = not values["kept"] >= variance_floor',
        'collapsed = values["kept"] < 0',
        MEASURES,
    ),
    ("analysis/collapse.py", "xp.sqrt(xp.where(values > 0", "(xp.where(values > 0", MEASURES),
    ("analysis/frameworks.py", "part.training = training", "part.training = True", MEASURES),
    ("training/ensemble.py", "torch.lerp(start, p, rate)", "torch.lerp(start, p, 2 * rate)", ENSEMBLE),
    (
        "training/comparison.py",
        "final.sel(seed=list(self.setting.tuning_seeds))",
        "final.sel(seed=list(self.setting.seeds))",
        COMPARE + "::test_the_rate_is_chosen_by_validation_on_seeds_that_are_not_reported",
    ),
    (
        "training/comparison.py",
        '4 if self.rule == "target" else 2 +',
        '4 if self.rule == "target" else 1 +',
        COMPARE,
    ),
    ("training/report.py", 'if {"lower", "higher"} <= shown:', "if False:", COMPARE),
    ("training/statistics.py", "(1 + confidence) / 2", "confidence", STATISTICS),
    ("training/statistics.py", "if ratio.high < 1:", "if ratio.mean < 1:", STATISTICS),
    (
        "training/rules.py",
        "power = _apply(net, power)",
        "power = _apply(net, image)",
        PROOF + "::test_the_potential_measured",
    ),
    (
        "training/figures.py",
        "-(3 * y2 - 2 * y3 - y) / y.shape[0]",
        "-(3 * y2 - 2 * y3 - y) / y.numel()",
        PROOF + "::test_autograd_agrees_with_the_formulas_and_the_notes",
    ),
    (
        "training/figures.py",
        "inner = found.at_output in nx",
        "inner = found.at_output not in nx",
        GRAPHS + "::test_the_two_halves_of_the_ordinary_gradient_are_told_apart",
    ),
    (
        "training/figures.py",
        "torch.full_like(y, 1 / y.numel()",
        "torch.full_like(y, 1 / y.shape[0]",
        GRAPHS + "::test_the_yellow_box_that_the_notes_print_as_x_is_one_over_the_number_of_entries",
    ),
    (
        "training/graphs.py",
        '("self", "other", "exponent")',
        '("self", "exponent")',
        GRAPHS + "::test_constants_operands_and_repeated_arguments",
    ),
    (
        "training/graphs.py",
        ".data_ptr() not in storages",
        ".data_ptr() != 0",
        GRAPHS + "::test_one_set_of_activations_is_kept_or_two",
    ),
    (
        "training/graphs.py",
        "if k.grad_fn is None and k.ndim",
        "if k.ndim",
        GRAPHS + "::test_one_set_of_activations_is_kept_or_two",
    ),
    (
        "training/graphs.py",
        "for i, (other, _) in enumerate(node.next_functions) if other is before",
        "for i, (other, _) in enumerate(node.next_functions[:1]) if other is before",
        GRAPHS + "::test_constants_operands_and_repeated_arguments",
    ),
    (
        "training/layers.py",
        "-(wide[p] + wide[q]) / 2 - gap",
        "-(wide[p] + wide[q]) / 4 - gap",
        GRAPHS + "::test_layouts_keep_order_distance_and_direction",
    ),
    (
        "training/layers.py",
        "key=means.__getitem__",
        "key=str",
        GRAPHS + "::test_arrows_do_not_cross_where_they_need_not",
    ),
    (
        "training/plotting.py",
        "1] + lift - 0.5) * _STEP",
        "1] + lift + 0.5) * _STEP",
        GRAPHS + "::test_figure_5_is_parted_between_the_gradient_in_y_and_the_rest",
    ),
    (
        "corrector/cli.py",
        "if chosen and set(chosen) <= set(figures):",
        "if False:",
        GRAPHS + "::test_figures_of_both_parts_are_found_and_torch_is_loaded_only_for_its_own",
    ),
    (
        "training/parametrization.py",
        "X[0] @ Y[1] + X[1] @ Y[0]]",
        "X[0] @ Y[1] - X[1] @ Y[0]]",
        PARAMETRIZATION + "::test_at_a_projector_the_gradient_is_tangential",
    ),
    (
        "training/parametrization.py",
        "torch.stack([_wide(A).mH, _wide(G)])",
        "torch.stack([_wide(A), _wide(G)])",
        PARAMETRIZATION + "::test_the_gradient_is_the_adjoint_of_the_spectral_projectors_derivative",
    ),
    (
        "training/parametrization.py",
        "range(int(steps.max()) + 1)",
        "range(int(steps.max()))",
        PARAMETRIZATION + "::test_at_a_projector_the_gradient_is_tangential",
    ),
    (
        "training/parametrization.py",
        "(M[..., :m, :m] + M[..., m:, m:]).mH",
        "(M[..., :m, :m] + M[..., m:, m:])",
        PARAMETRIZATION + "::test_first_and_second_derivatives_against_differences",
    ),
    (
        "training/parametrization.py",
        "A, base = A.clone(), P",
        "A, base = A, P",
        PARAMETRIZATION + "::test_a_weight_used_several_times_in_one_graph",
    ),
    (
        "training/parametrization.py",
        "                A.copy_(P)",
        "                pass",
        PARAMETRIZATION + "::test_in_training_mode_the_projector_takes_the_parameters_place",
    ),
    (
        "training/parametrization.py",
        "self.training and isinstance(A, nn.Parameter)",
        "isinstance(A, nn.Parameter)",
        PARAMETRIZATION + "::test_evaluation_and_frozen_parameters_and_given_tensors_change_nothing",
    ),
    (
        "training/parametrization.py",
        "return (share[..., None, None] * E)",
        "return (1 * E)",
        PARAMETRIZATION + "::test_the_gradient_of_a_shortened_step",
    ),
    (
        "training/parametrization.py",
        "(digits & (_ranks(P) == rank) &",
        "(digits &",
        PARAMETRIZATION + "::test_evaluation_shortens_alike_and_changes_nothing",
    ),
    (
        "training/parametrization.py",
        "return b - (P @",
        "return b + (P @",
        PARAMETRIZATION + "::test_every_step_of_any_optimizer_leaves_a_projector_of_the_same_rank",
    ),
    (
        "training/parametrization.py",
        "blocks.mT if self.transposed else blocks",
        "blocks",
        PARAMETRIZATION + "::test_convolutions_are_idempotent_maps_of_images",
    ),
    (
        "training/parametrization.py",
        "sign * ((n - 1) // 2)",
        "sign * (n // 2)",
        PARAMETRIZATION + "::test_convolutions_are_idempotent_maps_of_images",
    ),
    (
        "training/parametrization.py",
        "eigenvectors[..., m - r :]",
        "eigenvectors[..., :r]",
        PARAMETRIZATION
        + "::test_it_starts_at_the_projector_it_is_near_and_else_at_the_nearest_orthogonal_one",
    ),
]


LIBRARIES = ["numba", "scipy.optimize", "scipy.signal", "sympy", "torch", "pytest", "hypothesis", "mpmath"]
"""What the tests import that is not ours: loaded once, and then there in each process forked off."""

RUN = """
import os, sys, pytest
output = os.open(output, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
os.dup2(output, 1), os.dup2(output, 2)
os.chdir(folder)
sys.path.insert(0, folder)
sys.dont_write_bytecode = True
os.environ |= {"PYTHONPATH": folder, "PYTHONDONTWRITEBYTECODE": "1", "HYPOTHESIS_PROFILE": "mutants"}
loaded = ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # before its plugins, that is
sys.exit(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *loaded, tests]))
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mutant")
    for part in ("corrector", "analysis", "training", "tests", "docs"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


@pytest.fixture(scope="module")
def server():
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(LIBRARIES)
    return context


@pytest.mark.parametrize(
    ("file", "text", "broken", "tests"), MUTANTS, ids=[f"{m[0]}: {m[2]}" for m in MUTANTS]
)
def test_broken_formulas_do_not_live(copy, server, file, text, broken, tests):
    source = (ROOT / file).read_text()
    assert source.count(text) == 1, "the formula has moved: bring the mutant after it"
    (copy / file).write_text(source.replace(text, broken))
    output = copy / "output.txt"
    names = {"folder": str(copy), "tests": tests, "output": str(output)}
    process = server.Process(target=exec, args=(RUN, names))
    try:
        process.start()
        process.join()
    finally:
        (copy / file).write_text(source)
    said = output.read_text()
    assert process.exitcode == 1, said[-2000:]
    assert " failed" in said
