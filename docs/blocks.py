"""Parts of pages that scripts write: the lines between `<!-- NAME: begin -->` and `<!-- end -->`."""

END = "<!-- end -->"


def page(text, kept, blocks):
    """A page with its blocks as they are now, each made of what is kept."""
    for name, block in blocks.items():
        before, after = text.split(f"<!-- {name}: begin -->\n")
        text = f"{before}<!-- {name}: begin -->\n" + "\n".join(block(kept)) + "\n" + after[after.index(END) :]
    return text


def write(path, kept, blocks):
    """Write a page's blocks anew."""
    path.write_text(page(path.read_text(encoding="utf-8"), kept, blocks), encoding="utf-8")


def number(value):
    """Three digits, or two and a power of ten; a dash where there is none."""
    if value is None:
        return "—"
    if value and not 1e-4 <= abs(value) < 1e6:
        digits, power = f"{value:.1e}".split("e")
        return f"{digits}·10{str(int(power)).translate(str.maketrans('-0123456789', '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'))}"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
