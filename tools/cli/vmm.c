// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "machine.h"
#include "program.h"
#include "say.h"
#include "vmm.h"

#define PCI_DEVICE	"vhost-vdpa-device-pci"
#define MMIO_DEVICE	"vhost-vdpa-device"

/* First of our fdsets: 'vp', so that it hardly meets one of the user's. */
#define FDSET_BASE	0x7670

/* First of our root ports' chassis: no two of a machine may be the same. */
#define CHASSIS_BASE	0x76

/* Arguments that a disk takes, and all disks together. */
#define ARGS_A_DISK	6
#define ARGS_ONCE	2

/* What "@program @arg1 @arg2" prints on stdout, or exits if it cannot run. */
static char *output_of(const char *program, const char *arg1, const char *arg2)
{
	int status;
	char *text = program_output(program, arg1, arg2, &status);

	if (text)
		return text;
	if (status == EXIT_NOT_FOUND)
		die(EXIT_NOT_FOUND, "there is no program '%s'\n"
		    "  On Debian and Ubuntu: apt install qemu-system-x86", program);
	die(EXIT_CANNOT_RUN, "cannot run '%s'", program);
}

PRINTF_LIKE(1, 2) static char *format(const char *fmt, ...)
{
	va_list args;
	char *text;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		die(EXIT_FAILURE, "out of memory");
	va_end(args);
	return text;
}

static const char *device_for(enum machine machine)
{
	return machine == MACHINE_MMIO ? MMIO_DEVICE : PCI_DEVICE;
}

/* The machine of the arguments; exits if it can have no disk. */
static enum machine machine_check(char *const argv[])
{
	enum machine machine;
	char *name;

	machine = machine_of(argv + 1, &name);
	if (machine == MACHINE_NONE)
		die(EXIT_USAGE, "the machine '%s' takes no virtio disks: it has no PCI bus\n"
		    "  Use -machine q35, pc or microvm.", name);
	free(name);
	return machine;
}

void vmm_check(char *const argv[])
{
	const char *device = device_for(machine_check(argv)), *program = argv[0];
	int major, minor;
	char *text, *quoted;

	text = output_of(program, "-device", "help");
	quoted = format("\"%s\"", device);
	if (strstr(text, quoted)) {
		free(quoted);
		free(text);
		return;
	}
	free(quoted);
	free(text);

	text = output_of(program, "--version", NULL);
	if (sscanf(text, "QEMU emulator version %d.%d", &major, &minor) != 2)
		die(EXIT_CANNOT_RUN, "'%s' is not a QEMU system emulator\n"
		    "  For another program use 'vhost-pin exec'.", program);
	if (major < 8)
		die(EXIT_CANNOT_RUN, "'%s' is QEMU %d.%d, which is too old: it has no %s\n"
		    "  Install QEMU 8.0 or newer (Debian 13 has 10.0).",
		    program, major, minor, device);
	die(EXIT_CANNOT_RUN, "'%s' (QEMU %d.%d) was built without %s\n"
	    "  Use a QEMU that was configured with --enable-vhost-vdpa.",
	    program, major, minor, device);
}

/* @text as a value of a QEMU option: its commas doubled. */
static char *quote_commas(const char *text)
{
	char *quoted = malloc(2 * strlen(text) + 1);
	char *to = quoted;

	if (!quoted)
		die(EXIT_FAILURE, "out of memory");
	do {
		*to++ = *text;
		if (*text == ',')
			*to++ = ',';
	} while (*text++);
	return quoted;
}

/* Does any -global say which virtio-mmio the guest sees? */
static bool has_mmio_global(char *const argv[])
{
	const char *value, *driver;

	while ((value = args_next(&argv, "global"))) {
		driver = args_key(value, "driver") ?: value;
		if (!strncmp(driver, "virtio-mmio", strlen("virtio-mmio")))
			return true;
	}
	return false;
}

char **vmm_argv(char *const argv[], const struct disk *disks, unsigned int num)
{
	enum machine machine = machine_check(argv);
	unsigned int argc = 0, i;
	char **all;

	while (argv[argc])
		argc++;
	all = calloc(argc + ARGS_A_DISK * num + ARGS_ONCE + 1, sizeof(*all));
	if (!all)
		die(EXIT_FAILURE, "out of memory");
	memcpy(all, argv, argc * sizeof(*all));

	/* Our devices are of virtio 1; the transport offers less by default. */
	if (machine == MACHINE_MMIO && !has_mmio_global(argv)) {
		all[argc++] = "-global";
		all[argc++] = "virtio-mmio.force-legacy=false";
	}

	for (i = 0; i < num; i++) {
		char *path = quote_commas(disks[i].path), *bus = "";

		all[argc++] = "-add-fd";
		all[argc++] = format("fd=%d,set=%u,opaque=vhost-pin:%s",
				     disks[i].fd, FDSET_BASE + i, path);
		if (machine == MACHINE_PCIE) {
			all[argc++] = "-device";
			all[argc++] = format("pcie-root-port,id=vhost-pin-port%u,bus=pcie.0,chassis=%u,io-reserve=0",
					     i, CHASSIS_BASE + i);
			bus = format("bus=vhost-pin-port%u,", i);
		}
		all[argc++] = "-device";
		all[argc++] = format("%s,id=vhost-pin%u,%svhostdev=/dev/fdset/%u",
				     device_for(machine), i, bus, FDSET_BASE + i);
		free(path);
	}
	return all;
}
