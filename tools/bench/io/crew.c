// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crew.h"
#include "say.h"

struct crew {
	unsigned int nr;
	int ready[2];		/* a byte from each */
	int begin[2];		/* closed when all may go on */
};

/* The others die with the first: PR_SET_PDEATHSIG. */
static void check(int status)
{
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		die("one of the processes failed");
}

struct crew *crew_start(unsigned int nr, void (*work)(struct crew *crew, unsigned int index))
{
	struct crew *crew = calloc(1, sizeof(*crew));
	unsigned int i;

	if (!crew || pipe2(crew->ready, O_CLOEXEC) || pipe2(crew->begin, O_CLOEXEC))
		die("no pipes: %m");
	crew->nr = nr;
	for (i = 0; i < nr; i++) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork: %m");
		if (pid)
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(crew->ready[0]);
		close(crew->begin[1]);
		work(crew, i);
		exit(EXIT_SUCCESS);
	}
	close(crew->ready[1]);
	close(crew->begin[0]);
	return crew;
}

void crew_ready(struct crew *crew)
{
	char byte = 0;

	if (write(crew->ready[1], &byte, 1) != 1)
		die("write: %m");
	/* Or a process that dies would leave a writer of the pipe. */
	close(crew->ready[1]);
	if (read(crew->begin[0], &byte, 1))
		die("read: %m");
	close(crew->begin[0]);
}

void crew_begin(struct crew *crew)
{
	unsigned int i;
	char byte;

	for (i = 0; i < crew->nr; i++)
		if (read(crew->ready[0], &byte, 1) != 1)
			die("one of the processes failed");
	close(crew->begin[1]);
}

void crew_join(struct crew *crew)
{
	unsigned int i;
	int status;

	for (i = 0; i < crew->nr; i++) {
		if (wait(&status) < 0)
			die("wait: %m");
		check(status);
	}
}
