/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VPIN_CLI_METRICS_H
#define VPIN_CLI_METRICS_H

#include "command.h"

extern const struct command metrics_command;

#endif
