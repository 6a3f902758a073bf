// SPDX-License-Identifier: GPL-2.0-only
/* vhost-pin: serves disks to virtual machines through the vhost_pin module. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../serve/resize.h"
#include "../serve/serve.h"
#include "run.h"
#include "say.h"

static const char help[] =
"Usage: vhost-pin run   --disk PATH[,OPTION...]... [--] QEMU ARGS...\n"
"       vhost-pin exec  --disk PATH[,OPTION...]... [--] CMD ARGS...\n"
"       vhost-pin serve --disk PATH[,OPTION...],socket=SOCKET... [--control PATH]\n"
"       vhost-pin resize --control PATH SOCKET\n"
"\n"
"Serves disk images and block devices to virtual machines from inside the host\n"
"kernel, by the vhost_pin module.\n"
"\n"
"  run    attaches disks and becomes QEMU, which has them as virtio-blk disks\n"
"  exec   attaches disks and becomes any program, which inherits the devices\n"
"  serve  attaches disks and offers them by vhost-user to VMMs that run already, or\n"
"         are to be migrated\n"
"  resize tells a running 'serve' that a disk has another size\n"
"\n"
"'vhost-pin run --help' and so on say more.\n"
"\n"
"  --help, --version\n";

int main(int argc, char *argv[])
{
	const char *command = argv[1];

	if (argc < 2)
		die(EXIT_USAGE, "what shall I do?  See 'vhost-pin --help'.");
	if (!strcmp(command, "run"))
		return run_main(argc - 1, argv + 1);
	if (!strcmp(command, "exec"))
		return exec_main(argc - 1, argv + 1);
	if (!strcmp(command, "serve"))
		return serve_main(argc - 1, argv + 1);
	if (!strcmp(command, "resize"))
		return resize_main(argc - 1, argv + 1);
	if (!strcmp(command, "--version")) {
		puts("vhost-pin " VPIN_VERSION);
		return EXIT_SUCCESS;
	}
	if (!strcmp(command, "--help") || !strcmp(command, "-h")) {
		fputs(help, stdout);
		return EXIT_SUCCESS;
	}
	die(EXIT_USAGE, "there is no command '%s'.  See 'vhost-pin --help'.", command);
}
