from fractions import Fraction

import pytest

from analysis import stability_diagram
from analysis.plotting import PALETTE
from corrector import MCWEENY, Corrector, smoothstep


def test_the_cubic_has_no_spurious_attractor_below_two():
    found = stability_diagram(MCWEENY)
    assert len(found.relaxations) == 200
    assert 0 < found.relaxations[0] < found.relaxations[-1] < 2
    assert found.spurious == ()
    assert all(c.complete for c in found.cycles)
    assert "no spurious attractor" in repr(found)


def test_spurious_attractors_are_found_where_they_are():
    found = stability_diagram(smoothstep(5), ["1.95", "1.96", "1.5"])
    assert [float(gamma) for gamma in found.relaxations] == [1.5, 1.95, 1.96]
    assert {gamma for gamma, _ in found.spurious} == {Fraction("1.96")}


def test_multipliers_and_attractors_are_drawn():
    found = stability_diagram(smoothstep(3), [0.5, 1, 1.995])
    above, below = found.plot()
    (half,) = (x for x in above.lines if x.get_label() == "0.5")
    slope = float(smoothstep(3).derivative()(Fraction(1, 2)))
    assert list(half.get_ydata()) == pytest.approx([1 - g + g * slope for g in (0.5, 1, 1.995)])
    colours = {x.get_color() for x in below.lines}
    assert colours == {PALETTE[0], PALETTE[1], PALETTE[5]}
    assert below.get_xlabel() == "relaxation γ"


def test_progress_is_told():
    shares = []
    stability_diagram(MCWEENY, [1, 0.5], progress=shares.append)
    assert shares == [0.5, 1]


@pytest.mark.parametrize(
    ("g", "relaxations", "words"),
    [
        (MCWEENY, [], "at least one γ; got none"),
        (MCWEENY, [0], "finite and not 0"),
        (Corrector((1,)), [1], "identity"),
        (Corrector((2,)), [1], "at least degree 2"),
    ],
)
def test_mistakes_are_named(g, relaxations, words):
    with pytest.raises(ValueError, match=words):
        stability_diagram(g, relaxations)
