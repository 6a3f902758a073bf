# SPDX-License-Identifier: GPL-2.0-only
"""What `make check` holds the benches to: ratios that were reached, with a slack.

The slack is more than what a loaded machine does to a ratio of two contestants
that take turns, and less than what a doubled cost does.  Who makes something
quicker writes down here what is reached now; until then the check says that it is
behind."""

from targets import Target

SLACK = 1.6

_WALK, _REQUEST, _IO = "kernel/walk/", "kernel/request/", "io/randread/4k/"


def behind(limit, ratio):
    """Whether it is so much better that a doubled cost would not be seen."""
    much = limit.bound / SLACK ** 2 if limit.sense == "at most" else limit.bound * SLACK ** 2
    return limit._replace(bound=much).holds(ratio)


def _at_most(bench, peer, reached):
    return Target(f"{bench}, over {peer}", (bench, "vhost-pin"), (bench, peer),
                  "at most", reached * SLACK)


def _at_least(bench, who, peer, reached):
    return Target(f"{bench}, {who} over {peer}", (bench, who), (bench, peer),
                  "at least", reached / SLACK)


# Those with cold caches are left out: what else runs decides how cold.
LIMITS = [
    _at_most(_WALK + "direct/1/regions=1", "floor", 1.45),
    _at_most(_WALK + "direct/3/regions=1", "floor", 1.4),
    _at_most(_WALK + "direct/3/regions=1", "vringh-iotlb", 0.062),
    _at_most(_WALK + "direct/16/regions=1", "floor", 1.33),
    _at_most(_WALK + "direct/128/regions=1", "floor", 1.25),
    _at_most(_WALK + "direct/3/regions=64", "floor", 1.4),
    _at_most(_WALK + "direct/16/regions=64", "floor", 1.33),
    _at_most(_WALK + "direct/3/regions=1-by-page", "floor", 1.95),
    _at_most(_WALK + "indirect/3/regions=1", "floor", 1.9),
    _at_most(_WALK + "indirect/16/regions=1", "floor", 1.42),
    _at_most(_WALK + "indirect/3/regions=64", "floor", 1.88),
    _at_most(_REQUEST + "hot/3/batch=1", "floor", 2.7),
    _at_most(_REQUEST + "hot/3/batch=32", "floor", 3.5),
    _at_least(_IO + "depth=32", "ceiling", "vdpa_sim", 5.6),
    _at_least(_IO + "depth=32", "vhost-pin/null_blk", "vdpa_sim", 4.2),
    _at_least(_IO + "depth=32", "vhost-pin/null_blk", "ceiling", 0.69),
]
