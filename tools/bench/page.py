# SPDX-License-Identifier: GPL-2.0-only
"""Documentation/figures.rst: the targets, the plots and the figures."""

import re

from table import number, spread, table

HEAD = """\
.. SPDX-License-Identifier: GPL-2.0-only
.. written by tools/bench/publish

=======
Figures
=======

Of the last run of ``make bench``{machine}, on a machine that others share.  What is
compared, and what the lab favours, is in `performance.rst <performance.rst>`_.  Figures
are medians of all rounds, with the least and the most; a ratio is the median of the
rounds' ratios.  Over floor is, end to end, over the ceiling.  CPU is what all processors
were busy for, a request; a server's is of its threads alone.  p50 to p99.9 are the
latency, from the submission to the batch that had it, that the given share of requests
did not exceed.
"""

# Heading, plots, and benches of a section.  Those that are left out, variations
# of these, are in build/bench.
SECTIONS = [
    ("Walking a chain", ["walk", "regions"],
     r"(kernel|user)/walk/(direct/(\d+/regions=1|3/regions=\d+)|indirect/3/regions=1)$"
     r"|kernel/walk/direct-cold/"),
    ("A whole request", ["requests"],
     r"kernel/request/|user/request/direct/3/.*/regions=4$"),
    ("Changing memory", [], r"kernel/(map|memory)/"),
    ("End to end", ["io"], r"io/"),
    ("End to end on Debian's own kernel, in an emulator", [], r"stock"),
    ("Growth", ["growth", "memory"], r"growth/"),
    ("In a guest", ["guest"], r"guest/"),
]


def heading(text):
    return f"\n{text}\n{'=' * len(text)}\n\n"


def target_rows(results):
    for result in results:
        measured = result["value"] is not None
        yield (result["name"],
               f"{number(result['value'])} {result['unit']}" if measured else "",
               spread(result["min"], result["max"]),
               number(result["over_floor"], 3),
               number(result["ratio"], 3),
               result["target"], result["verdict"])


# Fields of some samples that are worth a column.
EXTRA = {"cpu_us": "CPU, us", "server_us": "server, us", "host_cpu_us": "host's CPU, us",
         "p50_us": "p50, us", "p99_us": "p99, us", "p99.9_us": "p99.9, us",
         "signals_a_turn": "signals a turn"}


def extra(samples, pattern):
    """Those that a section's samples have."""
    return [field for field in EXTRA
            if any(samples.values(bench, who, field) for bench in samples.benches()
                   if re.match(pattern, bench) for who in samples.contestants(bench))]


def figure_rows(samples, pattern, fields):
    for bench in samples.benches():
        if not re.match(pattern, bench):
            continue
        for who in samples.contestants(bench):
            values = samples.values(bench, who)
            yield (bench, who, f"{number(samples.median(bench, who))} {samples.unit(bench)}",
                   spread(min(values), max(values)),
                   number(samples.over_floor(bench, who), 3),
                   *(number(samples.median(bench, who, field), 3) for field in fields))


def page(samples, results, machine, plots):
    """The page; plots has the names of those that there are."""
    text = HEAD.format(machine=f" ({machine})" if machine else "")
    text += heading("Targets") + table(
        ("target", "measured", "least .. most", "over floor", "ratio", "wanted", "verdict"),
        list(target_rows(results)))
    for result in results:
        if result["note"] and not result["met"]:
            text += f"\n{result['name'].capitalize()}: {result['note']}.\n"
    for title, names, pattern in SECTIONS:
        fields = extra(samples, pattern)
        rows = list(figure_rows(samples, pattern, fields))
        if not rows:
            continue
        text += heading(title)
        for name in names:
            if name in plots:
                text += f".. image:: plots/{name}.svg\n   :alt: plot: {name}\n\n"
        text += table(("bench", "who", "median", "least .. most", "over floor",
                       *(EXTRA[field] for field in fields)), rows)
    return text
