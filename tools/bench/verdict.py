# SPDX-License-Identifier: GPL-2.0-only
"""What samples say of a target: an object of build/bench.json."""


def verdict(samples, target):
    """What was not measured is None."""
    bench, who = target.ours
    values = samples.values(bench, who, target.field)
    floor = samples.floor(bench)
    if target.peer:
        judged = ratio = samples.ratio(target.ours, target.peer)
    else:
        judged, ratio = samples.median(bench, who, target.field), None
    met = None if judged is None else target.holds(judged)
    return {
        "name": target.name,
        "bench": bench,
        "who": who,
        "value": samples.median(bench, who, target.field),
        "unit": samples.unit(bench) if target.field == "value" else target.field,
        "min": min(values, default=None),
        "max": max(values, default=None),
        "runs": len(values),
        "peer": " ".join(target.peer) if target.peer else None,
        "peer_value": samples.median(*target.peer) if target.peer else None,
        "ratio": ratio,
        "floor": samples.median(bench, floor) if floor else None,
        "over_floor": samples.over_floor(bench, who),
        "target": f"{target.sense} {target.bound:.4g}",
        "met": met,
        "verdict": {True: "met", False: "NOT MET", None: "not measured"}[met],
        "note": target.note or None,
    }
