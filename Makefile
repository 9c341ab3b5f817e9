# Two commands are all there is to know: `make demo` and `make test`.
SHELL := /bin/bash
PREFIX ?= /usr/local
DESTDIR ?=
# systemd looks into the folders of /usr and /usr/local, and into no other PREFIX.
UNITDIR ?= $(if $(filter /usr /usr/local,$(PREFIX)),$(PREFIX)/lib/systemd/system,/etc/systemd/system)
SYSUSERSDIR ?= $(if $(filter /usr /usr/local,$(PREFIX)),$(PREFIX)/lib/sysusers.d,/etc/sysusers.d)
# make demo KEEP=1 leaves the simulator and the fleet running.
KEEP ?=
CONFIG ?= release
SWIFT := swift
FLAGS := --static-swift-stdlib
BIN := .build/$(CONFIG)

# command or file that proves it is there : Debian package
BUILD_NEEDS := libcurl4-openssl-dev libssh2-1-dev libssl-dev libmicrohttpd-dev pkg-config
RUN_NEEDS := openssh-client openssh-server openssl systemd-container debootstrap iproute2 iptables curl ca-certificates
# Login shells that hosts may have; tests skip one that is missing.
SHELLS := fish tcsh
# Who opens the daemon's page; its test is skipped without it.
BROWSER := chromium

.PHONY: fuzz demo test build install install-files lint clean deps deps-sim

build: deps
	$(SWIFT) build -c $(CONFIG) $(FLAGS)

deps:
	@scripts/install-missing $(BUILD_NEEDS)

deps-sim:
	@scripts/install-missing $(BUILD_NEEDS) $(RUN_NEEDS)

demo: deps-sim
	$(SWIFT) build -c $(CONFIG) $(FLAGS)
	BIN=$(BIN) KEEP=$(KEEP) scripts/demo

test: deps-sim
	-@scripts/install-missing $(SHELLS) $(BROWSER) python3-venv
	$(SWIFT) build -c $(CONFIG) $(FLAGS)
	EXEDEV_BIN=$(abspath $(BIN)) SWIFT=$(SWIFT) scripts/run-tests

install: build install-files
	install -d $(DESTDIR)$(PREFIX)/bin
	install -s -m 755 $(BIN)/exedev-k8s $(BIN)/exedev-ctl $(BIN)/exedev-sim $(DESTDIR)$(PREFIX)/bin/
	install -d $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	$(BIN)/exedev-ctl man > $(DESTDIR)$(PREFIX)/share/man/man1/exedev-ctl.1
	$(BIN)/exedev-ctl completion bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/exedev-ctl
	@[ -n "$(DESTDIR)" ] || ! command -v systemd-sysusers > /dev/null || systemd-sysusers exedev-k8s.conf

# All but the programs. The units name the programs where PREFIX puts them.
install-files:
	install -d $(DESTDIR)$(UNITDIR) $(DESTDIR)$(SYSUSERSDIR) $(DESTDIR)$(PREFIX)/share/doc/exedev-k8s/docs
	for unit in systemd/*.service systemd/*.timer; do \
	    sed 's|/usr/local/|$(PREFIX)/|g' "$$unit" > "$(DESTDIR)$(UNITDIR)/$${unit##*/}" \
	        && chmod 644 "$(DESTDIR)$(UNITDIR)/$${unit##*/}" || exit 1; \
	done
	install -m 644 systemd/exedev-k8s.sysusers.conf $(DESTDIR)$(SYSUSERSDIR)/exedev-k8s.conf
	install -m 644 systemd/notify-reload.conf README.md fleet.example.json $(DESTDIR)$(PREFIX)/share/doc/exedev-k8s/
	install -m 644 docs/*.md $(DESTDIR)$(PREFIX)/share/doc/exedev-k8s/docs/

lint:
	$(SWIFT) format lint --strict --recursive Sources Tests Package.swift

clean:
	rm -rf .build .demo

# Every parser of input under libFuzzer, FUZZ_SECONDS each; not part of `make test`, which mutates the same corpus from a seed.
fuzz: deps
	scripts/fuzz
