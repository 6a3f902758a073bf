# SPDX-License-Identifier: GPL-2.0-only
# For people; the Kbuild beside it is for the machine.
KDIR ?= /lib/modules/$(shell uname -r)/build

# A kernel that clang built takes modules that clang built, of the same version if
# it is there.  DKMS asks for plain clang, and so does not count as someone's wish.
kernel_config = $(shell sed -n 's/^$(1)=//p' $(KDIR)/include/config/auto.conf $(KDIR)/.config 2>/dev/null | head -n 1)
clang_major = $(shell echo $$(($(or $(call kernel_config,CONFIG_CLANG_VERSION),0) / 10000)))
have = $(shell command -v $(1))
ifeq ($(call kernel_config,CONFIG_CC_IS_CLANG),y)
clang := $(if $(call have,clang-$(clang_major)),-$(clang_major))
ifeq ($(call have,clang$(clang)),)
toolchain = $(error this kernel was built by clang $(clang_major): install clang-$(clang_major), lld-$(clang_major) and llvm-$(clang_major))
else ifeq ($(call kernel_config,CONFIG_LD_IS_LLD),y)
toolchain := LLVM=$(or $(filter-out 1,$(LLVM)),$(clang),1)
else
toolchain := CC=clang$(clang)
endif
endif

all: module

module: ## builds vhost_pin.ko against KDIR (default: the running kernel's headers)
	$(MAKE) -C $(KDIR) M=$(CURDIR) $(toolchain) modules

tools: ## builds the CLI and the test programs into build/bin
	$(MAKE) -C tools

program: ## builds the program as it is installed: build/program/vhost-pin
	$(MAKE) -C tools STATIC= BUILD=$(CURDIR)/build/program $(CURDIR)/build/program/vhost-pin

install: program man ## installs program, units, manuals and DKMS sources; PREFIX=/usr/local DESTDIR=
	DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' tools/install install

uninstall: ## removes what `make install` installed
	DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' tools/install uninstall

modules_install: ## without DKMS: installs the built module for KDIR's kernel
	$(MAKE) -C $(KDIR) M=$(CURDIR) INSTALL_MOD_DIR=updates modules_install

# Secure Boot: with the key that DKMS made, or a MOK_KEY and MOK_CERT of yours.
MOK_KEY ?= /var/lib/dkms/mok.key
MOK_CERT ?= /var/lib/dkms/mok.pub
sign: ## signs the built module for Secure Boot: MOK_KEY, MOK_CERT (DKMS's own)
	tools/sign $(KDIR) $(MOK_KEY) $(MOK_CERT) vhost_pin.ko

kunit: ## runs the KUnit suites in UML; KERNEL=6.1, KERNEL_SRC=any/tree, DEBUG=1
	tools/lab/lab kunit $(if $(KERNEL_SRC),--src $(KERNEL_SRC),$(KERNEL)) $(if $(DEBUG),--debug)

shell: ## a prompt in the lab, where the module can be loaded
	tools/lab/lab shell

demo: ## a guest boots from a vhost-pin disk and fills another; DISK=path
	tools/demo/demo $(DISK)

check: ## runs every test: about half an hour, the first time more than an hour
	tools/check/check

check-debug: ## the same in a kernel with KASAN, lockdep, kmemleak, UBSAN
	tools/check/check --debug

check-guests: ## guests with other drivers: SeaBIOS, iPXE, U-Boot, OVMF, Linux 6.1 and newest
	tools/check/check guests-bios guests-efi guests-linux

check-clients: ## every client of vhost-user: 200 kills, 50 migrations, three QEMUs, libvirt: 40 minutes
	tools/check/clients/run

check-hosts: ## what must hold on each way that hosts keep disks: a quarter of an hour
	$(MAKE) tools
	tools/lab/lab run --timeout 3000 -- /lab/src/tools/check/hosts

check-install: ## the packages in VMs of Debian 12 and 13: install, serve, upgrade, purge: an hour
	tools/check/install/run

dkms-install: ## puts the sources where DKMS looks for them
	tools/dkms-install

bench: ## times the data path beside its peers: half an hour; build/bench.json
	tools/bench/bench

style: ## checkpatch and shellcheck
	tools/check/style

docs: ## the documentation into build/docs/html, the manual pages into build/docs/man
	tools/docs html man

man: ## the manual pages alone: takes sphinx, and no kernel
	tools/docs man

clean: ## removes what the build made in the tree
	$(MAKE) -C $(KDIR) M=$(CURDIR) clean

.PHONY: all style module tools program install uninstall modules_install sign kunit shell demo check check-debug check-guests check-clients check-hosts check-install bench dkms-install docs man clean
