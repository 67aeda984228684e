"""The table: gathered from results as plain data (what the JSON holds), then as text, as Markdown
and, by picture.py, as SVG."""

import json
import re

from versus import figures, machine, picture


def kind(found):
    return machine.kind(found["about"]["cpu"]["features"])


def picture_name(found):
    return f"performance-{kind(found)}.svg"


def markers(kind_):
    """The lines of docs/performance.md between which the last run of a kind of machine stands."""
    return f"<!-- {kind_}: begin -->", f"<!-- {kind_}: end -->"


def gather(plan, results, about):
    """Everything that was measured, as JSON has it."""
    return {
        "about": about,
        "cells": [_cell(cell, results) for cell in plan.cells],
        "skipped": [{"what": what, "why": why} for what, why in plan.skipped],
        "failed": [
            {"who": job.who, "command": job.line(), "why": why}
            for job, why in results.failures.items()
        ],
    }


def _cell(cell, results):
    less = cell.target.less_is_better
    ours = results.values(cell.ours, cell.test)
    percent = results.percent(cell.ours, cell.test)
    rivals = [_entry(job, results.values(job, test)) for job, test in cell.rivals]
    best, theirs = figures.best(
        ((rival["who"], rival["median"]) for rival in rivals), less
    )
    ratio = figures.ratio(figures.median(ours), theirs)
    measured = ratio is not None
    return {
        "group": cell.group,
        "title": cell.title,
        "unit": cell.unit,
        "ours": _entry(cell.ours, ours),
        "rivals": rivals,
        "better_rival": best,
        "ratio": ratio,
        "percent_of_limit": percent,
        "target": cell.target.text(),
        "less_is_better": less,
        "target_ratio": cell.target.ratio,
        "reached": cell.target.reached(ratio, percent) if measured else None,
    }


def _entry(job, values):
    return {
        "who": job.who,
        "variant": job.variant,
        "command": job.line(),
        "rounds": values,
        "median": figures.median(values),
    }


# --- rows ---


def by_contestant(cell):
    """Who -> median of the best way of calling it; None where nothing was measured."""
    found = {}
    for rival in cell["rivals"]:
        values = [(None, found.get(rival["who"])), (None, rival["median"])]
        found[rival["who"]] = figures.best(values, cell["less_is_better"])[1]
    return found


def verdict(cell):
    return {True: "reached", False: "missed", None: "not measured"}[cell["reached"]]


def number(value):
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.3g}"


HEAD = ("", "hob", "llama.cpp", "ik_llama.cpp", "ratio", "asked", "", "of limit")


def rows(found):
    """One tuple of texts per cell, under HEAD."""
    for cell in found["cells"]:
        theirs = by_contestant(cell)
        itself = theirs.get("hob", theirs.get("hob native"))
        columns = [number(theirs.get(who)) for who in ("llama.cpp", "ik_llama.cpp")]
        if itself is not None:
            columns = [f"hob: {number(itself)}", "-"]
        share = cell["percent_of_limit"]
        ratio = cell["ratio"]
        yield (
            cell["title"],
            f"{number(cell['ours']['median'])} {cell['unit']}",
            *columns,
            "-" if ratio is None else f"{ratio:.2f}",
            cell["target"],
            verdict(cell),
            "-" if share is None else f"{share:.0f} %",
        )


def rounds_text(about):
    count = about["rounds"]
    return "one round" if count == 1 else f"medians of {count} rounds"


def text(found):
    table = [HEAD, *rows(found)]
    widths = [max(len(row[i]) for row in table) for i in range(len(HEAD))]
    lines = [
        "  ".join(
            cell.ljust(width) if i in (0, 6) else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths))
        ).rstrip()
        for row in table
    ]
    return "\n".join([*_heading(found["about"]), "", *lines, *_remarks(found)])


def _heading(about):
    cpu = about["cpu"]
    return [
        f"{cpu['model']}, {cpu['usable_cores']} cores ({' '.join(cpu['features'])}),"
        f" {about['memory_gb']} GB, Linux {about['kernel']}",
        f"hob {about['hob']}; {'; '.join(_versions(about))}",
        f"{about['date']}, {about['threads']} threads, {rounds_text(about)}:"
        f" {about['command']}",
    ]


def _versions(about):
    return sorted(set(about["peers"].values())) or ["no peers"]


def _remarks(found):
    lines = [f"left out: {entry['what']}: {entry['why']}" for entry in found["skipped"]]
    lines += [f"FAILED: {entry['why']}: {entry['command']}" for entry in found["failed"]]
    return ["", *lines] if lines else []


# --- files ---


def markdown(found):
    lines = [f"- {line}" for line in _heading(found["about"])]
    lines[2] = re.sub(r"(bench/compare.*)", r"`\1`", lines[2])
    lines += ["", "| " + " | ".join(HEAD) + " |", "|---|" + "---:|" * 5 + "---|---:|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows(found)]
    remarks = _remarks(found)
    return "\n".join(lines + remarks[:1] + [f"- {remark}" for remark in remarks[1:]]) + "\n"


def write(found, folder):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "compare.json").write_text(json.dumps(found, indent=2) + "\n")
    (folder / picture_name(found)).write_text(picture.svg(found))
    (folder / "performance.md").write_text(markdown(found))


def publish(found, docs):
    """The table between its kind's markers of docs/performance.md, and the picture beside it."""
    begin_, end_ = markers(kind(found))
    page = docs / "performance.md"
    text_ = page.read_text()
    before, begin, rest = text_.partition(begin_)
    _, end, after = rest.partition(end_)
    if not begin or not end:
        raise ValueError(f"{page}: the markers '{begin_}' and '{end_}' are not there")
    image = f"![hob's advantage over the better peer, per row]({picture_name(found)})"
    block = f"{_without_home(markdown(found))}\n{image}\n"
    page.write_text(f"{before}{begin_}\n{block}{end_}{after}")
    (docs / picture_name(found)).write_text(picture.svg(found))


def _without_home(text_):
    """Commands name files of this machine; a page that is published does not."""
    return re.sub(r"(?<![\w/])/(?:[\w.+-]+/)+", "", text_)
