# SPDX-License-Identifier: GPL-2.0-only
"""How sphinx builds the documentation: `make docs`."""
import pathlib
import re

top = pathlib.Path(__file__).resolve().parent.parent

project = "vhost-pin"
copyright = "the vhost-pin authors"
author = "the vhost-pin authors"
release = re.search(r'^PACKAGE_VERSION="(.*)"', (top / "dkms.conf").read_text(), re.M)[1]
version = release

html_theme = "alabaster"
html_theme_options = {
    "description": "virtio disks from pinned guest memory",
    "page_width": "70em",
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
