/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VPIN_CLI_RUN_H
#define VPIN_CLI_RUN_H

/* The sub-commands.  @argv[0] is the sub-command's name; they do not return. */
int run_main(int argc, char *argv[]);
int exec_main(int argc, char *argv[]);

#endif
