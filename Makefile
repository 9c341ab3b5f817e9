# Two commands are all there is to know: `make demo` and `make test`.
SHELL := /bin/bash
PREFIX ?= /usr/local
DESTDIR ?=
CONFIG ?= release
SWIFT := swift
FLAGS := --static-swift-stdlib
BIN := .build/$(CONFIG)

# command or file that proves it is there : Debian package
BUILD_NEEDS := libcurl4-openssl-dev libssh2-1-dev libssl-dev pkg-config
RUN_NEEDS := openssh-client openssh-server systemd-container debootstrap iproute2 iptables curl ca-certificates

.PHONY: demo test build install lint clean deps deps-sim

build: deps
	$(SWIFT) build -c $(CONFIG) $(FLAGS)

deps:
	@./install-missing $(BUILD_NEEDS)

deps-sim:
	@./install-missing $(BUILD_NEEDS) $(RUN_NEEDS)

demo: deps-sim
	$(SWIFT) build -c $(CONFIG) $(FLAGS)
	BIN=$(BIN) ./demo

test: deps-sim
	$(SWIFT) build -c $(CONFIG) $(FLAGS)
	EXEDEV_BIN=$(abspath $(BIN)) $(SWIFT) test --disable-xctest --scratch-path .build/tests

install: build
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/systemd/system $(DESTDIR)$(PREFIX)/share/doc/exedev-k8s
	install -s -m 755 $(BIN)/exedev-k8s $(BIN)/exedev-ctl $(BIN)/exedev-sim $(DESTDIR)$(PREFIX)/bin/
	install -m 644 systemd/*.service systemd/*.timer $(DESTDIR)$(PREFIX)/lib/systemd/system/
	install -m 644 README.md fleet.example.json $(DESTDIR)$(PREFIX)/share/doc/exedev-k8s/

lint:
	$(SWIFT) format lint --strict --recursive Sources Tests Package.swift

clean:
	rm -rf .build .demo
