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

    def values(self, bench, who):
        return [sample["value"] for sample in self.rounds[bench, who].values()]

    def unit(self, bench):
        return next(sample["unit"] for (name, _), rounds in self.rounds.items()
                    if name == bench for sample in rounds.values())

    def median(self, bench, who):
        values = self.values(bench, who)
        return median(values) if values else None

    def ratios(self, over, under):
        """over and under: (bench, who); one ratio for each round of both."""
        a, b = self.rounds.get(over, {}), self.rounds.get(under, {})
        return [a[n]["value"] / b[n]["value"] for n in a if n in b and b[n]["value"]]

    def ratio(self, over, under):
        ratios = self.ratios(over, under)
        return median(ratios) if ratios else None
