// SPDX-License-Identifier: GPL-2.0-only
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reader.h"

pid_t reader_start(bool (*fn)(void *arg), void *arg)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	while (fn(arg))
		;
	_exit(1);
}

bool reader_still_reads(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, WNOHANG))
		return false;
	kill(pid, SIGKILL);
	return waitpid(pid, &status, 0) == pid;
}
