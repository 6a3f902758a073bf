/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VPIN_CLI_TOP_H
#define VPIN_CLI_TOP_H

#include "command.h"

extern const struct command top_command;

#endif
