// SPDX-License-Identifier: GPL-2.0-only
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "machine.h"
#include "say.h"

/* The type in the value of -machine: "type=TYPE", or its first word alone. */
static char *type_of(const char *value)
{
	const char *type = args_key(value, "type");
	char *copy;

	if (!type && strcspn(value, "=") < strcspn(value, ","))
		return NULL;
	type = type ? type : value;
	copy = strndup(type, strcspn(type, ","));
	if (!copy)
		die(EXIT_FAILURE, "out of memory");
	return copy;
}

static bool begins(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

enum machine machine_of(char *const vmm_argv[], char **name)
{
	static const char *const options[] = { "machine", "M" };
	char *const *last = vmm_argv;
	unsigned int i;

	*name = NULL;
	for (i = 0; i < 2; i++) {
		char *const *next = vmm_argv;
		const char *value;

		while ((value = args_next(&next, options[i]))) {
			char *type = type_of(value);

			if (!type)
				continue;
			/* The last of either is what counts. */
			if (next < last) {
				free(type);
				continue;
			}
			free(*name);
			*name = type;
			last = next;
		}
	}

	if (!*name)
		return MACHINE_PCI;
	if (!strcmp(*name, "q35") || begins(*name, "pc-q35-") ||
	    !strcmp(*name, "virt") || begins(*name, "virt-"))
		return MACHINE_PCIE;
	/* Also with pcie=on, since its firmware boots from virtio-mmio alone. */
	if (!strcmp(*name, "microvm"))
		return MACHINE_MMIO;
	if (!strcmp(*name, "isapc") || !strcmp(*name, "none"))
		return MACHINE_NONE;
	return MACHINE_PCI;
}
