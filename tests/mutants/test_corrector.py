"""Broken copies of the formulas of `corrector`, each shown to fail the tests."""

from tests.mutants.running import mutants

POLYNOMIAL = "tests/corrector/test_polynomial.py"
ANSATZ = "tests/corrector/test_ansatz.py"
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
ARITHMETIC = "tests/corrector/test_arithmetic.py"
GRAPHS = "tests/training/test_graphs.py"

MUTANTS = [
    # file, text, what it becomes, tests that must fail
    (
        "corrector/evaluation.py",
        "quotient[i - 2] = -rest[i]",
        "quotient[i - 2] = rest[i]",
        POLYNOMIAL + "::test_values_at_rationals_are_exact",
    ),
    (
        "corrector/evaluation.py",
        "r = x - x * x",
        "r = x * x - x",
        POLYNOMIAL + "::test_values_at_rationals_are_exact",
    ),
    (
        "corrector/plan.py",
        "a + b / 2) for a, b",
        "a - b / 2) for a, b",
        PLAN + "::test_every_candidate_is_the_polynomial_in_the_products_it_claims",
    ),
    (
        "corrector/plan.py",
        '[("K", 2 * c), ("I", -c)]',
        '[("K", 2 * c), ("I", c)]',
        PLAN + "::test_every_candidate_is_the_polynomial_in_the_products_it_claims",
    ),
    (
        "corrector/plan.py",
        "missing[3 * s + i] / (2 * a *",
        "missing[3 * s + i] / (a *",
        PLAN + "::test_every_candidate_is_the_polynomial_in_the_products_it_claims",
    ),
    (
        "corrector/plan.py",
        "rest = f - a * Y * (Y + total) - a / 4",
        "rest = f - a * Y * (Y + total) - a / 2",
        PLAN + "::test_every_candidate_is_the_polynomial_in_the_products_it_claims",
    ),
    (
        "corrector/plan.py",
        "difference -= missing[s + i]",
        "difference += missing[s + i]",
        PLAN + "::test_every_candidate_is_the_polynomial_in_the_products_it_claims",
    ),
    (
        "corrector/plan.py",
        "return -(-degree // s) - 1",
        "return -(-degree // s)",
        PLAN + "::test_every_candidate_is_the_polynomial_in_the_products_it_claims",
    ),
    (
        "corrector/plan.py",
        'plus=_one("K"), sign=-1)',
        'plus=_one("K"))',
        PLAN + "::test_every_candidate_is_the_polynomial_in_the_products_it_claims",
    ),
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
    (
        "corrector/polynomial.py",
        "return (-self).__add__(other)",
        "return self.__add__(other)",
        ALGEBRA + "::test_numbers_take_part",
    ),
    (
        "corrector/polynomial.py",
        "either and any(coefficients)",
        "any(coefficients)",
        ALGEBRA + "::test_correctors_stay_correctors",
    ),
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
    (
        "corrector/catalog.py",
        "head = [comb(2 * n + 1, n)]",
        "head = [comb(2 * n, n)]",
        ANSATZ + "::test_smoothsteps_are_the_minimal_members",
    ),
    (
        "corrector/catalog.py",
        "larger = max(c, 1 - c)",
        "larger = c",
        CATALOG + "::test_the_trace_changes_with_the_distance_from_the_coefficient",
    ),
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
    (
        "corrector/premise.py",
        'if word.count("D") > order:',
        'if word.count("D") >= order:',
        PREMISE + "::test_where_the_premise_holds_exactly_one_step_is_exact",
    ),
    (
        "corrector/realline.py",
        "real_roots(f - as_fmpq(high[0]), first_low[0]",
        "real_roots(f, first_low[0]",
        REACH + "::test_real_basins_of_smoothsteps",
    ),
    (
        "corrector/realline.py",
        "if max(-low, high) < trap:",
        "if True:",
        REACH + "::test_an_interval_with_another_attractor_in_it_is_not_taken_for_a_basin",
    ),
    (
        "corrector/realline.py",
        "while bound(as_fmpq(rho)) >= 1:",
        "while bound(as_fmpq(rho)) >= 2:",
        REACH + "::test_disc_radii_of_smoothsteps",
    ),
    (
        "corrector/discs.py",
        "z = f(middle) + slope(z) * spread",
        "z = f(middle)",
        REACH + "::test_disc_radii_of_smoothsteps",
    ),
    (
        "corrector/discs.py",
        "if abs(z - 1) < near_one:",
        "if abs(z) < near_one:",
        REACH + "::test_neither_proof_is_had_on_the_wrong_side",
    ),
    (
        "corrector/realline.py",
        "moved < Fraction(1, 2 ** (_BITS + 30))",
        "moved < Fraction(1, 2**6)",
        REACH + "::test_the_ends_of_a_basin_go_to_its_ends",
    ),
    (
        "corrector/realline.py",
        "for k in (0, 4, -4, 8, -8, 14, -14):",
        "for k in (0,):",
        REACH + "::test_the_ends_of_a_basin_go_to_its_ends",
    ),
    (
        "corrector/discs.py",
        "if abs(z) > 4 and _escapes(f, z):",
        "if abs(z) > 4:",
        REACH + "::test_far_is_not_yet_gone",
    ),
    (
        "corrector/discs.py",
        "_float_below(contracted(mirrored))",
        "_float_below(contracted(f))",
        REACH + "::test_both_traps_are_contracted",
    ),
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
        CHOICE + "::test_the_best_is_a_member_and_not_worse_than_the_minimal_one",
    ),
    ("corrector/plan.py", "                del values[name]", "                pass", LET_GO),
    ("corrector/plan.py", "min((_loss(p), i) for i, p in", "max((_loss(p), i) for i, p in", LOSSY),
    (
        "corrector/minimax.py",
        "all(w >= 0 for w in multipliers) and total < 0",
        "total < 0",
        CHOICE + "::test_what_a_member_meets_is_never_proved_impossible",
    ),
    (
        "corrector/minimax.py",
        "rows += [(s, 1, zero), (s, -1, s)]",
        "rows += [(s, 1, zero)]",
        CHOICE + "::test_the_best_is_a_member_and_not_worse_than_the_minimal_one",
    ),
    (
        "corrector/minimax.py",
        "above = _root_above(1 + 4 * t) - 1",
        "above = _root_above(1 + 8 * t) - 1",
        CHOICE + "::test_the_smallest_residual_is_that_of_a_plain_search",
    ),
    ("corrector/choice.py", "4 if degree == 7 else (degree - 1)", "(degree - 1)", DOMINATED),
    ("corrector/derivation.py", "at_zero, *p = p", "_, *p = p; at_zero = 0", REMAINDER),
    (
        "corrector/words.py",
        'if u[-1] == v[0] == "P" else',
        "if u[-1] == v[0] else",
        ANSATZ + "::test_words_and_interpolation_agree",
    ),
    (
        "corrector/words.py",
        "yield word[: i + 1], word[i:]",
        "yield word[: i + 1], word[i + 1 :] or word",
        ANSATZ + "::test_words_and_interpolation_agree",
    ),
    (
        "corrector/words.py",
        'if longer.count("D") <= order:',
        'if longer.count("D") < order:',
        ANSATZ + "::test_words_and_interpolation_agree",
    ),
    (
        "corrector/words.py",
        'current["P"] - 1] if m',
        'current["P"] + 1] if m',
        ANSATZ + "::test_words_and_interpolation_agree",
    ),
    (
        "corrector/hermite.py",
        "* (n + k) / k",
        "* (n + k - 1) / k",
        ANSATZ + "::test_words_and_interpolation_agree",
    ),
    (
        "corrector/hermite.py",
        "lead = remainder[-1]",
        "lead = -remainder[-1]",
        ANSATZ + "::test_words_and_interpolation_agree",
    ),
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
        ARITHMETIC + "::test_tangents_are_the_corner_of_a_block_triangle",
    ),
    (
        "corrector/arithmetic.py",
        "left[..., i : i + height, :] @",
        "right[..., i : i + height, :] @",
        ARITHMETIC + "::test_products_and_sums_are_those_by_operators",
    ),
    (
        "corrector/arithmetic.py",
        "self._adjoint(strip[..., :, height:])",
        "0",
        ARITHMETIC + "::test_products_and_sums_are_those_by_operators",
    ),
    (
        "corrector/arithmetic.py",
        "if (self.mean and left is not right) or",
        "if",
        ARITHMETIC + "::test_half_of_a_product_of_hermitian_matrices_is_enough",
    ),
    (
        "corrector/arithmetic.py",
        "out -= x",
        "out += x",
        ARITHMETIC + "::test_products_and_sums_are_those_by_operators",
    ),
    (
        "corrector/arithmetic.py",
        "            out[...] = start\n            _scale(out, c)",
        "            out[...] = start",
        ARITHMETIC + "::test_products_and_sums_are_those_by_operators",
    ),
    (
        "corrector/plan.py",
        "scale * rest + _combined(plus, values)",
        "rest + _combined(plus, values)",
        PLAN + "::test_any_program_is_carried_out",
    ),
    (
        "corrector/plan.py",
        "d * left.shift",
        "d * right.shift",
        PLAN + "::test_every_candidate_is_the_polynomial_in_the_products_it_claims",
    ),
    (
        "corrector/cli.py",
        "if chosen and set(chosen) <= set(figures):",
        "if False:",
        GRAPHS + "::test_figures_of_both_parts_are_found_and_torch_is_loaded_only_for_its_own",
    ),
]


@mutants(MUTANTS)
def test_broken_formulas_do_not_live(copy, file, text, broken, tests):
    copy.must_fail(file, text, broken, tests)
