/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VPIN_CLI_MACHINE_H
#define VPIN_CLI_MACHINE_H

/* How a QEMU machine takes a disk. */
enum machine {
	MACHINE_PCI,	/* on its PCI bus, where the guest can let go of it */
	MACHINE_PCIE,	/* behind a root port: on the root bus it would be for ever */
	MACHINE_MMIO,	/* on one of its virtio-mmio transports; for ever */
	MACHINE_NONE,	/* not at all */
};

/*
 * The machine of the VMM's arguments; its name in *@name, NULL if they do not
 * have one.
 */
enum machine machine_of(char *const vmm_argv[], char **name);

#endif
