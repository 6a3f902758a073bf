# SPDX-License-Identifier: GPL-2.0-only
"""openmetrics.py FILE [VALUE]: whether Prometheus' own reader takes it, and what it
cannot know: our names, and that a unit is in its name.  With VALUE, some label has it."""
import re
import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families

text = open(sys.argv[1]).read()
families = list(text_string_to_metric_families(text))
assert len(families) > 15, families
for family in families:
    assert re.fullmatch(r"vhost_pin_[a-z_]+", family.name), family.name
    assert family.documentation.endswith("."), family.documentation
    # node_exporter reads the older format, which has these alone.
    assert family.type in ("counter", "gauge", "histogram"), family
    for word in ("bytes", "seconds"):
        assert not family.name.endswith("_" + word) or family.unit == word, family.name
    for sample in family.samples:
        assert "device" in sample.labels and "name" in sample.labels, sample
values = {v for f in families for s in f.samples for v in s.labels.values()}
assert len(sys.argv) < 3 or sys.argv[2] in values, values
