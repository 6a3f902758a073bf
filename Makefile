# SPDX-License-Identifier: GPL-2.0-only
# For people; the Kbuild beside it is for the machine.
KDIR ?= /lib/modules/$(shell uname -r)/build

all: module

module: ## builds vhost_pin.ko against KDIR (default: the running kernel's headers)
	$(MAKE) -C $(KDIR) M=$(CURDIR) modules

tools: ## builds the CLI and the test programs into build/bin
	$(MAKE) -C tools

kunit: ## runs the KUnit suites in UML; KERNEL=6.1, KERNEL_SRC=any/tree, DEBUG=1
	tools/lab/lab kunit $(if $(KERNEL_SRC),--src $(KERNEL_SRC),$(KERNEL)) $(if $(DEBUG),--debug)

shell: ## a prompt in the lab, where the module can be loaded
	tools/lab/lab shell

demo: ## a guest boots from a vhost-pin disk and fills another; DISK=path
	tools/demo/demo $(DISK)

check: ## runs every test: about 10 minutes, the first time 45
	tools/check/check

check-debug: ## the same in a kernel with KASAN, lockdep, kmemleak, UBSAN
	tools/check/check --debug

check-hosts: ## what must hold on each way that hosts keep disks: a quarter of an hour
	$(MAKE) tools
	tools/lab/lab run --timeout 3000 -- /lab/src/tools/check/hosts

dkms-install: ## puts the sources where DKMS looks for them
	tools/dkms-install

bench: ## times the data path beside its peers: half an hour; build/bench.json
	tools/bench/bench

style: ## checkpatch and shellcheck
	tools/check/style

clean: ## removes what the build made in the tree
	$(MAKE) -C $(KDIR) M=$(CURDIR) clean

.PHONY: all style module tools kunit shell demo check check-debug check-hosts bench dkms-install clean
