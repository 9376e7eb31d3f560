# nudge: make run, make test. Everything else: make help.

CC ?= cc
PREFIX ?= /usr/local
SHARE ?= $(PREFIX)/share
UNITS ?= $(PREFIX)/lib/systemd/system
BUILD ?= build
CFLAGS ?= -O2 -g
JOBS ?= 2
ROUNDS ?= 1000
DAYS ?= 300
FUZZ_SECONDS ?= 60
FUZZ_FLAGS ?= -max_total_time=$(FUZZ_SECONDS)
TEMPLATES ?= 200000
SEED ?= 1
HISTORIES ?= 20000
MAILS ?= 10000
SHARED ?= $(or $(NUDGE_SHARED),../shared)
WARNINGS = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wpointer-arith -Wvla -Wformat=2 -Wno-unused-parameter \
	-Wno-format-truncation -Wno-unknown-warning-option
PACKAGES = libevent libevent_pthreads libcurl jansson sqlite3 openssl zlib \
	libidn2
LIBS = $(shell pkg-config --libs $(PACKAGES)) -lesmtp -lmd4c-html -lmd4c \
	-lpthread -lm -ldl
CPPFLAGS += -I. -D_GNU_SOURCE -DNUDGE_VERSION='"$(VERSION)"'
ALL_CFLAGS = -std=c11 $(WARNINGS) $(CFLAGS) $(EXTRA_CFLAGS) -MMD -MP
VERSION = 0.1.0

SOURCES = $(sort $(wildcard worker/*.c worker/*/*.c worker/*/*/*.c queue/*.c \
	sequences/*.c sequences/*/*.c \
	templates/*.c templates/*/*.c))
OBJECTS = $(SOURCES:%.c=$(BUILD)/%.o)
MODULES = $(filter-out $(BUILD)/worker/main.o,$(OBJECTS))
UNIT = $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/*_test.c))
BENCH = $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(wildcard tests/bench/*.c))
FUZZ = $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/*.c))

# The sequences, templates and schemas that `nudge init` writes are part of the
# program: an assembler file takes them in as they are.
SHIPPED = $(sort $(shell find sequences/library templates/library -type f))

all: $(BUILD)/nudge ## build the program

run: ## build it, and start it on ./workspace, which is made if there is none
	@.ci/packages build
	@$(MAKE) -s -j$(JOBS) all
	@test -d workspace || $(BUILD)/nudge init workspace
	@$(BUILD)/nudge run -C workspace

$(BUILD)/nudge: $(BUILD)/worker/main.o $(BUILD)/libnudge.a
	$(CC) $(CFLAGS) $(EXTRA_CFLAGS) -rdynamic -o $@ $^ $(LDFLAGS) $(LIBS)

$(BUILD)/libnudge.a: $(MODULES) $(BUILD)/shipped.o
	@rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -c -o $@ $<

$(BUILD)/shipped.S: $(SHIPPED) Makefile
	@mkdir -p $(@D)
	@{ echo '.section .note.GNU-stack,"",%progbits'; \
	echo '.section .data.rel.ro,"aw"'; echo '.balign 8'; \
	echo '.globl shipped_files'; echo 'shipped_files:'; \
	i=0; for f in $(SHIPPED); do i=$$((i + 1)); \
	echo ".dc.a name_$$i, data_$$i, end_$$i - data_$$i"; done; \
	echo '.dc.a 0, 0, 0'; echo '.section .rodata'; \
	i=0; for f in $(SHIPPED); do i=$$((i + 1)); \
	echo "name_$$i: .asciz \"$$f\""; \
	echo "data_$$i: .incbin \"$$f\""; echo "end_$$i: .byte 0"; done; } >$@

$(BUILD)/shipped.o: $(BUILD)/shipped.S
	$(CC) -c -o $@ $<

$(BUILD)/tests/%: tests/unit/%.c $(BUILD)/libnudge.a
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -rdynamic -o $@ $< $(BUILD)/libnudge.a \
		$(LDFLAGS) $(LIBS) -lcmocka

$(BUILD)/tests/liquid_cases: tests/liquid_cases.c $(BUILD)/libnudge.a
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -rdynamic -o $@ $< $(BUILD)/libnudge.a \
		$(LDFLAGS) $(LIBS)

$(BUILD)/tests/play: tests/model/play.c $(BUILD)/libnudge.a
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -o $@ $< $(BUILD)/libnudge.a \
		$(LDFLAGS) $(LIBS)

$(BUILD)/tests/compose: tests/mime/compose.c $(BUILD)/libnudge.a
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -o $@ $< $(BUILD)/libnudge.a \
		$(LDFLAGS) $(LIBS)

$(BUILD)/bench/%: tests/bench/%.c $(BUILD)/libnudge.a
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -o $@ $< $(BUILD)/libnudge.a \
		$(LDFLAGS) $(LIBS)

$(BUILD)/fuzz/%: tests/fuzz/%.c $(BUILD)/libnudge.a
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -fsanitize=fuzzer -o $@ $< \
		$(BUILD)/libnudge.a $(LDFLAGS) $(LIBS)

test: ## unit, end-to-end and crash tests, as on a fresh machine
	@.ci/packages build test
	@$(MAKE) -s -j$(JOBS) all $(UNIT)
	@$(MAKE) -s -j1 rules unit golden differential model mime e2e crash \
		ROUNDS=100 TEMPLATES=5000 HISTORIES=2000 MAILS=500

unit: $(UNIT) ## the unit tests
	@for t in $(UNIT); do echo "== $$t"; $$t || exit 1; done

golden: $(BUILD)/tests/liquid_cases ## Liquid as Shopify's: the cases in SHARED (../shared)
	@f="$(SHARED)/golden-liquid/cases.json"; if [ -r "$$f" ]; then \
		$< "$$f"; else echo "$$f is not there: skipped"; fi

differential: $(BUILD)/tests/liquid_cases ## TEMPLATES (200000) by chance, as ruby-liquid has them
	@tests/differential/run $< $(TEMPLATES) $(SEED)

model: $(BUILD)/tests/play ## HISTORIES (20000) by chance, as a slow model has them
	NUDGE_PLAY=$(abspath $<) node tests/model/run.mjs --count $(HISTORIES) \
		--from $(SEED)

mime: $(BUILD)/tests/compose tests/node_modules ## MAILS (10000) by chance, as two other parsers read them
	@tests/mime/run $< $(MAILS) $(SEED)

e2e: all tests/node_modules ## real clients, servers and parsers against the program
	cd tests && NUDGE=$(abspath $(BUILD)/nudge) node --test e2e/*.test.mjs

relays: all tests/node_modules ## mail through Debian's own Postfix and Exim, as root
	@.ci/packages build test relays
	@tests/relays/unpack $(BUILD)/relays
	cd tests && NUDGE=$(abspath $(BUILD)/nudge) \
		RELAYS=$(abspath $(BUILD)/relays) node --test relays/*.test.mjs

crash: all tests/node_modules ## kill -9 under load, ROUNDS times (1000)
	NUDGE=$(abspath $(BUILD)/nudge) node tests/crash/crash.mjs $(ROUNDS)

soak: all tests/node_modules ## DAYS (300) of a small company: does it stay as large as it is
	NUDGE=$(abspath $(BUILD)/nudge) node tests/soak/soak.mjs $(DAYS)

tests/node_modules: tests/package-lock.json
	cd tests && npm ci --no-fund --no-audit --ignore-scripts
	@touch $@

rules: ## what the four parts may not use
	@tests/rules

check: rules ## warnings are errors in two compilers; cppcheck; sanitizers
	@.ci/packages build test check
	@$(MAKE) -s -j$(JOBS) BUILD=$(BUILD)/gcc CC=gcc EXTRA_CFLAGS=-Werror all
	@$(MAKE) -s -j$(JOBS) BUILD=$(BUILD)/clang CC=clang \
		EXTRA_CFLAGS=-Werror all
	cppcheck -q -j$(JOBS) --std=c11 -I. --error-exitcode=1 --inline-suppr \
		--enable=warning,performance,portability \
		'-Djson_array_foreach(a, i, v)=for (;;)' \
		'-Djson_object_foreach(o, k, v)=for (;;)' $(SOURCES)
	@$(MAKE) -s -j$(JOBS) BUILD=$(BUILD)/asan CFLAGS='-O1 -g' \
		EXTRA_CFLAGS='-fsanitize=address,undefined -fno-omit-frame-pointer' \
		unit
	@$(MAKE) -s fuzz FUZZ_FLAGS=-runs=0

bench: all tests/node_modules ## speed, as ratios from one run on this machine
	@.ci/packages bench
	@$(MAKE) -s -j$(JOBS) $(BENCH)
	NUDGE=$(abspath $(BUILD)/nudge) node tests/bench/bench.mjs

fuzz: ## each parser for FUZZ_SECONDS (60)
	@.ci/packages build check
	@$(MAKE) -s -j$(JOBS) BUILD=$(BUILD)/clang-fuzz CC=clang CFLAGS='-O1 -g' \
		EXTRA_CFLAGS=-fsanitize=fuzzer-no-link,address,undefined fuzz-run

# What is found goes to BUILD/corpus; tests/fuzz has a beginning for some.
fuzz-run: $(FUZZ)
	@for f in $^; do n=$${f##*/}; n=$${n%_fuzz}; echo "== $$n"; \
		mkdir -p $(BUILD)/corpus/$$n; set -- $(BUILD)/corpus/$$n; \
		[ ! -d tests/fuzz/$$n ] || set -- "$$@" tests/fuzz/$$n; \
		[ ! -f tests/fuzz/$$n.dict ] || set -- "$$@" -dict=tests/fuzz/$$n.dict; \
		$$f "$$@" $(FUZZ_FLAGS) -timeout=10 -verbosity=0 -print_funcs=0 \
			-artifact_prefix=$(BUILD)/ || exit 1; done

# Manual pages and completion come out of the program's own tables.
install: all ## to DESTDIR and PREFIX (/usr/local)
	@mkdir -p $(BUILD)/share
	$(BUILD)/nudge help nudge.1 >$(BUILD)/share/nudge.1
	$(BUILD)/nudge help nudge.json.5 >$(BUILD)/share/nudge.json.5
	$(BUILD)/nudge completion bash >$(BUILD)/share/nudge
	$(BUILD)/nudge completion zsh >$(BUILD)/share/_nudge
	sed 's|/usr/bin/|$(PREFIX)/bin/|' debian/nudge.service \
		>$(BUILD)/share/nudge.service
	install -D $(BUILD)/nudge $(DESTDIR)$(PREFIX)/bin/nudge
	install -D -m 644 -t $(DESTDIR)$(SHARE)/man/man1 $(BUILD)/share/nudge.1
	install -D -m 644 -t $(DESTDIR)$(SHARE)/man/man5 \
		$(BUILD)/share/nudge.json.5
	install -D -m 644 -t $(DESTDIR)$(SHARE)/bash-completion/completions \
		$(BUILD)/share/nudge
	install -D -m 644 -t $(DESTDIR)$(SHARE)/zsh/vendor-completions \
		$(BUILD)/share/_nudge
	install -D -m 644 -t $(DESTDIR)$(UNITS) $(BUILD)/share/nudge.service

deb: ## a Debian package, in BUILD/deb
	@.ci/packages build deb
	@rm -rf $(BUILD)/deb
	@mkdir -p $(BUILD)/deb/nudge
	@tar -c --exclude=./build --exclude=./workspace --exclude=./.git \
		--exclude=node_modules . | tar -x -C $(BUILD)/deb/nudge
	cd $(BUILD)/deb/nudge && \
		env -u BUILD -u MAKEFLAGS dpkg-buildpackage -us -uc -b
	lintian --fail-on error,warning $(BUILD)/deb/nudge_*.changes

deb-test: deb ## install it in a fresh Debian, run it, remove it; as root
	tests/package.sh $(BUILD)/deb/nudge_$(VERSION)_*.deb

clean: ## remove what was built
	rm -rf $(BUILD) tests/node_modules

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' Makefile | expand -t 14

-include $(OBJECTS:.o=.d) $(UNIT:=.d) $(BENCH:=.d) $(FUZZ:=.d)

.PHONY: all run test unit golden differential model mime e2e relays crash soak \
	rules check bench fuzz fuzz-run install deb deb-test clean help
.DELETE_ON_ERROR:
.SECONDARY:
