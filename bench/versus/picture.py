"""The table as a picture: per cell a bar for hob's ratio to its rival, a line where the two are equal
and a mark where the asked ratio is. Plain SVG without fonts or scripts of its own."""

from xml.sax.saxutils import escape

LABEL, BARS, FIGURES, ROW, TOP = 340, 380, 140, 22, 78  # pixels
COLOURS = {True: "#2a7f4f", False: "#c0582b", None: "#999999"}


def advantage(cell):
    """How many times better than the rival: more is better also where less of the thing is."""
    if not cell["ratio"]:
        return None
    return 1 / cell["ratio"] if cell["less_is_better"] else cell["ratio"]


def asked(cell):
    return 1 / cell["target_ratio"] if cell["less_is_better"] else cell["target_ratio"]


def svg(found):
    cells = found["cells"]
    about = found["about"]
    largest = max([1.0, *(advantage(cell) or 0 for cell in cells), *map(asked, cells)])
    scale = BARS / largest
    height = TOP + ROW * len(cells) + 16
    width = LABEL + BARS + FIGURES
    at = lambda value: LABEL + value * scale
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12" fill="#222">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        _text(12, 22, "hob against the better of llama.cpp and ik_llama.cpp", size=15),
        _text(12, 40, f"{about['cpu']['model']}, {about['threads']} threads, {about['date']}"),
        _text(12, 56, "bar: times better than the rival; tick: asked for; line: equal"),
    ]
    for position, cell in enumerate(cells):
        y = TOP + ROW * position
        times = advantage(cell)
        parts.append(_text(LABEL - 8, y + 11, cell["title"], anchor="end"))
        if times is not None:
            colour = COLOURS[cell["reached"]]
            parts.append(
                f'<rect x="{LABEL}" y="{y}" width="{times * scale:.1f}" height="14" fill="{colour}"/>'
            )
        tick = at(asked(cell))
        parts.append(
            f'<path d="M{tick:.1f} {y - 3}v20" stroke="#222" stroke-width="2" fill="none"/>'
        )
        share = cell["percent_of_limit"]
        figures = "not measured" if times is None else f"{times:.2f}x"
        figures += f", {share:.0f} % of limit" if share is not None else ""
        parts.append(_text(LABEL + BARS + 8, y + 11, figures))
    bottom = TOP + ROW * len(cells)
    equal = f'<path d="M{at(1):.1f} {TOP - 8}V{bottom}" stroke="#555" stroke-dasharray="4 3"/>'
    return "\n".join([*parts, equal, "</svg>"]) + "\n"


def _text(x, y, words, anchor="start", size=12):
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-size="{size}">{escape(words)}</text>'
