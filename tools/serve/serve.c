// SPDX-License-Identifier: GPL-2.0-only
/*
 * `vhost-pin serve`: offers disks to VMMs that speak vhost-user.  It tells the
 * module where memory, rings and eventfds are, and has no part in what goes
 * through them.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "../cli/disk.h"
#include "../cli/memlock.h"
#include "../cli/node.h"
#include "../cli/say.h"
#include "config.h"
#include "control.h"
#include "notify.h"
#include "serve.h"
#include "server.h"

/* Most open files that we make room for: the table of them takes memory. */
#define FILES_MAX	16384

static struct server servers[DISKS_MAX];
static unsigned int num_servers;
static struct listener control;

static struct disk *add_disk(const char *text)
{
	struct disk *disk = &servers[num_servers].disk;

	if (num_servers == DISKS_MAX)
		die(EXIT_USAGE, "more than %d disks", DISKS_MAX);
	/* VMMs ask for a queue a virtual CPU; those that never run cost next to nothing. */
	disk_parse(disk, text, VPIN_QUEUES_MAX);
	/* A guest that moves here stands still while its memory is mapped. */
	disk->flags = VPIN_ATTACH_LIVE_SETUP | VPIN_ATTACH_LAZY;
	num_servers++;
	return disk;
}

static void add_argument(const char *text)
{
	const struct disk *disk = add_disk(text);

	if (!disk->socket)
		die(EXIT_USAGE, "--disk: where shall %s be served?  Add ',socket=PATH'.",
		    disk->path);
}

/* The socket's unit must know where it is, and does not read the file. */
static void add_line(const char *text, const char *where, char *socket)
{
	struct disk *disk = add_disk(text);

	disk->where = where;
	/* Of a unit it would begin at the root. */
	if (*disk->path != '/')
		die(EXIT_USAGE, "the path '%s' does not begin with '/'", disk->path);
	if (disk->socket)
		die(EXIT_USAGE, "the disk is served at %s: leave out 'socket=%s'",
		    socket, disk->socket);
	disk->socket = socket;
}

static const struct opt options[] = {
	{ "disk", 'd', false, "PATH[,OPTION...],socket=SOCKET",
	  "serve PATH, a disk image or a block device, at\n"
	  "SOCKET; may be given up to 64 times" },
	{ "config", 'f', false, "FILE",
	  "serve the disks of FILE, NAME.conf, a line\n"
	  "'disk=PATH[,OPTION...]' each, the first at\n"
	  CONFIG_RUN "/NAME.sock, the next at NAME.2.sock\n"
	  "there: vhost-pin.conf(5); the unit vhost-pin@NAME does" },
	{ "control", 'c', false, "PATH",
	  "take requests at the socket PATH: by it 'list' knows\n"
	  "the disks' names, and 'resize' resizes them" },
	{ "node", 'n', false, "NODE", "the module's device node (" VPIN_NODE ")" },
	{ }
};

static void take(void *arg, int key, const char *value)
{
	const char **node = arg;

	if (key == 'd')
		add_argument(value);
	else if (key == 'f')
		config_read(value, add_line);
	else if (key == 'c')
		control.name = value;
	else
		*node = value;
}

static const char *parse(const struct command *command, int argc, char *argv[])
{
	const char *node = VPIN_NODE;
	int next = command_parse(command, argc, argv, take, &node);

	if (argv[next])
		die(EXIT_USAGE, "serve: what is '%s'?\n"
		    "  See 'vhost-pin serve --help'.", argv[next]);
	if (!num_servers)
		die(EXIT_USAGE, "serve: which disk?  Give at least one --disk PATH,socket=SOCKET.\n"
		    "  See 'vhost-pin serve --help'.");
	return node;
}

/* A disk may have an eventfd for each of its queues. */
static void set_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max < FILES_MAX ? limit.rlim_max : FILES_MAX;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static void wait_for_the_end(void)
{
	sigset_t ends;
	int signal;

	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigwait(&ends, &signal);
}

/* Threads inherit it: only who waits for them gets these signals. */
static void block_signals(void)
{
	sigset_t ends;

	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
}

/* However we end. */
static void unlink_all(void)
{
	unsigned int i;

	for (i = 0; i < num_servers; i++)
		listener_unlink(&servers[i].listener);
	listener_unlink(&control);
}

struct server *serve_find(const char *socket)
{
	unsigned int i;

	for (i = 0; i < num_servers; i++) {
		char *path = listener_path(&servers[i].listener);
		bool is = !strcmp(servers[i].disk.socket, socket) || !strcmp(path, socket);

		free(path);
		if (is)
			return &servers[i];
	}
	return NULL;
}

void serve_each(void (*see)(void *arg, const struct server *server), void *arg)
{
	unsigned int i;

	for (i = 0; i < num_servers; i++)
		see(arg, &servers[i]);
}

static int serve_main(const struct command *command, int argc, char *argv[])
{
	const char *node = parse(command, argc, argv);
	unsigned int i;

	block_signals();
	memlock_raise();
	set_files();
	atexit(unlink_all);
	for (i = 0; i < num_servers; i++)
		server_open(&servers[i], node);
	say_where("");
	if (control.name)
		listener_open(&control, control.name);
	listener_check_inherited();
	for (i = 0; i < num_servers; i++)
		server_start(&servers[i]);
	if (control.name)
		control_start(&control);

	notify("READY=1");
	wait_for_the_end();
	notify("STOPPING=1");
	/*
	 * What drains the disks is the end of the process, when the kernel closes the
	 * devices: it waits for what was taken, but for no disk for ever, and for no
	 * thread of ours that waits for one.
	 */
	return EXIT_SUCCESS;
}

const struct command serve_command = {
	.name = "serve",
	.usage = "--disk PATH[,OPTION...],socket=SOCKET... [--control PATH]\n"
		 "--config FILE [--control PATH]",
	.summary =
"attaches disks and offers them by vhost-user to VMMs that run already, or\n"
"are to be migrated",
	.about =
"Serves each disk to a VMM that speaks vhost-user (vhost-user-blk) and connects to\n"
"SOCKET: QEMU, libvirt, Cloud Hypervisor, Firecracker, libblkio.  A disk is one\n"
"VMM's at a time; when that ends or restarts, the next may connect.\n",
	.options = options,
	.takes_disks = true,
	.more =
"A disk has 64 queues here unless 'queues' says less: VMMs ask for one a CPU.\n"
"\n"
"SOCKET is the path of a UNIX socket, which is made, or the name or path of one\n"
"that is inherited by LISTEN_FDS.  Who may connect has the disk: see to the\n"
"permissions of its directory.\n"
"\n"
"The guest's memory must be shared: memfd, tmpfs or hugetlbfs.  It is pinned as it\n"
"is used; all of it counts against RLIMIT_MEMLOCK of this process, once for each\n"
"disk, unless that has CAP_IPC_LOCK.\n"
"\n"
"SIGTERM ends it, when the requests have ended that are under way.\n"
"\n"
"Example:\n"
"  vhost-pin serve --disk /dev/vg0/guest,socket=/run/guest.sock &\n"
"  qemu-system-x86_64 -accel kvm -m 4G -nographic \\\n"
"      -object memory-backend-memfd,id=ram,size=4G -machine q35,memory-backend=ram \\\n"
"      -chardev socket,id=disk,path=/run/guest.sock,reconnect-ms=1000 \\\n"
"      -device vhost-user-blk-pci,chardev=disk\n",
	.main = serve_main,
};
