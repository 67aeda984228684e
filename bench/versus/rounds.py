"""Runs the jobs of all cells in turn, round after round.

Jobs that several cells share run once a round. After the first round, a rival way of being called that
is clearly not its contestant's best in any cell is left out. What has been measured by the time of an
interrupt counts.
"""

from dataclasses import dataclass, field

from versus import figures
from versus.jobs import Failed, Sample


@dataclass
class Results:
    samples: dict = field(default_factory=dict)  # Job -> [{test: Sample} of a round]
    failures: dict = field(default_factory=dict)  # Job -> what it said

    def values(self, job, test):
        return [round_[test].value for round_ in self.samples.get(job, []) if test in round_]

    def percent(self, job, test):
        shares = [round_.get(test, Sample(0)).percent for round_ in self.samples.get(job, [])]
        return figures.median([share for share in shares if share is not None])


def run(cells, count, under, say):
    results = Results()
    jobs = jobs_of(cells)
    try:
        for number in range(1, count + 1):
            for position, job in enumerate(jobs, 1):
                say(f"round {number}/{count}, {position}/{len(jobs)}: {job.who} {job.variant}".rstrip())
                try:
                    results.samples.setdefault(job, []).append(job.run(under))
                except (Failed, OSError) as failure:
                    results.failures[job] = str(failure)
                    say(f"FAILED: {failure}: {job.line()[:200]}")
            jobs = [job for job in jobs if job not in results.failures]
            if number == 1:
                jobs = contenders(cells, jobs, results)
    except KeyboardInterrupt:
        say("interrupted: the table shows what was measured until now")
    return results


def jobs_of(cells):
    """Every distinct job, in the order of the cells."""
    found = {}
    for cell in cells:
        found.setdefault(cell.ours)
        for job, _ in cell.rivals:
            found.setdefault(job)
    return list(found)


def contenders(cells, jobs, results):
    """The jobs that may still be the best of their contestant in some cell, and all of ours."""
    kept = {cell.ours for cell in cells}
    for cell in cells:
        less = cell.target.less_is_better
        for who in {job.who for job, _ in cell.rivals}:
            firsts = {
                job: figures.median(results.values(job, test))
                for job, test in cell.rivals
                if job.who == who
            }
            _, best = figures.best(firsts.items(), less)
            kept |= {
                job
                for job, value in firsts.items()
                if figures.worth_another_round(value, best, less)
            }
    return [job for job in jobs if job in kept]
