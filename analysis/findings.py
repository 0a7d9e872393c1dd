"""The findings of an audit as text, as JSON and as a page that can be sent to somebody."""

from __future__ import annotations

import json
import textwrap
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2

from corrector.files import whole_file

from .search import Search

if TYPE_CHECKING:
    import os

    from .auditing import Audit

_STEPS = (2, 3, 5, 10, 20, 50)


def sentences(audit: Audit) -> list[tuple[str, str]]:
    """Return what was found, each with a heading; the verdict first, and with it the guard."""
    found = audit.quantiles()
    count = len(audit.errors)
    verdict = (
        f"{audit.violations} of {count} inputs have ‖f(f(x)) − f(x)‖/‖f(x)‖ > {audit.epsilon:g}. With "
        f"{_percent(audit.confidence)} confidence at most {_percent(audit.bound)} of all such inputs do, "
        "if these were drawn from them independently."
    )
    if audit.distinct is not None and audit.distinct < count:
        verdict += f" Only {audit.distinct} of them differ from one another."
    errors = ", ".join(f"{name} {value:.3g}" for name, value in found.items())
    kept = (
        "The outputs or inputs do not vary within floating-point range: what they keep was not measured"
        if not isfinite(audit.kept)
        else f"COLLAPSED: the outputs keep {audit.kept:.2g} of the variance of the inputs, so that an error "
        "says nothing"
        if audit.collapsed
        else f"The outputs keep {audit.kept:.3g} of the variance of the inputs; centred error "
        f"{audit.centred:.3g}"
    )
    guard = (
        f"{kept}. Effective rank {audit.rank:.3g}, of the inputs {audit.input_rank:.3g}. The identity keeps "
        "all of both with error 0, a constant map nothing of either."
    )
    lines = [
        ("share that violates", verdict),
        ("relative error", f"{errors[0].upper()}{errors[1:]}."),
        ("collapse guard", guard),
        ("drift", _drift(audit)),
        ("Jacobian", _jacobian(audit)),
        ("worst input", _worst(audit)),
    ]
    return lines + [("broken besides", notice) for notice in audit.notices]


def as_text(audit: Audit) -> str:
    """Return the findings as text."""
    head = f"Audit of {audit.name} on {len(audit.errors)} inputs of shape {audit.shape}"
    width = max(len(heading) for heading, _ in sentences(audit))
    indent = " " * (width + 4)
    lines = [
        textwrap.fill(f"  {heading:<{width}}  {words}", 100, subsequent_indent=indent, break_long_words=False)
        for heading, words in sentences(audit)
    ]
    return "\n".join([head, *lines])


def as_dict(audit: Audit) -> dict[str, Any]:
    """Return the findings as numbers and words that JSON has."""
    steps = range(1, len(audit.drift) + 1)
    search: Any = audit.search
    if isinstance(search, Search):
        names = ("error", "start", "distance", "reach")
        search = {name: _number(getattr(search, name)) for name in names} | {"input": search.x.tolist()}
    return {
        "name": audit.name,
        "inputs": len(audit.errors),
        "shape": list(audit.shape),
        "epsilon": audit.epsilon,
        "confidence": audit.confidence,
        "distinct": audit.distinct,
        "violations": audit.violations,
        "bound": audit.bound,
        "relative_error": _numbers(audit.quantiles()),
        "collapsed": audit.collapsed,
        "kept": _number(audit.kept),
        "centred": _number(audit.centred),
        "rank": _number(audit.rank),
        "input_rank": _number(audit.input_rank),
        "drift": {str(k): _numbers(audit.quantiles(audit.drift[k - 1])) for k in steps},
        "jacobian": _numbers(audit.quantiles(audit.jacobian)) | {"by": audit.derivative},
        "search": search,
        "notices": list(audit.notices),
    }


def write(audit: Audit, path: str | os.PathLike[str], picture: tuple[int, int] | None) -> None:
    """Write the report whole or not at all, in the form that the ending names."""
    ending = Path(path).suffix
    if ending == ".html":
        content = _page(audit, picture)
    elif ending == ".json":
        content = json.dumps(as_dict(audit), indent=2) + "\n"
    elif ending == ".txt":
        content = as_text(audit) + "\n"
    else:
        raise ValueError(f"`path` must end in .html, .json or .txt; got {Path(path).name}")
    with whole_file(path) as draft:
        draft.write_text(content, encoding="utf-8")


def _drift(audit: Audit) -> str:
    last = len(audit.drift)
    shown = [k for k in _STEPS if k < last] + [last] * (last > 1)
    parts = [
        f"f{_raised(k)} {q['median']:.3g} (max {q['max']:.3g})"
        for k in shown
        for q in [audit.quantiles(audit.drift[k - 1])]
    ]
    if not parts:
        return "not followed."
    return f"Distance from f(x), relative, median over {audit.drift.shape[1]} inputs: {', '.join(parts)}."


def _jacobian(audit: Audit) -> str:
    if not audit.jacobian.size:
        if audit.derivative in ("forward mode", "central differences"):
            return "J(x)v vanishes for every v: f is constant there, or hides its derivative."
        return _sentence(audit.derivative)
    found = ", ".join(f"{name} {value:.3g}" for name, value in audit.quantiles(audit.jacobian).items())
    return f"‖J(f(x))w − w‖/‖w‖, w = J(x)v, {audit.jacobian.size} directions by {audit.derivative}: {found}."


def _worst(audit: Audit) -> str:
    if not isinstance(audit.search, Search):
        return _sentence(audit.search)
    found = audit.search
    return (
        f"Relative error {found.error:.3g}, {_percent(found.distance)} of its norm away from an input where "
        f"it is {found.start:.3g} (looked for within {_percent(found.reach)}; there may be worse)."
    )


def _page(audit: Audit, picture: tuple[int, int] | None) -> str:
    from .plotting import draw_audit, draw_worst, embedded

    figures = [("What was found", draw_audit(audit))]
    if (gallery := draw_worst(audit, picture)) is not None:
        figures.append(("The worst input that was found", gallery))
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("analysis"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    return environment.get_template("audit.html").render(
        audit=audit,
        sentences=sentences(audit),
        figures=[(title, embedded(figure)) for title, figure in figures],
        percent=_percent,
    )


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."


def _raised(k: int) -> str:
    return str(k).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _number(x: float) -> float | None:
    return float(x) if isfinite(x) else None


def _numbers(values: dict[str, float]) -> dict[str, float | None]:
    return {name: _number(value) for name, value in values.items()}
