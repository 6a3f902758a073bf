# SPDX-License-Identifier: GPL-2.0-only
# How the core, and what takes its headers, is compiled.  Needs TOP.
CFLAGS	?= -O2 -g
override CPPFLAGS += -D_GNU_SOURCE -I$(TOP)/tools/core/include -I$(TOP)/include
override CFLAGS += -std=gnu11 -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare

# For the core itself: as Debian's kernels are compiled, as far as user space
# can be.
X86	:= $(filter x86_64-%,$(shell $(CC) -dumpmachine))
KFLAGS	?= $(if $(X86),-mno-red-zone -fcf-protection=branch) -fno-pie \
	   -fno-strict-aliasing -fno-strict-overflow \
	   -fno-delete-null-pointer-checks -mgeneral-regs-only \
	   -fomit-frame-pointer -fstack-protector-strong \
	   -ftrivial-auto-var-init=zero
