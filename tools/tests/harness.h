/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's kselftest harness, with time for a slow (debug) kernel. */
#ifndef VPIN_TESTS_HARNESS_H
#define VPIN_TESTS_HARNESS_H

#include <kselftest_harness.h>

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	180

#endif
