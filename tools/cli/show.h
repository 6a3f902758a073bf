/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VPIN_CLI_SHOW_H
#define VPIN_CLI_SHOW_H

#include "command.h"

extern const struct command show_command;

#endif
