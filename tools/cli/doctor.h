/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VPIN_CLI_DOCTOR_H
#define VPIN_CLI_DOCTOR_H

#include "command.h"

extern const struct command doctor_command;

#endif
