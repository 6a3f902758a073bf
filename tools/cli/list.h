/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VPIN_CLI_LIST_H
#define VPIN_CLI_LIST_H

#include "command.h"

extern const struct command list_command;

#endif
