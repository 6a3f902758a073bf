// SPDX-License-Identifier: GPL-2.0-only
/* `vhost-pin list`: the disks of this host. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "host.h"
#include "list.h"
#include "say.h"
#include "table.h"
#include "text.h"

static const struct opt options[] = {
	{ "names", 'n', false, NULL, "names alone, one a line" },
	{ }
};

static void take(void *arg, int key, const char *value)
{
	bool *names = arg;

	(void)key;
	(void)value;
	*names = true;
}

static void print_table(const struct host *host)
{
	static const struct column columns[] = {
		{ .title = "NAME" }, { .title = "DEVICE" }, { .title = "STATE" },
		{ .title = "SIZE", .right = true }, { .title = "VM" },
		{ .title = "SOCKET" }, { .title = "DISK" },
	};
	struct table table;
	char size[SHORT_SIZE];
	unsigned int i;

	table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	for (i = 0; i < host->num; i++) {
		const struct host_disk *disk = &host->disks[i];

		table_add(&table, disk->name);
		table_add(&table, disk->device);
		table_add(&table, disk->texts[STATE]);
		table_add(&table, short_bytes(size, disk->numbers[CAPACITY]));
		table_add(&table, disk->vm_name);
		table_add(&table, disk->socket ?: "-");
		table_add(&table, disk->texts[BACKEND]);
	}
	table_print(&table, stdout, 0, UINT_MAX);
	table_fini(&table);
}

static int list_main(const struct command *command, int argc, char *argv[])
{
	bool names = false;
	struct host host;
	unsigned int i;

	if (argv[command_parse(command, argc, argv, take, &names)])
		die(EXIT_USAGE, "list: it takes no name\n"
		    "  All of one disk: vhost-pin show NAME");
	host_read(&host);
	for (i = 0; names && i < host.num; i++)
		puts(text_clean(host.disks[i].name));
	if (!names)
		print_table(&host);
	host_free(&host);
	return EXIT_SUCCESS;
}

const struct command list_command = {
	.name = "list",
	.usage = "[--names]",
	.summary = "the disks of this host",
	.about =
"Lists the disks that the vhost_pin module serves on this host, one a line: name,\n"
"device (in /sys/class/vhost-pin), state, size, the process of the VM, the socket\n"
"and the disk.\n"
"\n"
"A disk's name is that of its socket, without directory and '.sock'; of a disk\n"
"without a socket its serial number, or else its device's.  Sockets are told by\n"
"'vhost-pin serve --control PATH', to those who may connect there.\n",
	.options = options,
	.more =
"States:\n"
"  attached   nobody has it yet      suspended  its VM has stopped it\n"
"  owned      a VM sets it up        broken     a queue waits for a reset: see the log\n"
"  running    it is served           ending     its VM is gone, requests are not\n",
	.main = list_main,
};
