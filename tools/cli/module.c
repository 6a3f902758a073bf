// SPDX-License-Identifier: GPL-2.0-only
#include <glob.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "module.h"
#include "root.h"

static bool exists(const char *pattern)
{
	glob_t found;
	bool any = !glob(pattern, GLOB_NOSORT, NULL, &found);

	globfree(&found);
	return any;
}

bool kernel_is_too_old(const char *release)
{
	int major, minor;

	return sscanf(release, "%d.%d", &major, &minor) == 2 &&
	       (major < KERNEL_MAJOR || (major == KERNEL_MAJOR && minor < KERNEL_MINOR));
}

bool kernel_has_headers(const char *release)
{
	return exists(root_path("/lib/modules/%s/build/Makefile", release));
}

bool module_has_sources(void)
{
	return exists(root_path("/usr/src/vhost-pin-*")) ||
	       exists(root_path("/var/lib/dkms/vhost-pin"));
}

char *module_file(const char *release)
{
	FILE *deps = fopen(root_path("/lib/modules/%s/modules.dep", release), "re");
	char line[4096], *file = NULL;
	glob_t found;

	while (deps && !file && fgets(line, sizeof(line), deps)) {
		line[strcspn(line, ":")] = '\0';
		if (strstr(line, "vhost_pin.ko"))
			file = strdup(root_path("/lib/modules/%s/%s", release, line));
	}
	if (deps) {
		fclose(deps);
		return file;
	}
	if (!glob(root_path("/lib/modules/%s/updates/dkms/vhost_pin.ko*", release),
		  GLOB_NOSORT, NULL, &found))
		file = strdup(found.gl_pathv[0]);
	globfree(&found);
	return file;
}

bool module_is_built(const char *release)
{
	char *file = module_file(release);

	free(file);
	return file;
}

bool module_is_loaded(void)
{
	return exists(root_path("/sys/module/vhost_pin"));
}

bool module_has_rule(void)
{
	return exists(root_path("/usr/lib/udev/rules.d/*vhost-pin.rules")) ||
	       exists(root_path("/usr/local/lib/udev/rules.d/*vhost-pin.rules")) ||
	       exists(root_path("/lib/udev/rules.d/*vhost-pin.rules")) ||
	       exists(root_path("/etc/udev/rules.d/*vhost-pin.rules"));
}

const char *user_name(void)
{
	FILE *users = fopen(root_path("/etc/passwd"), "re");
	struct passwd *user = NULL;

	while (users && (user = fgetpwent(users)) && user->pw_uid != getuid())
		;
	if (users)
		fclose(users);
	return user ? user->pw_name : getenv("USER") ?: "USER";
}

/* Not getgrgid(): what it loads, a static program should not. */
const char *group_name(gid_t gid)
{
	FILE *groups = fopen(root_path("/etc/group"), "re");
	struct group *group = NULL;

	while (groups && (group = fgetgrent(groups)) && group->gr_gid != gid)
		;
	if (groups)
		fclose(groups);
	return group ? group->gr_name : NULL;
}
