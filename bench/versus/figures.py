"""From samples to what the table says: medians, the better peer, ratios, reached or missed."""

import statistics
from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """What a ratio must reach: at least `ratio`, or at most where less is better. A cell may count
    as reached by its share of the machine's limit as well."""

    ratio: float
    less_is_better: bool = False
    or_percent: float | None = None

    def reached(self, ratio, percent):
        if ratio is not None and (ratio <= self.ratio if self.less_is_better else ratio >= self.ratio):
            return True
        return bool(self.or_percent and percent is not None and percent >= self.or_percent)

    def text(self):
        sign = "<=" if self.less_is_better else ">="
        other = f" or {self.or_percent:g} %" if self.or_percent else ""
        return f"{sign} {self.ratio:g}{other}"


def median(values):
    """None of nothing."""
    return statistics.median(values) if values else None


def best(named_values, less_is_better=False):
    """(name, value) of the best; (None, None) of nothing."""
    known = [(name, value) for name, value in named_values if value is not None]
    if not known:
        return None, None
    return (min if less_is_better else max)(known, key=lambda pair: pair[1])


def ratio(ours, theirs):
    return ours / theirs if ours is not None and theirs else None


def worth_another_round(value, best_value, less_is_better=False, margin=0.85):
    """Whether a variant may still turn out the best: it is within the margin of it."""
    if value is None or best_value is None:
        return False
    return (best_value / value if less_is_better else value / best_value) >= margin
