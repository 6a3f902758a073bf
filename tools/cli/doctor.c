// SPDX-License-Identifier: GPL-2.0-only
/* `vhost-pin doctor`: what this host lacks, and what brings it. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "doctor.h"
#include "memlock.h"
#include "module.h"
#include "node.h"
#include "program.h"
#include "root.h"
#include "say.h"

#define MIB		((uint64_t)1 << 20)

/* No guest runs in less, once its video memory and firmware are added. */
#define MEMLOCK_MIN	(256 * MIB)

static const char *qemu;
static bool lacks_something;

static const struct opt options[] = {
	{ "qemu", 'q', false, "PROGRAM", "the QEMU to look at (qemu-system-...)" },
	{ }
};

static void take(void *arg, int key, const char *value)
{
	(void)arg;
	(void)key;
	qemu = value;
}

static void print(const char *verdict, const char *subject, const char *fmt, va_list args)
{
	printf("%-6s %-10s ", verdict, subject);
	vprintf(fmt, args);
	putchar('\n');
}

PRINTF_LIKE(2, 3) static void good(const char *subject, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print("ok", subject, fmt, args);
	va_end(args);
}

/* What need not be mended, but may surprise. */
PRINTF_LIKE(2, 3) static void note(const char *subject, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print("note", subject, fmt, args);
	va_end(args);
}

PRINTF_LIKE(2, 3) static void lacks(const char *subject, const char *fmt, ...)
{
	va_list args;

	lacks_something = true;
	va_start(args, fmt);
	print("LACKS", subject, fmt, args);
	va_end(args);
}

/* The line that mends it, or says more. */
PRINTF_LIKE(1, 2) static void cure(const char *fmt, ...)
{
	va_list args;

	printf("%18s", "");
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
}

/* Debian's name of this machine, and of its package with QEMU. */
static const char *architecture(void)
{
	struct utsname host;

	uname(&host);
	if (!strcmp(host.machine, "aarch64"))
		return "arm64";
	return !strcmp(host.machine, "x86_64") ? "amd64" : strdup(host.machine);
}

static const char *qemu_package(void)
{
	const char *machine = architecture();

	if (!strcmp(machine, "amd64"))
		return "qemu-system-x86";
	return !strcmp(machine, "arm64") ? "qemu-system-arm" : "qemu-system-misc";
}

/* "cloud-amd64" of "6.12.57+deb13-cloud-amd64": what each kernel of the kind has. */
static const char *flavour(const char *release)
{
	const char *machine = architecture(), *dash = release;
	size_t length = strlen(release), tail = strlen(machine);

	if (length < tail || strcmp(release + length - tail, machine))
		return machine;
	while ((dash = strchr(dash, '-')) && isdigit((unsigned char)dash[1]))
		dash++;
	return dash ? dash + 1 : machine;
}

/* Another kernel of the host's distribution, of the same kind. */
static void cure_kernel(const char *release)
{
	const char *kind = flavour(release);

	cure("apt install linux-image-%s linux-headers-%s && reboot", kind, kind);
}

static void see_kernel(const char *release)
{
	if (!kernel_is_too_old(release)) {
		good("kernel", "%s", release);
		return;
	}
	lacks("kernel", "%s is too old: it takes %d.%d or newer", release, KERNEL_MAJOR,
	      KERNEL_MINOR);
	cure_kernel(release);
}

static FILE *open_config(const char *release)
{
	FILE *config = fopen(root_path("/boot/config-%s", release), "re");

	if (!config)
		config = fopen(root_path("/lib/modules/%s/config", release), "re");
	if (!config)
		config = fopen(root_path("/lib/modules/%s/build/.config", release), "re");
	return config;
}

static void see_config(const char *release)
{
	static const struct {
		const char *option, *without;
	} wanted[] = {
		{ "CONFIG_EVENTFD", "the module cannot be built" },
		{ "CONFIG_BLOCK", "the module cannot be built" },
		{ "CONFIG_MODULES", "no module can be loaded" },
		{ "CONFIG_MMU_NOTIFIER", "a balloon gives nothing back" },
	};
	const unsigned int num = sizeof(wanted) / sizeof(wanted[0]);
	bool found[sizeof(wanted) / sizeof(wanted[0])] = { };
	FILE *config = open_config(release);
	unsigned int i, missing = 0;
	char line[512];

	if (!config) {
		note("config", "there is no /boot/config-%s to look at", release);
		return;
	}
	while (fgets(line, sizeof(line), config)) {
		for (i = 0; i < num; i++) {
			size_t length = strlen(wanted[i].option);

			if (!strncmp(line, wanted[i].option, length) &&
			    !strncmp(line + length, "=y", 2))
				found[i] = true;
		}
	}
	fclose(config);
	for (i = 0; i < num; i++) {
		if (found[i])
			continue;
		missing++;
		lacks("config", "the kernel has no %s: %s", wanted[i].option, wanted[i].without);
		cure_kernel(release);
	}
	if (!missing)
		good("config", "the kernel has all that the module needs");
}

static void see_headers(const char *release)
{
	if (kernel_has_headers(release)) {
		good("headers", "those of %s are installed", release);
	} else if (module_is_built(release) || module_is_loaded()) {
		note("headers", "those of %s are not installed: the next kernel's will be wanted",
		     release);
		cure("apt install linux-headers-%s", flavour(release));
	} else {
		lacks("headers", "those of the running kernel are not installed");
		cure("apt install linux-headers-%s", release);
		cure("or, if there are none for it any more, the newest of both:");
		cure_kernel(release);
	}
}

/* Whether the kernel loads no module without a signature, and who wants that. */
static const char *signature_wanted(void)
{
	char *enforce = root_read("/sys/module/module/parameters/sig_enforce");
	char *lockdown = root_read("/sys/kernel/security/lockdown");
	const char *who = NULL;

	if (enforce && *enforce == 'Y')
		who = "module.sig_enforce";
	else if (lockdown && (strstr(lockdown, "[integrity]") ||
			      strstr(lockdown, "[confidentiality]")))
		who = "the kernel's lockdown (Secure Boot)";
	free(enforce);
	free(lockdown);
	return who;
}

static bool is_signed(const char *file)
{
	static const char mark[] = "~Module signature appended~\n";
	char end[sizeof(mark)] = "";
	FILE *module = fopen(file, "re");
	bool is;

	if (!module)
		return false;
	is = !fseek(module, -(long)(sizeof(mark) - 1), SEEK_END) &&
	     fread(end, 1, sizeof(mark) - 1, module) == sizeof(mark) - 1 && !strcmp(end, mark);
	fclose(module);
	return is;
}

static void see_signature(const char *release)
{
	const char *who = signature_wanted();
	char *file = module_file(release);
	const char *ending = file ? strrchr(file, '.') : NULL;

	if (!who)
		good("signature", "the kernel asks for none");
	else if (module_is_loaded())
		good("signature", "%s wants one, and the module was loaded", who);
	else if (!file)
		note("signature", "%s wants one: see to it when the module is built", who);
	else if (strcmp(ending, ".ko"))
		note("signature", "%s wants one; whether %s has one, modinfo -F signer says", who, file);
	else if (is_signed(file))
		good("signature", "%s wants one, and the module has one", who);
	else
		lacks("signature", "%s wants one, and %s has none", who, file);
	if (who && file && !module_is_loaded()) {
		cure("DKMS signs with its own key; enroll it once, confirm that at the boot:");
		cure("apt install openssl mokutil && dkms build --force vhost-pin/" VPIN_VERSION
		     " && dkms install --force vhost-pin/" VPIN_VERSION
		     " && mokutil --import /var/lib/dkms/mok.pub && reboot");
	}
	free(file);
}

static void see_module(const char *release)
{
	char *version = root_read("/sys/module/vhost_pin/version");

	if (module_is_loaded()) {
		if (version && strcmp(version, VPIN_VERSION)) {
			lacks("module", "version %s is loaded, and this program is %s",
			      version, VPIN_VERSION);
			cure("modprobe -r vhost_pin && modprobe vhost_pin    # if none is served");
		} else {
			good("module", "loaded");
		}
	} else if (module_is_built(release)) {
		lacks("module", "built, but not loaded");
		cure("modprobe vhost_pin");
	} else if (module_has_sources()) {
		lacks("module", "not built for the running kernel, %s", release);
		cure("dkms autoinstall && modprobe vhost_pin");
		cure("if that fails: /var/lib/dkms/vhost-pin/*/build/make.log");
	} else {
		lacks("module", "not installed");
		cure("apt install ./vhost-pin-dkms_*.deb && modprobe vhost_pin    # where that is");
		cure("or, from its sources:");
		cure("make install && dkms install vhost-pin/%s && modprobe vhost_pin",
		     VPIN_VERSION);
	}
	free(version);
}

/* The node is root's alone until the rule was applied, which is for good. */
static void cure_node(void)
{
	if (module_has_rule())
		cure("udevadm control --reload && udevadm trigger " VPIN_NODE);
	else
		cure("chgrp kvm " VPIN_NODE " && chmod 660 " VPIN_NODE
		     "    # until the next boot: the package has a udev rule");
}

/* "10:257" of the node that the module has now, to be freed; NULL if that is this one. */
static char *other_number(const struct stat *st)
{
	char *number = root_read("/sys/class/misc/vhost-pin/dev");
	unsigned int major, minor;

	if (number && sscanf(number, "%u:%u", &major, &minor) == 2 &&
	    (!S_ISCHR(st->st_mode) || st->st_rdev != makedev(major, minor)))
		return number;
	free(number);
	return NULL;
}

static void see_node(void)
{
	bool mine = !access(root_path(VPIN_NODE), R_OK | W_OK);
	const char *group;
	struct stat st;
	char *number;

	if (stat(root_path(VPIN_NODE), &st)) {
		lacks("node", "there is no " VPIN_NODE "%s", module_is_loaded() ?
		      ", though the module is loaded" : "");
		if (module_is_loaded())
			cure("udev makes it; a container is handed it: --device " VPIN_NODE);
		else
			cure("the module makes it: modprobe vhost_pin");
		return;
	}
	number = other_number(&st);
	if (number) {
		lacks("node", VPIN_NODE " is not the module's, which is device %s", number);
		cure("rm " VPIN_NODE " && mknod -m 600 " VPIN_NODE " c %.*s %s"
		     "    # a container is handed it anew", (int)strcspn(number, ":"), number,
		     strchr(number, ':') + 1);
		cure_node();
		free(number);
		return;
	}
	group = group_name(st.st_gid) ?: "?";
	if (mine && (st.st_mode & 077)) {
		good("node", VPIN_NODE " has mode %04o and group %s", st.st_mode & 0777, group);
		return;
	}
	if (mine) {
		note("node", VPIN_NODE " is root's alone");
		cure_node();
		return;
	}
	lacks("node", "you may not open " VPIN_NODE ", which has mode %04o and group %s",
	      st.st_mode & 0777, group);
	if ((st.st_mode & 060) != 060) {
		cure_node();
		group = "kvm";
	}
	cure("usermod -aG %s %s    # and log in again", group, user_name());
}

static void see_memlock(void)
{
	struct memlock_state state;

	/* As the other commands do. */
	memlock_raise();
	memlock_get(&state);
	if (state.unlimited) {
		good("memlock", "you may pin any amount of memory");
		return;
	}
	if (state.limit >= MEMLOCK_MIN) {
		good("memlock", "you may pin %" PRIu64 " MiB: guest memory and 32 MiB, once a disk",
		     state.limit / MIB);
		return;
	}
	lacks("memlock", "you may pin %" PRIu64 " MiB, which is too little for any guest",
	      state.limit / MIB);
	cure("echo '%s - memlock unlimited' >>%s    # and log in again", user_name(),
	     "/etc/security/limits.d/vhost-pin.conf");
	cure("or, of a unit of systemd: LimitMEMLOCK=infinity");
}

static const char *default_qemu(void)
{
	static char program[80];
	struct utsname host;

	uname(&host);
	snprintf(program, sizeof(program), "qemu-system-%s",
		 !strncmp(host.machine, "ppc64", 5) ? "ppc64" : host.machine);
	return program;
}

/* Debian 12's own is too old; backports are where apt has all else from. */
static void cure_qemu(void)
{
	char *system = root_read("/etc/os-release");

	if (system && strstr(system, "VERSION_CODENAME=bookworm"))
		cure("apt-get indextargets --format 'deb $(SITE) bookworm-backports main' "
		     "'Origin: Debian' 'Codename: bookworm' | sort -u "
		     ">/etc/apt/sources.list.d/backports.list && apt update && "
		     "apt install -t bookworm-backports %s",
		     qemu_package());
	else
		cure("install QEMU 8.0 or newer, with vhost-vdpa, as Debian 13 has it");
	free(system);
}

static void see_qemu_devices(const char *program, const char *version)
{
	char *devices;
	int status;
	bool vdpa, user;

	devices = program_output(program, "-device", "help", &status);
	vdpa = devices && strstr(devices, "\"vhost-vdpa-device-pci\"");
	user = devices && strstr(devices, "\"vhost-user-blk-pci\"");
	free(devices);
	if (vdpa)
		good("run", "%s has vhost-vdpa-device-pci", program);
	else
		lacks("run", "%s (%s) has no vhost-vdpa-device-pci: 'vhost-pin run' cannot use it",
		      program, version);
	if (!vdpa && user)
		cure("'vhost-pin serve' can; for 'run' it takes QEMU 8.0 or newer:");
	if (!vdpa)
		cure_qemu();
	if (user) {
		good("serve", "%s has vhost-user-blk-pci", program);
		return;
	}
	lacks("serve", "%s (%s) has no vhost-user-blk-pci", program, version);
	cure("install a QEMU that was built with --enable-vhost-user");
}

static void see_qemu(void)
{
	const char *program = qemu ?: default_qemu();
	char *text, version[32] = "";
	int status;

	text = program_output(program, "--version", NULL, &status);
	if (!text) {
		lacks("qemu", "there is no %s: other VMMs do for 'vhost-pin serve'", program);
		cure("apt install %s    # or name yours by --qemu PROGRAM", qemu_package());
		return;
	}
	if (sscanf(text, "QEMU emulator version %31s", version) != 1) {
		lacks("qemu", "%s is not a QEMU system emulator", program);
		cure("name yours by --qemu PROGRAM");
	} else {
		good("qemu", "%s is QEMU %s", program, version);
		see_qemu_devices(program, version);
	}
	free(text);
}

/* What vhost-user's guests have their memory in. */
static void see_shared_memory(void)
{
	int fd = memfd_create("vhost-pin", MFD_CLOEXEC);

	if (fd < 0) {
		lacks("shm", "the kernel has no memfd: %s", strerror(errno));
		cure("take a kernel with CONFIG_MEMFD_CREATE and CONFIG_TMPFS");
		return;
	}
	close(fd);
	good("shm", "guests can have shared memory: memory-backend-memfd,share=on");
}

static int doctor_main(const struct command *command, int argc, char *argv[])
{
	char *release;

	if (argv[command_parse(command, argc, argv, take, NULL)])
		die(EXIT_USAGE, "doctor: it takes no name");
	release = root_read("/proc/sys/kernel/osrelease");
	if (!release)
		die(EXIT_FAILURE, "cannot look at /proc: is it mounted?");
	see_kernel(release);
	see_config(release);
	see_headers(release);
	see_module(release);
	see_signature(release);
	see_node();
	see_memlock();
	see_qemu();
	see_shared_memory();
	free(release);
	if (lacks_something && getuid())
		printf("What mends it is for root to type: su -, or sudo -i.\n");
	return lacks_something ? EXIT_FAILURE : EXIT_SUCCESS;
}

const struct command doctor_command = {
	.name = "doctor",
	.usage = "[--qemu PROGRAM]",
	.summary = "what this host lacks, and what brings it",
	.about =
"Looks at the kernel, the module, its device node, the limit of pinned memory and\n"
"QEMU, as the user who runs it.  Where something is missing the next line is what\n"
"brings it on Debian 12 and 13, for root to type.\n",
	.options = options,
	.more =
"Exit status: 0 if all is well, 1 if something is lacking ('LACKS'); a 'note' is not.\n",
	.main = doctor_main,
};
