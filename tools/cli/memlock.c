// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module pins the guest's memory once for each disk, and charges it to
 * RLIMIT_MEMLOCK of the VMM, as vhost-vdpa does.  A VMM that runs into the
 * limit can only say that a map failed, so the advice is given here.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "memlock.h"
#include "say.h"

#define MIB		((uint64_t)1 << 20)

/* Video memory and firmware are pinned too: a usual PC has less than this. */
#define VMM_EXTRA	(32 * MIB)

/* Bytes of a QEMU size ("512" means MiB, suffixes k to T); 0 if it is not one. */
static uint64_t parse_size(const char *text)
{
	static const char suffixes[] = "kmgt";
	const char *suffix;
	double number;
	char *end;

	number = strtod(text, &end);
	if (end == text || number <= 0)
		return 0;
	if (!*end || *end == ',')
		return number * MIB;

	suffix = strchr(suffixes, *end | 0x20);
	if (!suffix)
		return 0;
	return number * ((uint64_t)1024 << (10 * (suffix - suffixes)));
}

/* Bytes of guest memory that the VMM's arguments ask for; 0 if they do not say. */
static uint64_t guest_memory(char *const argv[])
{
	const char *size = NULL;

	for (; *argv; argv++) {
		const char *value;

		if ((strcmp(*argv, "-m") && strcmp(*argv, "--m")) || !argv[1])
			continue;
		value = *++argv;
		if (!strncmp(value, "size=", 5))
			size = value + 5;
		else if (strstr(value, ",size="))
			size = strstr(value, ",size=") + 6;
		else
			size = value;
	}
	return size ? parse_size(size) : 0;
}

/* Will the VMM have CAP_IPC_LOCK, which frees it from the limit? */
static bool keeps_ipc_lock(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_IPC_LOCK, 0, 0) == 1)
		return true;
	if (geteuid() || syscall(SYS_capget, &header, data))
		return false;
	return data[0].effective & (1U << CAP_IPC_LOCK);
}

void memlock_prepare(char *const vmm_argv[], unsigned int disks)
{
	uint64_t memory = guest_memory(vmm_argv);
	uint64_t needed = disks * (memory + VMM_EXTRA);
	struct rlimit limit;

	if (keeps_ipc_lock() || getrlimit(RLIMIT_MEMLOCK, &limit))
		return;

	/* Without -m we do not know the need, but more room cannot hurt. */
	if (limit.rlim_cur != limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_MEMLOCK, &limit);
	}

	if (!memory || limit.rlim_max == RLIM_INFINITY || limit.rlim_max >= needed)
		return;

	say("warning: the limit of locked memory is %" PRIu64 " MiB, but %u disk%s of a guest with %" PRIu64 " MiB need%s about %" PRIu64 " MiB\n"
	    "  The guest may not start.  Raise the limit with 'ulimit -l %" PRIu64 "' as root before\n"
	    "  you become this user, or for good with this line in /etc/security/limits.conf:\n"
	    "  YOU - memlock %" PRIu64,
	    (uint64_t)limit.rlim_max / MIB, disks, disks == 1 ? "" : "s",
	    memory / MIB, disks == 1 ? "s" : "", needed / MIB,
	    needed / 1024, needed / 1024);
}
