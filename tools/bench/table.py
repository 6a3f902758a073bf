# SPDX-License-Identifier: GPL-2.0-only
"""Tables of reStructuredText, which are tables of plain text too."""


def number(value, digits=4):
    """With so many digits that mean something; nothing for None."""
    if value is None:
        return ""
    if value == 0 or abs(value) < 1e-6:
        return "0"
    if abs(value) >= 10 ** digits:
        return f"{value:.0f}"
    text = f"{value:#.{digits}g}"
    return f"{float(text):.7f}".rstrip("0").rstrip(".") if "e" in text else text.rstrip(".")


def spread(low, high):
    return "" if low is None else f"{number(low)} .. {number(high)}"


def table(head, rows):
    """A simple table, without columns that are empty.  The first cell of a row
    must not be: such a row would belong to the one before it."""
    used = [column for column in range(len(head)) if any(row[column] for row in rows)]
    lines = [[line[column] for column in used] for line in (head, *rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(used))]
    rule = "  ".join("=" * width for width in widths)
    body = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip()
            for line in lines]
    return "\n".join([rule, body[0], rule, *body[1:], rule]) + "\n"
