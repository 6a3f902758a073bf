/* SPDX-License-Identifier: GPL-2.0-only */
/* Processes that do the same and begin together. */
#ifndef VPIN_BENCH_CREW_H
#define VPIN_BENCH_CREW_H

struct crew;

/*
 * Starts @nr processes that call @work with their number.  They prepare, say
 * that they are ready, and go on when all are.
 */
struct crew *crew_start(unsigned int nr, void (*work)(struct crew *crew, unsigned int index));

/* For the processes: returns when all are ready. */
void crew_ready(struct crew *crew);

/* For who started them: returns when all are ready. */
void crew_begin(struct crew *crew);

/* Waits for them to end; ends the program if one of them failed. */
void crew_join(struct crew *crew);

#endif
