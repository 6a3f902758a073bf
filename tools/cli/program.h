/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VPIN_CLI_PROGRAM_H
#define VPIN_CLI_PROGRAM_H

/*
 * What "@program @arg1 @arg2" prints on stdout, to be freed; NULL, and @status is
 * EXIT_NOT_FOUND or EXIT_CANNOT_RUN, if it cannot run.
 */
char *program_output(const char *program, const char *arg1, const char *arg2, int *status);

#endif
