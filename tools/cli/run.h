/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VPIN_CLI_RUN_H
#define VPIN_CLI_RUN_H

#include "command.h"

/* They do not return: they become a program. */
extern const struct command run_command, exec_command;

#endif
