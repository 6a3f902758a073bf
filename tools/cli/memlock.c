// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module pins the guest's memory once for each disk, and charges it to
 * RLIMIT_MEMLOCK of the VMM, as vhost-vdpa does.  A VMM that runs into the
 * limit can only say that a map failed, so the advice is given here.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "args.h"
#include "memlock.h"
#include "say.h"

#define MIB		((uint64_t)1 << 20)

/* Video memory and firmware are pinned too: a usual PC has less than this. */
#define VMM_EXTRA	(32 * MIB)

/* The inode of the first user namespace in /proc: the kernel's PROC_USER_INIT_INO. */
#define INITIAL_USER_NS	0xEFFFFFFDU

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
	const char *value, *size = NULL;

	while ((value = args_next(&argv, "m"))) {
		size = args_key(value, "size");
		if (!size)
			size = value;
	}
	return size ? parse_size(size) : 0;
}

/* Does QEMU become another user once it has started, and lose its privileges? */
static bool drops_privileges(char *const argv[])
{
	char *const *next = argv;
	const char *value;

	if (args_next(&next, "runas"))
		return true;
	for (next = argv; (value = args_next(&next, "run-with"));) {
		if (args_key(value, "user"))
			return true;
	}
	return false;
}

/*
 * Root of a user namespace has every capability in it, and none here, which is
 * where the limit is.
 */
static bool is_user_namespace(void)
{
	struct stat st;

	return !stat("/proc/self/ns/user", &st) && st.st_ino != INITIAL_USER_NS;
}

/* Have we CAP_IPC_LOCK, which frees from the limit? */
static bool has_ipc_lock(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};

	return !is_user_namespace() && !syscall(SYS_capget, &header, data) &&
	       data[0].effective & (1U << CAP_IPC_LOCK);
}

/* Will the VMM have it? */
static bool keeps_ipc_lock(char *const vmm_argv[])
{
	if (is_user_namespace() || drops_privileges(vmm_argv))
		return false;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_IPC_LOCK, 0, 0) == 1)
		return true;
	return !geteuid() && has_ipc_lock();
}

/* The soft limit becomes the hard one, the hard one what is needed, if we may. */
static void raise_limit(struct rlimit *limit, uint64_t needed)
{
	struct rlimit more = { .rlim_cur = needed, .rlim_max = needed };

	if (limit->rlim_max != RLIM_INFINITY && limit->rlim_max < needed &&
	    !setrlimit(RLIMIT_MEMLOCK, &more)) {
		*limit = more;
		return;
	}
	/* Without -m we do not know the need, but more room cannot hurt. */
	if (limit->rlim_cur != limit->rlim_max) {
		limit->rlim_cur = limit->rlim_max;
		setrlimit(RLIMIT_MEMLOCK, limit);
	}
}

/*
 * A file's pages that are written to a file system cannot be pinned for long,
 * since Linux 6.5: tmpfs and hugetlbfs write to none.
 */
static void warn_of_files(char *const argv[], bool holes)
{
	const char *value;

	while ((value = args_next(&argv, "object"))) {
		const char *path = args_key(value, "mem-path");
		const char *share = args_key(value, "share");
		struct statfs fs;
		char *copy;

		if (strncmp(value, "memory-backend-file", strlen("memory-backend-file")) ||
		    !path || !share || strncmp(share, "on", 2))
			continue;
		copy = strndup(path, strcspn(path, ","));
		if (copy && !holes && !statfs(copy, &fs) &&
		    fs.f_type != TMPFS_MAGIC && fs.f_type != HUGETLBFS_MAGIC)
			say("warning: guest memory in %s, on a file system with a disk, cannot be pinned\n"
			    "  Put RAM on hugetlbfs, tmpfs or a memfd.  If it is an NVDIMM or the like, which\n"
			    "  no disk's data goes to, add ',holes' to each disk.", copy);
		free(copy);
	}
}

/* Bytes that the module, or others, have pinned for this process. */
static uint64_t pinned(void)
{
	FILE *status = fopen("/proc/self/status", "re");
	uint64_t kib = 0;
	char line[128];

	while (status && fgets(line, sizeof(line), status))
		sscanf(line, "VmPin: %" SCNu64, &kib);
	if (status)
		fclose(status);
	return kib * 1024;
}

void memlock_get(struct memlock_state *state)
{
	struct rlimit limit = { .rlim_cur = RLIM_INFINITY };

	getrlimit(RLIMIT_MEMLOCK, &limit);
	state->limit = limit.rlim_cur;
	state->pinned = pinned();
	state->unlimited = limit.rlim_cur == RLIM_INFINITY || has_ipc_lock();
}

void memlock_raise(void)
{
	struct rlimit limit;

	if (!getrlimit(RLIMIT_MEMLOCK, &limit))
		raise_limit(&limit, 0);
}

void memlock_prepare(char *const vmm_argv[], const struct disk *disks, unsigned int num)
{
	uint64_t memory = guest_memory(vmm_argv);
	uint64_t needed = num * (memory + VMM_EXTRA);
	struct rlimit limit;
	bool holes = true;
	unsigned int i;

	for (i = 0; i < num; i++)
		holes = holes && disks[i].holes;
	warn_of_files(vmm_argv, holes);

	if (keeps_ipc_lock(vmm_argv) || getrlimit(RLIMIT_MEMLOCK, &limit))
		return;
	raise_limit(&limit, memory ? needed : 0);
	if (!memory || limit.rlim_max == RLIM_INFINITY || limit.rlim_max >= needed)
		return;

	say("warning: the limit of locked memory is %" PRIu64 " MiB, but %u disk%s of a guest with %" PRIu64 " MiB need%s about %" PRIu64 " MiB\n"
	    "  The guest may not start.  Raise the limit with 'ulimit -l %" PRIu64 "' as root before\n"
	    "  you become this user, or for good with this line in /etc/security/limits.conf:\n"
	    "  YOU - memlock %" PRIu64 "%s",
	    (uint64_t)limit.rlim_max / MIB, num, num == 1 ? "" : "s",
	    memory / MIB, num == 1 ? "s" : "", needed / MIB,
	    needed / 1024, needed / 1024,
	    !is_user_namespace() ? "" :
	    "\n  That is the root, and the user, of the host: root of a user namespace or a\n"
	    "  container is not free from the limit, and cannot raise it.");
}
