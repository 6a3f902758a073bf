/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VPIN_CLI_NODE_H
#define VPIN_CLI_NODE_H

#define VPIN_NODE	"/dev/vhost-pin"

/*
 * A blank device from @node; survives exec.  Exits with what is missing, and what
 * brings it, if there is none.
 */
int node_open(const char *node);

#endif
