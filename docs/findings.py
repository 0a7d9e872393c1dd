"""Bring docs/findings.md and a sentence of the README after docs/findings.json, which docs/studies.py makes.

    python docs/findings.py

Every number and every verdict on the page is from there; a test holds the page to it.
"""

import json
from pathlib import Path

from blocks import number, write

HERE = Path(__file__).parent
PAGE, KEPT, README = HERE / "findings.md", HERE / "findings.json", HERE.parent / "README.md"
MODIFIED = ("modified", "modified order 1")
"""The first corrector's names, alone and beside others."""
WON = {"lower": "wins", "higher": "loses", "no difference shown": "ties"}
"""What a ratio of scores says of a rule."""
PUBLISHED = ("published", "published-B2", "published-B3-B4")
MATCHED = ("small", "N4", "B2", "B2-kaiming")
ELSEWHERE = ("initialisations", "data", "batches", "pictures")


def won(kept, *rules):
    """The settings in which a rule wins, ties and loses."""
    found = {word: [] for word in WON.values()}
    for entry in _settings(kept, (*MATCHED, *ELSEWHERE)):
        found[_won(_rule(entry["passes"]["rows"], *rules))].append(_named(entry))
    return found


def in_short(kept):
    """Where the modified rule wins, ties and loses, and where its control does."""
    for who, rules in (("modified", MODIFIED), ("target", ("target",))):
        found = won(kept, *rules)
        yield f"- `{who}` against `ordinary`, in {sum(map(len, found.values()))} settings:"
        for word, names in found.items():
            yield f"  - **{word}** in {len(names)}{': ' * bool(names)}{'; '.join(names)}"
    entries = [*_settings(kept, (*MATCHED, *ELSEWHERE))]
    ends = [_rule(entry["passes"]["rows"], "target")["edge"] for entry in entries]
    yield (
        f"- The best rate of `target` is the least that was tried in {ends.count('least')} of them, where it "
        f"hardly trains at all, and the greatest in {ends.count('greatest')}."
    )
    ours = [(entry, _won(_rule(entry["passes"]["rows"], *MODIFIED))) for entry in entries]
    others = [(_named(entry), word, WON[entry["coarser"]["verdict"]]) for entry, word in ours]
    changed = [f"{name} ({word}, then {other})" for name, word, other in others if word != other]
    told = "; ".join(changed) or "none"
    yield f"- Were no score to count as less than 10⁻⁶, `modified` would do otherwise in: {told}."


def sentence(kept):
    """The same in numbers."""
    counts = {word: len(names) for word, names in won(kept, *MODIFIED).items()}
    told = ", ".join(f"{word} in {count}" for word, count in counts.items())
    yield f"In {sum(counts.values())} settings the modified rule {told}."


def published(kept):
    """Best mean errors as the sources average them, and what stands behind them."""
    heads = (
        "network",
        "kept at first",
        "rule",
        "rate",
        "effective",
        "error",
        "kept",
        "discarded",
        "collapsed",
    )
    yield _line(*heads, "discarded, all rates", "collapsed")
    yield "|---|---|---|---|---|---|---|---|---|---|---|"
    for entry in _settings(kept, PUBLISHED):
        for row in entry["published"]:
            counts = [f"{row[k]}/{row['runs']}" for k in ("discarded", "collapsed")]
            counts += [f"{row[k]}/{row['all_runs']}" for k in ("all_discarded", "all_collapsed")]
            values = [f"{row['rate']:g}", *(number(row[k]) for k in ("effective_rate", "error", "kept"))]
            yield _line(entry["network"], number(entry["kept_at_first"]), row["rule"], *values, *counts)


def improved(kept):
    """How many runs of the wide networks improved at each rate."""
    entries = [*_settings(kept, PUBLISHED[1:])]
    for entry in entries:
        for row in entry["published"]:
            found = ", ".join(f"{count} at {rate}" for rate, count in row["improved"].items())
            yield f"- {entry['network']}, {row['rule']}, of {row['runs']} runs: {found}"


def scale(kept):
    """Ratios at equal nominal and at equal effective rates."""
    yield "| network | protocol | equal rates | from | to | pairs | error | kept | sound pairs | error |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for name in (*PUBLISHED, *MATCHED):
        for entry in _settings(kept, (name,)):
            as_published = name in PUBLISHED
            for kind, found in entry["at_equal_rates"].items():
                if found is None or (kind == "nominal" and not as_published):
                    continue
                rates = [number(found[end]) for end in ("first", "last")]
                ratios = [_interval(found["ratios"][k]) for k in ("error", "kept")]
                sound = [f"{found['sound']}/{found['of']}", _interval(found["ratios"]["sound"])]
                protocol = "as published" if as_published else "half_sum"
                yield _line(
                    _named(entry), protocol, kind, *rates, f"{found['pairs']}/{found['of']}", *ratios, *sound
                )


def matched(kept):
    """The fair tables."""
    for entry in _settings(kept, MATCHED):
        passes, at_first = entry["passes"], number(entry["kept_at_first"])
        yield (
            f"**{_named(entry)}**: {passes['reported']} runs reported, batches of {entry['batch']}, "
            f"{passes['budget']:.0f} passes a run; {at_first} of the variance kept before training\n"
        )
        heads = ("rule", "rate", "diverged", "collapsed", "score", "kept", "rank", "score / ordinary")
        yield _line(*heads, "kept / ordinary", "equal passes", "equal time")
        yield "|---|---|---|---|---|---|---|---|---|---|---|"
        for row in passes["rows"]:
            if row["rule"] in ("ordinary", *MODIFIED, "target"):
                yield _line(*_fair(row, entry["seconds"]))
        yield ""


def _fair(row, by_time):
    counts = [f"{row[k]}/{row['runs']}" for k in ("diverged", "collapsed")]
    values = [number(row[k]["mean"]) for k in ("score", "kept", "rank")]
    compared = [""] * 4
    if row["rule"] != "ordinary":
        ratios = [_interval(row["ratios"][k], row["runs"]) for k in ("score", "kept")]
        compared = [*ratios, _won(row), _won(_rule(by_time["rows"], row["rule"]))]
    return row["rule"], f"{row['rate']:.3g}{' (edge)' * bool(row['edge'])}", *counts, *values, *compared


def sooner(kept):
    """Which rule is sooner, in epochs."""
    yield "| network | ordinary: runs | epochs | modified: runs | epochs | epochs, modified / ordinary |"
    yield "|---|---|---|---|---|---|"
    for entry in _settings(kept, MATCHED):
        found, reported = entry["sooner"], entry["passes"]["reported"]
        ours, theirs = next(found[name] for name in MODIFIED if name in found), found["ordinary"]
        cells = [(f"{one['reached']}/{reported}", number(one["median"])) for one in (theirs, ours)]
        yield _line(_named(entry), *cells[0], *cells[1], _interval(ours["ratio"], reported))


def elsewhere(kept):
    """Scores in other settings."""
    yield "| setting | ordinary | modified / ordinary | | target / ordinary | |"
    yield "|---|---|---|---|---|---|"
    for entry in _settings(kept, ELSEWHERE):
        rows = entry["passes"]["rows"]
        ordinary = _rule(rows, "ordinary")
        cells = [f"{number(ordinary['score']['mean'])} {_failed(ordinary)}"]
        for row in (_rule(rows, *MODIFIED), _rule(rows, "target")):
            cells += [f"{_interval(row['ratios']['score'])} {_failed(row)}", _won(row)]
        yield _line(_named(entry), *cells)


def orders(kept):
    """Other correctors against the first."""
    yield "| network | corrector | rate | diverged | collapsed | score | score / order 1 | kept / order 1 | |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for entry in _settings(kept, ("small",)):
        for row in entry["orders"]["rows"]:
            counts = [f"{row[k]}/{row['runs']}" for k in ("diverged", "collapsed")]
            compared = [*(_interval(row["ratios"][k], row["runs"]) for k in ("score", "kept")), _won(row)]
            first = row["rule"] == MODIFIED[1]
            name, rate = (
                row["rule"].removeprefix("modified "),
                f"{row['rate']:.3g}{' (edge)' * bool(row['edge'])}",
            )
            yield _line(
                entry["network"],
                name,
                rate,
                *counts,
                number(row["score"]["mean"]),
                *([""] * 3 if first else compared),
            )


def spectra(kept):
    """How often the final rank is as foretold."""
    yield "| rate | seeds | ended idempotent | of the rank foretold | 95 % interval |"
    yield "|---|---|---|---|---|"
    for row in kept["spectra"]:
        shares = [f"{row[k] / row['seeds']:.2%}" for k in ("arrived", "right")]
        yield _line(f"{row['rate']:g}", row["seeds"], *shares, f"{row['low']:.2%}–{row['high']:.2%}")


def commands(kept):
    """What was trained."""
    yield "| study | runs | epochs | command |"
    yield "|---|---|---|---|"
    for name in (*PUBLISHED, *MATCHED, *ELSEWHERE):
        found = kept[name]
        yield _line(name, found["runs"], found["epochs"], f"`{found['command']}`")


BLOCKS = {
    "in short": in_short,
    "published": published,
    "improved": improved,
    "scale": scale,
    "matched": matched,
    "sooner": sooner,
    "elsewhere": elsewhere,
    "orders": orders,
    "spectra": spectra,
    "commands": commands,
}
"""By the words that mark them on the page."""


def _settings(kept, names):
    for name in names:
        several = len({entry["batch"] for entry in kept[name]["settings"]}) > 1
        yield from (entry | {"several": several} for entry in kept[name]["settings"])


def _named(entry):
    """A setting in a few words: what is not as usual, or not the same in its study."""
    words = [entry["network"]]
    words += [entry["initialisation"]] * (entry["initialisation"] != "default")
    words += [entry["data"]] * (entry["data"] not in ("normal", "digits"))
    words += [f"batch {entry['batch']}"] * entry["several"]
    return ", ".join(words)


def _rule(rows, *names):
    return next(row for row in rows if row["rule"] in names)


def _won(row):
    return WON[row["ratios"]["score"]["verdict"]]


def _failed(row):
    failed = row["diverged"] + row["collapsed"]
    return f"({failed}/{row['runs']})" if failed else ""


def _line(*cells):
    return f"| {' | '.join(map(str, cells))} |"


def _interval(found, of=0):
    """A ratio, with its pairs where they are fewer than all."""
    if found["mean"] is None:
        return "—"
    pairs = f"{found['count']} pairs"
    if found["low"] is None:
        return f"{number(found['mean'])} ({pairs})"
    few = f", {pairs}" * (found["count"] < of)
    return f"{number(found['mean'])} ({number(found['low'])}–{number(found['high'])}{few})"


if __name__ == "__main__":
    kept = json.loads(KEPT.read_text(encoding="utf-8"))
    write(PAGE, kept, BLOCKS)
    write(README, kept, {"sweeps": sentence})
