// SPDX-License-Identifier: GPL-2.0-only
/* The bodies of the tracepoints: once in the module, which has them in all rooms. */
#define CREATE_TRACE_POINTS
#include <vpin/trace.h>
