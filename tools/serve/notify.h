/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VPIN_SERVE_NOTIFY_H
#define VPIN_SERVE_NOTIFY_H

/*
 * Tells the supervisor, if there is one (NOTIFY_SOCKET, as systemd has it), how it
 * is: "READY=1", "STOPPING=1".
 */
void notify(const char *state);

#endif
