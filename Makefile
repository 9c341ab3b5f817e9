# Two commands are all there is to know: `make demo` (KEEP=1 leaves its fleet running) and `make test`.
SHELL := /bin/bash
PREFIX ?= /usr/local
DESTDIR ?=
CONFIG ?= release
SWIFT := swift
FLAGS := --static-swift-stdlib
BIN := .build/$(CONFIG)

# command or file that proves it is there : Debian package
BUILD_NEEDS := libcurl4-openssl-dev libssh2-1-dev libssl-dev libmicrohttpd-dev pkg-config
RUN_NEEDS := openssh-client openssh-server openssl systemd-container debootstrap iproute2 iptables curl ca-certificates

.PHONY: fuzz demo test build install lint clean deps deps-sim

build: deps
	$(SWIFT) build -c $(CONFIG) $(FLAGS)

deps:
	@./scripts/install-missing $(BUILD_NEEDS)

deps-sim:
	@./scripts/install-missing $(BUILD_NEEDS) $(RUN_NEEDS)

demo: deps-sim
	$(SWIFT) build -c $(CONFIG) $(FLAGS)
	BIN=$(BIN) KEEP=$(KEEP) ./scripts/demo

test: deps-sim
	$(SWIFT) build -c $(CONFIG) $(FLAGS)
	EXEDEV_BIN=$(abspath $(BIN)) SWIFT=$(SWIFT) ./scripts/run-tests

install: build
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/systemd/system $(DESTDIR)$(PREFIX)/share/doc/exedev-k8s
	install -s -m 755 $(BIN)/exedev-k8s $(BIN)/exedev-ctl $(BIN)/exedev-sim $(DESTDIR)$(PREFIX)/bin/
	install -m 644 systemd/*.service systemd/*.timer $(DESTDIR)$(PREFIX)/lib/systemd/system/
	install -D -m 644 systemd/exedev-k8s.sysusers.conf $(DESTDIR)$(PREFIX)/lib/sysusers.d/exedev-k8s.conf
	install -m 644 systemd/notify-reload.conf $(DESTDIR)$(PREFIX)/share/doc/exedev-k8s/
	install -m 644 README.md fleet.example.json $(DESTDIR)$(PREFIX)/share/doc/exedev-k8s/
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/doc/exedev-k8s/docs docs/*.md
	@[ -n "$(DESTDIR)" ] || ! command -v systemd-sysusers > /dev/null || systemd-sysusers exedev-k8s.conf

lint:
	$(SWIFT) format lint --strict --recursive Sources Tests Package.swift

clean:
	rm -rf .build

# Every parser of input under libFuzzer, FUZZ_SECONDS each; not part of `make test`, which mutates the same corpus from a seed.
fuzz: deps
	./scripts/fuzz
