# SPDX-License-Identifier: GPL-2.0-only
"""Charts as SVG files: lines and bars of medians, with the least and the most.

The same samples make the same file.  Colours are seen on white and on black."""

import io
import re
from typing import Dict, List, NamedTuple, Tuple

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from table import number

INK = "#808080"
# Colour and mark of a contestant, or of what its name begins or ends with.
STYLES = {
    "floor": ("#8c8c8c", "o"), "ceiling": ("#8c8c8c", "o"),
    "vhost-pin/ceiling": ("#8c8c8c", "o"), "vhost-pin": ("#1f8fd6", "s"),
    "vringh-kern": ("#3da35d", "D"), "vringh-iotlb": ("#cf4f4f", "^"),
    "virtio-queue": ("#cf4f4f", "^"), "vdpa_sim": ("#d9822b", "v"),
    "vduse": ("#cf4f4f", "^"), "io_uring": ("#9a6fd0", "P"), "fio": ("#3da35d", "D"),
    "virtio-blk": ("#d9822b", "v"), "nice": ("#cf4f4f", "^"),
    "scattered": ("#cf4f4f", "^"), "contiguous": ("#3da35d", "D"),
}
OTHERS = [("#9a6fd0", "P"), ("#d9822b", "v"), ("#3da35d", "D"), ("#cf4f4f", "^"),
          ("#1f8fd6", "s"), ("#8c8c8c", "o")]

matplotlib.rcParams.update({
    "svg.fonttype": "none", "svg.hashsalt": "vhost-pin",
    "font.family": "sans-serif", "font.sans-serif": ["DejaVu Sans"], "font.size": 9,
    "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": INK,
    "xtick.color": INK, "ytick.color": INK, "grid.color": INK, "grid.alpha": 0.25,
    "axes.grid": True, "axes.axisbelow": True,
    "axes.spines.top": False, "axes.spines.right": False, "axes.titlesize": 9,
    "legend.frameon": False, "savefig.transparent": True,
})


class Point(NamedTuple):
    x: int
    median: float
    low: float
    high: float


class Lines(NamedTuple):
    """Figures that depend on a number."""
    title: str
    x: str
    unit: str
    series: Dict[str, List[Point]]      # by contestant
    logarithmic: bool = False           # so are the figures; the numbers always are


class Bars(NamedTuple):
    """Figures side by side."""
    title: str
    unit: str
    series: Dict[str, List[Point]]      # one point each


def style(who, taken=()):
    """One that is not taken, if there still is one."""
    known = [STYLES[key] for key in (who, who.split("/")[0], who.split("/")[-1])
             if key in STYLES]
    return next((one for one in (*known, *OTHERS) if one not in taken), OTHERS[0])


def errors(points) -> Tuple[List[float], List[float]]:
    return ([point.median - point.low for point in points],
            [point.high - point.median for point in points])


def end(chart):
    """Of the axis: one turn that was disturbed does not decide it."""
    return 1.2 * max(point.median for points in chart.series.values() for point in points)


def draw_lines(axes, chart):
    numbers = sorted({point.x for points in chart.series.values() for point in points})
    taken = []
    for who, points in chart.series.items():
        colour, mark = style(who, taken)
        taken.append((colour, mark))
        points = sorted(points)
        axes.errorbar([point.x for point in points], [point.median for point in points],
                      yerr=errors(points), label=who, color=colour, marker=mark,
                      markersize=4, linewidth=1.5, elinewidth=1)
    axes.set_xscale("log")
    axes.set_xticks(numbers, [str(number) for number in numbers])
    axes.xaxis.set_minor_locator(NullLocator())
    if chart.logarithmic:
        axes.set_yscale("log")
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter("{x:.0f}")
    else:
        axes.set_ylim(0, end(chart))
    axes.set_xlabel(chart.x)
    axes.set_ylabel(chart.unit)
    axes.legend(fontsize=8)


def draw_bars(axes, chart):
    names = list(chart.series)
    points = [chart.series[name][0] for name in names]
    places = range(len(names))
    axes.barh(places, [point.median for point in points], height=0.7,
              color=[style(name)[0] for name in names])
    axes.errorbar([point.median for point in points], places, xerr=errors(points),
                  fmt="none", ecolor=INK, elinewidth=1)
    for place, point in zip(places, points):
        at = point.high if point.high < end(chart) else point.median
        axes.annotate(number(point.median), (at, place), xytext=(4, 0),
                      textcoords="offset points", va="center", fontsize=8)
    axes.set_yticks(places, names)
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()
    axes.grid(False, axis="y")
    axes.set_xlim(0, 1.1 * end(chart))
    axes.set_xlabel(chart.unit)


def height(chart):
    return 0.8 + 0.2 * len(chart.series) if isinstance(chart, Bars) else 2.6


def shrunk(svg):
    """Without what nobody sees, and each style once: a third is left."""
    svg = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r' id="[\w.]+_\d+"| transform="rotate\(-0 [^"]*"', "", svg)
    svg = re.sub(r"(\d\.\d)\d+", r"\1", svg)
    svg = re.sub(r"\s*\n\s*", "\n", svg)
    # Groups of nothing in particular, from the innermost.
    while (less := re.sub(r"<g>((?:(?!</?g\b).)*)</g>\n", r"\1", svg, flags=re.DOTALL)) != svg:
        svg = less
    styles = list(dict.fromkeys(re.findall(r' style="([^"]*)"', svg)))
    svg = re.sub(r' style="([^"]*)"', lambda style: f' class="s{styles.index(style[1])}"', svg)
    rules = "".join(f".s{number}{{{style}}}\n" for number, style in enumerate(styles))
    return re.sub(r"\n+", "\n", svg.replace("</style>", f"\n{rules}</style>", 1))


def draw(path, charts, columns):
    """Writes a file with all the charts, so many in a row."""
    columns = min(columns, len(charts))
    rows = [charts[at:at + columns] for at in range(0, len(charts), columns)]
    heights = [max(map(height, row)) for row in rows]
    figure = Figure(figsize=(4.2 * columns, sum(heights)), layout="constrained")
    grid = figure.add_gridspec(len(rows), columns, height_ratios=heights)
    for row, line in enumerate(rows):
        for column, chart in enumerate(line):
            axes = figure.add_subplot(grid[row, column])
            axes.set_title(chart.title)
            (draw_bars if isinstance(chart, Bars) else draw_lines)(axes, chart)
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    with open(path, "w", encoding="utf-8") as svg:
        svg.write(shrunk(file.getvalue()))
