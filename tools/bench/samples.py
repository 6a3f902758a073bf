# SPDX-License-Identifier: GPL-2.0-only
"""Samples of the benches: a JSON object a line, as their programs write them.

{"bench": "user/walk/direct/3/regions=1", "who": "vhost-pin", "round": 0,
 "value": 14.2, "unit": "ns"}; fields that are not named here are kept.

Within a round the contestants are measured one right after the other, so two
of them are compared round by round: the machine's moods are in both.
"""

import json
from collections import defaultdict
from statistics import median


class Samples:
    def __init__(self, lines):
        self.rounds = defaultdict(dict)     # (bench, who) -> round -> sample
        for line in lines:
            if line.startswith("{"):
                sample = json.loads(line)
                self.rounds[sample["bench"], sample["who"]][sample["round"]] = sample

    def benches(self):
        """Their names, in the order of their first samples."""
        return list(dict.fromkeys(bench for bench, _ in self.rounds))

    def contestants(self, bench):
        return [who for name, who in self.rounds if name == bench]

    def values(self, bench, who, field="value"):
        return [sample[field] for sample in self.rounds.get((bench, who), {}).values()
                if field in sample]

    def unit(self, bench):
        """None if there is no sample."""
        return next((sample["unit"] for (name, _), rounds in self.rounds.items()
                     if name == bench for sample in rounds.values()), None)

    def median(self, bench, who, field="value"):
        values = self.values(bench, who, field)
        return median(values) if values else None

    def ratios(self, over, under):
        """over and under: (bench, who); one ratio for each round of both."""
        a, b = self.rounds.get(over, {}), self.rounds.get(under, {})
        return [a[n]["value"] / b[n]["value"] for n in a if n in b and b[n]["value"]]

    def ratio(self, over, under):
        ratios = self.ratios(over, under)
        return median(ratios) if ratios else None

    def floor(self, bench):
        """Who nobody can be better than, if that was measured; else None."""
        return next((who for who in ("floor", "ceiling") if (bench, who) in self.rounds),
                    None)

    def over_floor(self, bench, who):
        """The contestant's ratio to that; None if there is none, or it is itself."""
        floor = self.floor(bench)
        return None if floor in (None, who) else self.ratio((bench, who), (bench, floor))
