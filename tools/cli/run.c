// SPDX-License-Identifier: GPL-2.0-only
/*
 * `vhost-pin run` and `vhost-pin exec`: attach disks, then become a program
 * that inherits the devices.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "disk.h"
#include "memlock.h"
#include "node.h"
#include "run.h"
#include "say.h"
#include "tokens.h"
#include "vmm.h"

/* A command line of either sub-command. */
struct job {
	struct disk disks[DISKS_MAX];
	unsigned int num_disks;
	const char *node;
	bool dry_run;
	char **argv;		/* the program to become */
};

static const struct opt options[] = {
	{ "disk", 'd', false, "PATH[,OPTION...]",
	  "serve PATH, a disk image or a block device, as a\n"
	  "virtio-blk disk; may be given up to 64 times" },
	{ "node", 'n', false, "NODE", "the module's device node (" VPIN_NODE ")" },
	{ "dry-run", 'D', false, NULL,
	  "print the command line, attach nothing, run nothing" },
	{ }
};

static void add_disk(struct job *job, const char *text)
{
	struct disk *disk = &job->disks[job->num_disks];

	if (job->num_disks == DISKS_MAX)
		die(EXIT_USAGE, "more than %d disks", DISKS_MAX);
	disk_parse(disk, text, 1);
	if (disk->socket)
		die(EXIT_USAGE, "--disk: socket=%s: sockets are for 'vhost-pin serve'", disk->socket);
	job->num_disks++;
}

static void take(void *arg, int key, const char *value)
{
	struct job *job = arg;

	if (key == 'd')
		add_disk(job, value);
	else if (key == 'n')
		job->node = value;
	else
		job->dry_run = true;
}

static void parse(struct job *job, const struct command *command, int argc, char *argv[])
{
	const char *name = command->name;

	job->node = VPIN_NODE;
	job->argv = argv + command_parse(command, argc, argv, take, job);
	if (!job->num_disks)
		die(EXIT_USAGE, "%s: which disk?  Give at least one --disk PATH.\n"
		    "  See 'vhost-pin %s --help'.", name, name);
	if (!*job->argv)
		die(EXIT_USAGE, "%s: which program?  Give its command line after '--'.\n"
		    "  See 'vhost-pin %s --help'.", name, name);
}

static void attach(struct job *job)
{
	unsigned int i;

	for (i = 0; i < job->num_disks; i++) {
		if (job->dry_run)
			job->disks[i].fd = STDERR_FILENO + 1 + i;
		else
			disk_attach(&job->disks[i], job->node);
	}
}

static void print_quoted(const char *arg)
{
	if (*arg && !arg[strspn(arg, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./_-")]) {
		fputs(arg, stdout);
		return;
	}
	putchar('\'');
	for (; *arg; arg++) {
		if (*arg == '\'')
			fputs("'\\''", stdout);
		else
			putchar(*arg);
	}
	putchar('\'');
}

static int become(const struct job *job, char **argv)
{
	if (job->dry_run) {
		for (; *argv; argv++) {
			print_quoted(*argv);
			putchar(argv[1] ? ' ' : '\n');
		}
		return EXIT_SUCCESS;
	}

	execvp(argv[0], argv);
	if (errno == ENOENT)
		die(EXIT_NOT_FOUND, "there is no program '%s'", argv[0]);
	die(EXIT_CANNOT_RUN, "cannot run '%s': %s", argv[0], strerror(errno));
}

static int run_main(const struct command *command, int argc, char *argv[])
{
	static struct job job;

	parse(&job, command, argc, argv);
	if (!job.dry_run)
		vmm_check(job.argv);
	attach(&job);
	memlock_prepare(job.argv, job.disks, job.num_disks);
	return become(&job, vmm_argv(job.argv, job.disks, job.num_disks));
}

static int exec_main(const struct command *command, int argc, char *argv[])
{
	static struct job job;

	parse(&job, command, argc, argv);
	attach(&job);
	memlock_raise();
	tokens_export(job.disks, job.num_disks);
	return become(&job, tokens_replace(job.argv, job.disks, job.num_disks));
}

const struct command run_command = {
	.name = "run",
	.usage = "--disk PATH[,OPTION...]... [--dry-run] [--] QEMU ARGS...",
	.summary = "attaches disks and becomes QEMU, which has them as virtio-blk disks",
	.about =
"Attaches each disk to a device of the vhost_pin module and becomes QEMU, with\n"
"ARGS and one vhost-vdpa-device-pci for each disk, called vhost-pin0 and so on.  The\n"
"disk in the guest is an ordinary virtio-blk disk; QEMU takes no part in its I/O.\n"
"On q35 and virt each disk has a root port of its own, so that device_del works; on\n"
"microvm it is a vhost-vdpa-device, which stays.  After device_del, remove-fd with\n"
"fdset-id 30320 (30321, ...) lets go of the image.\n",
	.options = options,
	.takes_disks = true,
	.more =
"QEMU must be 8.0 or newer and built with vhost-vdpa.\n"
"\n"
"Memory: the guest's memory needs no special backend, but all of it stays pinned\n"
"while the guest runs, once for each disk, and counts against RLIMIT_MEMLOCK.\n"
"Root (CAP_IPC_LOCK) is exempt, but not root of a user namespace, nor a QEMU that\n"
"becomes another user (-runas, -run-with user=).  Anyone else needs a limit of\n"
"about (guest memory + 32 MiB) x disks: see 'ulimit -l', which counts in KiB.  The\n"
"soft limit is raised to the hard one for you, and the hard one where you may.\n"
"Ballooning and virtio-mem do not work with pinned memory.\n"
"\n"
"Example:\n"
"  vhost-pin run --disk debian.img,serial=ROOT --disk /dev/vg0/data,queues=2 -- \\\n"
"      qemu-system-x86_64 -accel kvm -m 4G -smp 2 -nographic\n",
	.operand = OPERAND_PROGRAM,
	.main = run_main,
};

const struct command exec_command = {
	.name = "exec",
	.usage = "--disk PATH[,OPTION...]... [--dry-run] [--] CMD ARGS...",
	.summary = "attaches disks and becomes any program, which inherits the devices",
	.about =
"Attaches each disk to a device of the vhost_pin module and becomes CMD, which\n"
"inherits the devices as open files that speak vhost-vdpa.  Their numbers are in\n"
"the environment as VHOST_PIN_FDS=3:4:..., and replace {fd0}, {fd1}, ... in\n"
"ARGS; {fd} is the first disk's.  The soft limit of locked memory is raised to the\n"
"hard one.\n",
	.options = options,
	.takes_disks = true,
	.more =
"Example:\n"
"  vhost-pin exec --disk disk.img -- qemu-system-x86_64 -M none -nographic \\\n"
"      -add-fd fd={fd},set=1 -blockdev \\\n"
"      virtio-blk-vhost-vdpa,node-name=disk,path=/dev/fdset/1,cache.direct=on\n",
	.operand = OPERAND_PROGRAM,
	.main = exec_main,
};
