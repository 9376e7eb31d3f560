# nudge: make run, make test. Everything else: make help.

CC ?= cc
PREFIX ?= /usr/local
BUILD ?= build
CFLAGS ?= -O2 -g
WARNINGS = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wpointer-arith -Wvla -Wformat=2 -Wno-unused-parameter
PACKAGES = libevent libevent_pthreads libcurl jansson sqlite3 openssl zlib
LIBS = $(shell pkg-config --libs $(PACKAGES)) -lesmtp -lmd4c-html -lmd4c \
	-lpthread -lm -ldl
CPPFLAGS += -I. -D_GNU_SOURCE -DNUDGE_VERSION='"$(VERSION)"'
ALL_CFLAGS = -std=c11 $(WARNINGS) $(CFLAGS) $(EXTRA_CFLAGS) -MMD -MP
VERSION = 0.1.0

SOURCES = $(sort $(wildcard worker/*.c worker/*/*.c queue/*.c sequences/*.c \
	templates/*.c templates/*/*.c))
OBJECTS = $(SOURCES:%.c=$(BUILD)/%.o)
MODULES = $(filter-out $(BUILD)/worker/main.o,$(OBJECTS))
UNIT = $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/*_test.c))

# The sequences, templates and schemas that `nudge init` writes are part of the
# program: an assembler file takes them in as they are.
SHIPPED = $(sort $(shell find sequences/library templates/library -type f))

all: $(BUILD)/nudge

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

unit: $(UNIT)
	@for t in $(UNIT); do echo "== $$t"; $$t || exit 1; done

clean:
	rm -rf $(BUILD)

-include $(OBJECTS:.o=.d) $(BUILD)/worker/main.d $(UNIT:=.d)

.PHONY: all unit clean
.DELETE_ON_ERROR:
.SECONDARY:
