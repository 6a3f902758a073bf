#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""loglines.py: whether troubleshooting.rst has each line that the module can log, and
each errno of its ABI.  Prints TAP."""
import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
PAGE = (TOP / "Documentation/troubleshooting.rst").read_text()

# What a call of these says, after what is before its text.
LOGS = re.compile(r"\b(?:vpin_dev_notice|pr_\w+|dev_(?:emerg|alert|crit|err|warn|notice|info)"
                  r"(?:_ratelimited|_once)?|printk\w*|vpin_vq_break|vpin_vq_give_up)\(")
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
CONVERSION = re.compile(r"%(?!%)[#0-9+ -]*[hlz]*(?:p[a-zA-Z]*|[a-zA-Z])")
PREFIX = re.compile(r"^vhost_pin: (?:device %d: )?")


def arguments(source, start):
    """What is between the parentheses of a call whose text begins at start."""
    depth, at = 1, start
    while depth:
        string = STRING.match(source, at)
        if string:
            at = string.end()
            continue
        depth += {"(": 1, ")": -1}.get(source[at], 0)
        at += 1
    return source[start:at - 1]


def texts(source):
    """The strings of calls that log, each with what is put into it as '%'."""
    for call in LOGS.finditer(source):
        # Neighbours are one string, as for the compiler.
        inside = re.sub(r'"\s*"', "", arguments(source, call.end()))
        for text in STRING.findall(inside):
            text = PREFIX.sub("", text.replace(r"\n", ""))
            # A conversion alone has its texts somewhere else.
            if re.search(r"[a-z]{3}", CONVERSION.sub("", text)):
                yield text


def documented(text, literals):
    """Whether one of the page's literals is the text, with words for what is put in."""
    # "%s" of something that may be empty is left out.
    parts = CONVERSION.split(text)
    pattern = r"[\w./-]*".join(re.escape(p.replace("%%", "%")) for p in parts)
    return any(re.fullmatch(pattern, literal) for literal in literals)


def literals():
    """The literals that are terms of the page's lists."""
    flat = [line.strip() for line in PAGE.splitlines() if line.lstrip().startswith("``")]
    return [text for line in flat for text in re.findall(r"``(.*?)``", line)]


def logged():
    for directory in ("src", "include/vpin"):
        for file in sorted((TOP / directory).rglob("*.[ch]")):
            # What a macro makes of its argument is no text.
            source = re.sub(r"^#define.*(?:\\\n.*)*", "", file.read_text(), flags=re.M)
            for text in texts(source):
                yield f"{file.relative_to(TOP)}: {text}", text


def errnos():
    """Of the ABI: what its pages name, and what its rooms return."""
    files = [TOP / "Documentation/uapi.rst", TOP / "include/uapi/linux/vhost_pin.h"]
    found = set()
    for file in files:
        found |= set(re.findall(r"\bE(?:2BIG|[A-Z]{2,})\b", file.read_text()))
    for room in ("abi", "chardev"):
        for file in (TOP / "src" / room).glob("*.c"):
            found |= set(re.findall(r"-(E[A-Z0-9]+)\b", file.read_text()))
    # VIRTIO_F_EVENT_IDX and the like are cut off; what is the kernel's own comes out
    # as another.
    known = set(re.findall(r"#define\s+(E[A-Z0-9]+)\s", "".join(
        pathlib.Path(p).read_text() for p in ("/usr/include/asm-generic/errno-base.h",
                                              "/usr/include/asm-generic/errno.h"))))
    return sorted(found & known)


def main():
    count, failed = 0, 0

    def result(good, name):
        nonlocal count, failed
        count += 1
        failed += not good
        print(("ok" if good else "not ok"), count, name)

    page = literals()
    lines = list(logged())
    for name, text in lines:
        result(documented(text, page), name)
    # The table of errnos: what its rows begin with.
    rows = set(re.findall(r"^(E[A-Z0-9]+)  ", PAGE, re.M))
    for errno in errnos():
        result(errno in rows, errno)
    result(len(lines) > 20 and len(rows) > 10, f"{len(lines)} lines and {len(rows)} errnos were looked for")
    print(f"1..{count}")
    return failed != 0


sys.exit(main())
