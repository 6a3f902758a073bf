# SPDX-License-Identifier: GPL-2.0-only
"""How sphinx builds the documentation: `make docs`."""
import pathlib
import re

from docutils import nodes

top = pathlib.Path(__file__).resolve().parent.parent

project = "vhost-pin"
copyright = "the vhost-pin authors"
author = "the vhost-pin authors"
release = re.search(r'^PACKAGE_VERSION="(.*)"', (top / "dkms.conf").read_text(), re.M)[1]
version = release

html_static_path = ["static"]
html_theme = "alabaster"
html_theme_options = {
    "description": "virtio disks from pinned guest memory",
    "page_width": "80em",
    "sidebar_width": "16em",
    "fixed_sidebar": True,
}
html_sidebars = {"**": ["about.html", "searchbox.html", "navigation.html"]}
html_copy_source = False
html_show_sphinx = False
smartquotes = False

# What is set is code of C or a shell, if it does not say what it is.
highlight_language = "none"
man_pages = [
    ("man/vhost-pin.1", "vhost-pin", "serves disks to virtual machines", author, 1),
    ("man/vhost-pin.4", "vhost-pin", "virtio devices from pinned memory", author, 4),
    ("man/vhost-pin.conf.5", "vhost-pin.conf", "the disks of a virtual machine", author, 5),
]
man_show_urls = False


def without_tables(app, doctree, docname):
    """In a manual page a table is a list: what a row begins with, and what of it.
    Columns in between go with what it begins with, by their titles."""
    if app.builder.name != "man":
        return
    for table in list(doctree.findall(nodes.table)):
        titles = [entry.astext() for entry in next(table.findall(nodes.thead)).findall(nodes.entry)] \
            if list(table.findall(nodes.thead)) else []
        items = nodes.definition_list()
        for row in next(table.findall(nodes.tbody)).findall(nodes.row):
            cells = list(row.findall(nodes.entry))
            term = nodes.term("", "", *[child for part in cells[0] for child in part.children])
            for title, cell in list(zip(titles, cells))[1:-1]:
                if cell.astext():
                    term += nodes.Text(f" ({title}: {cell.astext()})")
            items += nodes.definition_list_item(
                "", term, nodes.definition("", *(cells[-1].children or [nodes.paragraph("", "--")])))
        table.replace_self(items)


def setup(app):
    app.connect("doctree-resolved", without_tables)
