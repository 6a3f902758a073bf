/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VPIN_SERVE_RESIZE_H
#define VPIN_SERVE_RESIZE_H

#include "../cli/command.h"

extern const struct command resize_command;

#endif
