/* SPDX-License-Identifier: GPL-2.0-only */
/* What the rooms need done when the module is loaded and unloaded. */
#ifndef _VPIN_INIT_H
#define _VPIN_INIT_H

int vpin_chardev_init(void);
void vpin_chardev_exit(void);
int vpin_blocking_init(void);
void vpin_blocking_exit(void);
int vpin_worker_init(void);
void vpin_worker_exit(void);
int vpin_dev_end_init(void);
void vpin_dev_end_exit(void);
int vpin_dev_sysfs_init(void);
void vpin_dev_sysfs_exit(void);
void vpin_dev_debugfs_init(void);
void vpin_dev_debugfs_exit(void);

#ifdef VPIN_BENCH
void vpin_bench_init(void);
#else
static inline void vpin_bench_init(void)
{
}
#endif

#endif /* _VPIN_INIT_H */
