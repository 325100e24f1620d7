# oracle - bare `make` lists the targets.
#
# Variants, each in a folder of its own:
#   (none)    build/release    -O2; the binary is ./oracle
#   SAN=1     build/san        -O1, AddressSanitizer and UndefinedBehaviorSanitizer
#   TSAN=1    build/tsan       -O1, ThreadSanitizer
#   FUZZ=1    build/fuzz       -O1, libFuzzer, AddressSanitizer, UndefinedBehaviorSanitizer (clang)
#   O0=1      build/o0         -O0: same input, same bytes as -O2
#   COV=1     build/cov        -O0, which counts the lines and branches that run (gcov)
#   REACH=1   build/reach      -O1, the engine a shared library, which notes the functions that run (make mutate)
# Useful settings: PREFIX=/usr/local, T=name (make unit, make spec), CC=clang, Q= (show commands)

CC ?= cc
PREFIX ?= /usr/local
D ?= unit
Q ?= @
MAKEFLAGS += --no-print-directory --no-builtin-rules

ifdef SAN
  VARIANT := san
  OPT := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
else ifdef TSAN
  VARIANT := tsan
  OPT := -O1 -fno-omit-frame-pointer -fsanitize=thread
else ifdef FUZZ
  VARIANT := fuzz
  CC := clang
  OPT := -O1 -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
else ifdef COV
  VARIANT := cov
  OPT := -O0 --coverage -fprofile-update=atomic
else ifdef REACH
  VARIANT := reach
  OPT := -O1 -finstrument-functions -Wl,-rpath,$(CURDIR)/build/reach
  SHARE := yes
else ifdef O0
  VARIANT := o0
  OPT := -O0
else
  VARIANT := release
  OPT := -O2
endif
B := build/$(VARIANT)
VERSION = $(shell sed -n 's/.*oracle = "\([^"]*\)".*/\1/p' lua/oracle/version.lua)
# What shells and man read, made from the tables of the command line.
SHARED := man/man1/oracle.1 bash-completion/completions/oracle zsh/site-functions/_oracle
ORACLE := $(if $(filter release,$(VARIANT)),oracle,$(B)/oracle)

WARN := -Wall -Wextra -Werror -Wconversion -Wshadow
# Where clang warns and gcc does not: what is left out of an initializer with names is zero, and constants are enums.
ifneq ($(findstring clang,$(CC)),)
  WARN += -Wno-missing-field-initializers -Wno-enum-float-conversion
endif
LUA_INC = $(shell pkg-config --cflags lua5.4 2>/dev/null || echo -I/usr/include/lua5.4)
CFLAGS_ALL = -std=gnu11 $(OPT) -g $(WARN) -ffp-contract=off -fPIC -Isrc $(CFLAGS)
# Lua and LPeg go in whole; -E lets C modules of the system (lyaml, lfs) find Lua's symbols.
archive = $(shell $(CC) -print-file-name=$(1) 2>/dev/null)
LUA_LIBS = $(COUNTS) $(call archive,liblua5.4-lpeg.a) $(call archive,liblua5.4.a)
LINK = $(CC) $(OPT) -g $(LDFLAGS) -Wl,-E
# So do the two libraries of the server, which most runs do not need: loading them would cost each of them.
SERVE_LIBS = $(call archive,libevent_core.a) $(call archive,libhttp_parser.a)
# Where it is shared, a changed file is linked once for all programs.
ENGINE := $(B)/liboracle.$(if $(SHARE),so,a)
NEEDED := $(if $(SHARE),|) $(ENGINE)
# The same holds for the line editor, with all that it brings, and for zlib, where their archives are there.
whole = $(foreach l,$(1),$(or $(wildcard $(call archive,lib$(l).a)),-l$(l)))
EDIT_LIBS := $(if $(wildcard $(call archive,libedit.a)),$(call whole,edit tinfo bsd md),-ledit)
LIBS = $(SERVE_LIBS) -lcjson $(call whole,z) -lcminpack $(EDIT_LIBS) -lpthread -ldl -lm

# The builds that count mark the lines of Lua, too: what is in front of Lua's functions and of those that end a process.
ifneq ($(COV)$(REACH),)
  LINES := $(B)/tests/coverage/lines.o
  WRAPS := $(foreach f,luaL_newstate lua_newstate lua_sethook lua_gethook lua_gethookmask _exit _Exit,-Wl,--wrap=$(f))
  COUNTS = $(LINES) $(WRAPS)
endif
# The sanitized one has a collector that never rests, where $ORACLE_GC_STRESS is set.
ifdef SAN
  LINES := $(B)/tests/gcstress/newstate.o
  COUNTS = $(LINES) -Wl,--wrap=lua_newstate -Wl,--wrap=lua_gc
endif

LAYERS := base sim cost obs net workload device replica cluster serve
SRC := $(filter-out src/bind/host/mpi.c,$(sort $(foreach d,$(LAYERS),$(wildcard src/$(d)/*.c)) $(wildcard src/bind/*.c src/bind/*/*.c)))
MPICC ?= mpicc
LUA := $(sort $(shell find lua -name '*.lua'))
MPI := $(if $(shell command -v $(MPICC) 2>/dev/null),build/oracle/mpi.so)
# Chart.js of the package libjs-chart.js: reports hold a copy of it. Without it all else works.
CHART_JS ?= $(firstword $(wildcard /usr/share/javascript/chart.js/chart.min.js /usr/share/nodejs/chart.js/dist/chart.min.js))
CHART_LICENCE ?= /usr/share/doc/libjs-chart.js/copyright
CHARTS := $(if $(CHART_JS),build/report/chart.js)
OBJ := $(SRC:src/%.c=$(B)/%.o)
UNIT := $(sort $(wildcard tests/unit/*.c tests/laws/*.c))
UNIT_BIN := $(UNIT:%.c=$(B)/%)
FUZZ_BIN := $(patsubst %.c,$(B)/%,$(sort $(wildcard tests/fuzz/*.c)))
# Loaded before the program, it lets calls fail. AddressSanitizer and ThreadSanitizer bring a malloc of their own.
FAULTS := $(if $(filter san tsan fuzz,$(VARIANT)),,$(B)/tests/faults/fault.so)
BENCH := $(sort $(wildcard bench/*.c))
BENCH_BIN := $(BENCH:%.c=$(B)/%)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: always roots mutate gcstress faults clients endurance soak coverage pages help demo setup build test golden schedules queueing san tsan fuzz lint bench install uninstall dist deb shared tools clean format memory interrupts unit spec objects check

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

demo: ## install what is missing, build ./oracle, run scenarios/quickstart.lua
	@tools/setup.sh build
	$(Q)$(MAKE) build
	./oracle scenarios/quickstart.lua

setup: ## install the packages that building, testing and linting need (Debian, Ubuntu)
	@tools/setup.sh build test lint

build: $(ORACLE) $(if $(filter release,$(VARIANT)),build/oracle/core.so build/lua/image models/index.txt $(MPI) $(CHARTS)) ## build ./oracle (SAN=1, TSAN=1, O0=1: a variant under build/)
	@:

test: ## all tests; the last line is the count
	@tools/setup.sh build test
	@tools/test.sh

golden: build $(B)/lua ## write tests/golden/expected anew: what every scenario gives now
	$(Q)ORACLE_HOME="$(CURDIR)" ORACLE_BIN="./$(ORACLE)" \
	  LUA_PATH="lua/?.lua;lua/?/init.lua;tests/spec/?.lua;tests/golden/?.lua;;" $(B)/lua tests/golden/rewrite.lua

pages: build $(B)/lua ## what the commands on docs/tour.md and docs/cookbook print, written anew (P=page)
	$(Q)ORACLE_BIN="./$(ORACLE)" LUA_PATH="lua/?.lua;lua/?/init.lua;tests/spec/?.lua;;" $(B)/lua tools/pages.lua $(P)

schedules: build $(B)/lua ## the recorded schedules of real engines, replayed on this one (ORACLE_DATA: where they are)
	$(Q)$(B)/lua tools/schedules.lua

san: ## the same tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@tools/setup.sh build test
	@tools/test.sh SAN=1

tsan: ## what runs in threads, under ThreadSanitizer
	@tools/setup.sh build test
	@tools/test.sh TSAN=1 tests/spec/sweep_spec.lua tests/spec/slices_spec.lua

fuzz: build ## what reads files and options, given random bytes, 60 s each (S=seconds)
	@tools/setup.sh build lint
	$(Q)$(MAKE) FUZZ=1 targets
	@tools/fuzz.sh $(or $(S),60)

soak: ## the laws over random scenarios under AddressSanitizer, S=3600 seconds from seed SEED on
	@tools/setup.sh build test
	@tools/soak.sh $(or $(S),3600) $(SEED)

coverage: ## what of C and Lua the tests reach, by folder: lines and branches (V=1: each line that none does)
	@tools/setup.sh build test
	@tools/coverage.sh $(if $(V),-v)

mutate: build ## N=300 small errors of src/ and lua/, drawn by SEED, each in a copy: which ones no test sees (F=file[:line] T=tests FROM=draw)
	@tools/setup.sh build test
	@ORACLE_DATA="$(or $(ORACLE_DATA),$(CURDIR)/../shared/data)" lua5.4 tools/mutate.lua N=$(or $(N),300) SEED=$(or $(SEED),1) FROM=$(or $(FROM),1) $(if $(F),F=$(F)) $(if $(T),T=$(T))

lint: ## layers, headers, clang-tidy, luacheck, shell syntax
	@tools/setup.sh build lint
	@tools/lint.sh

queueing: build $(B)/lua ## capacity against queueing theory: M/M/1, M/D/1, M/M/c at many utilisations (half an hour)
	$(Q)ORACLE_QUEUEING=full tools/busted.sh $(B) tests/spec/queueing_spec.lua

interrupts: build $(B)/tests/unit/interrupts $(B)/tests/unit/stopping ## Ctrl-C at 200 random moments of the prompt (N=how many), and in whatever runs
	$(Q)ORACLE_INTERRUPTS=$(or $(N),200) $(B)/tests/unit/interrupts
	$(Q)ORACLE_INTERRUPTS=1 $(B)/tests/unit/stopping

memory: build $(B)/lua ## what servers printed of their memory beside what follows from model and GPU ($$ORACLE_DATA)
	$(Q)ORACLE_HOME="$(CURDIR)" $(B)/lua tools/memory.lua

bench: build $(B)/lua $(BENCH_BIN) ## speed, beside the limits of this machine (RECORD=1: a line of bench/history.csv)
	@tools/bench.sh $(B)

clients: build $(B)/lua ## off-the-shelf clients against oracle serve (guidellm, aiperf, openai; in a venv under build/)
	@tests/clients/run.sh

roots: ## before a release: clean Debian and Ubuntu systems, gcc and clang, the package, ARM (root; T="trixie arm64": some)
	@tools/roots.sh $(T)

endurance: build ## a day of oracle serve at --speed 100, 15 minutes: nothing leaks (M=minutes)
	@tools/endurance.sh $(or $(M),15)

gcstress: ## goldens, policies and what else crosses from C to Lua, with a garbage collector that never rests
	@tools/setup.sh build test
	@ORACLE_GC_STRESS=1 tools/test.sh SAN=1 $(or $(T),tests/golden/golden_spec.lua \
	  $(foreach t,policy reload generator des live repl sweep workload processes,$(wildcard tests/spec/$(t)_spec.lua)))

faults: build $(B)/lua $(FAULTS) ## calls for memory and of the system fail, one after the other, in every command (N=at most of each kind, 400)
	$(Q)ORACLE_HOME="$(CURDIR)" ORACLE_FAULT_LIBRARY="$(CURDIR)/$(FAULTS)" LUA_PATH="tests/faults/?.lua;;" \
	  $(B)/lua tools/faults.lua $(or $(N),400) $(CASE)

unit: ## one C test, whatever else does not compile: make unit T=ladder
	-$(Q)$(MAKE) -k objects
	@rm -f $(B)/libpart.a; mkdir -p $(B)/tests/part
	$(Q)$(AR) rcs $(B)/libpart.a $$(ls $(OBJ) 2>/dev/null)
	$(Q)$(CC) $(CFLAGS_ALL) -Itests/unit $(LUA_INC) $(LINK_$(T)) -o $(B)/tests/part/$(T) tests/$(D)/$(T).c $(B)/libpart.a $(LUA_LIBS) $(LIBS)
	$(Q)$(B)/tests/part/$(T)

# Extra options of single tests.
LINK_steady := -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=orc_alloc_sparse,--wrap=orc_heap_allocate

objects: $(OBJ)

spec: ## one Lua test, with the last engine that compiled: make spec T=units
	-$(Q)$(MAKE) $(B)/lua
	@tools/busted.sh $(B) tests/spec/$(T)_spec.lua

# All that a test run needs; benchmarks are built with it so that they keep compiling.
check: $(B)/lua $(UNIT_BIN) $(BENCH_BIN) $(FAULTS)

install: build shared ## install under PREFIX (default /usr/local), with manual, completions and pages
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/oracle/build $(DESTDIR)$(PREFIX)/share/doc/oracle
	install -m 755 oracle $(DESTDIR)$(PREFIX)/bin/oracle
	cp -R lua models scenarios $(DESTDIR)$(PREFIX)/share/oracle/
	cp -R build/lua $(if $(CHARTS),build/report) $(DESTDIR)$(PREFIX)/share/oracle/build/
	rm -f $(DESTDIR)$(PREFIX)/share/oracle/build/lua/image
	$(if $(DESTDIR),,env -u ORACLE_HOME $(PREFIX)/bin/oracle --write-image >/dev/null || :)
	cp -R docs README.md CHANGELOG.md LICENSE $(DESTDIR)$(PREFIX)/share/doc/oracle/
	$(foreach f,$(SHARED),install -D -m 644 build/share/$(f) $(DESTDIR)$(PREFIX)/share/$(f) &&) :
	$(if $(MPI),install -D -m 755 $(MPI) $(DESTDIR)$(PREFIX)/lib/oracle/mpi.so)

uninstall: ## remove what install put under PREFIX
	rm -f $(DESTDIR)$(PREFIX)/bin/oracle $(SHARED:%=$(DESTDIR)$(PREFIX)/share/%)
	rm -rf $(DESTDIR)$(PREFIX)/share/oracle $(DESTDIR)$(PREFIX)/share/doc/oracle $(DESTDIR)$(PREFIX)/lib/oracle

dist: ## the source as build/oracle-VERSION.tar.gz, as committed
	@mkdir -p build
	git archive --format=tar.gz --prefix=oracle-$(VERSION)/ -o build/oracle-$(VERSION).tar.gz HEAD

deb: ## a package of this system, Debian or Ubuntu: build/oracle_VERSION_ARCH.deb
	@tools/setup.sh build package
	$(Q)$(MAKE) build
	+@tools/deb.sh $(VERSION)

format: ## format C files as .clang-format says (F=file: one)
	clang-format -i $(or $(F),$$(find src tests bench tools -name "*.[ch]"))

clean: ## remove what was built
	rm -rf build oracle

# ---- how things are made ----

# What nothing can be built without, said before the compiler fails to be there.
tools:
	@command -v $(firstword $(CC)) >/dev/null || { \
	  echo "make: $(firstword $(CC)): no such C compiler; \`make setup\` installs what is missing (Debian, Ubuntu)" >&2; exit 1; }
	@test -e "$(call archive,liblua5.4.a)" || { \
	  echo "make: no static Lua 5.4 (liblua5.4.a); \`make setup\` installs what is missing (Debian, Ubuntu)" >&2; exit 1; }

# Objects depend on the compiler and the flags they were made with: those of two are never linked together.
$(B)/compiler: always | tools
	@mkdir -p $(@D)
	@echo '$(CC) $(CFLAGS_ALL)' | cmp -s - $@ || echo '$(CC) $(CFLAGS_ALL)' >$@
always:

$(B)/%.o: src/%.c Makefile $(B)/compiler
	@mkdir -p $(@D)
	@echo "  cc    $<"
	$(Q)$(CC) $(CFLAGS_ALL) $(if $(filter bind/%,$*),$(LUA_INC)) -MMD -MP -c -o $@ $<

$(B)/liboracle.a: $(OBJ)
	@rm -f $@
	$(Q)$(AR) rcs $@ $(OBJ)

$(B)/liboracle.so: $(OBJ) $(B)/tests/coverage/functions.o
	$(Q)$(CC) $(OPT) -shared -Wl,-Bsymbolic,-soname,liboracle.so $(WRAPS) -o $@ $^

$(LINES) $(B)/tests/coverage/functions.o: $(B)/%.o: %.c Makefile $(B)/compiler
	@mkdir -p $(@D)
	@echo "  cc    $<"
	$(Q)$(CC) $(filter-out --coverage -finstrument-functions,$(CFLAGS_ALL)) $(LUA_INC) -c -o $@ $<

$(ORACLE): $(B)/main.o $(B)/repl.o $(LINES) $(NEEDED)
	@mkdir -p $(@D)
	@echo "  link  $@"
	$(Q)$(LINK) $(if $(filter release,$(VARIANT)),-no-pie) -o $@ $(filter-out $(LINES),$(filter %.o,$^)) $(ENGINE) $(LUA_LIBS) $(LIBS)

# The module for an ordinary Lua interpreter; it brings no Lua of its own, so it holds only what oracle.core needs.
build/oracle/core.so: $(B)/liboracle.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(OPT) -shared -o $@ $(B)/bind/core.o $(B)/liboracle.a -levent_core -lhttp_parser -lcjson -lz -lcminpack -lm

# Compiled in one go: which of them is fresh the program looks at itself.
build/lua/bundle: $(B)/lua tools/precompile.lua $(LUA)
	@mkdir -p $(@D)
	@echo "  lua   $(words $(LUA)) files"
	$(Q)rm -rf build/lua/oracle build/lua/made
	$(Q)$(B)/lua tools/precompile.lua $@ $(LUA)

# The state that runs begin with. Where it cannot be had, as without /proc, they begin without.
build/lua/image: $(ORACLE) build/lua/bundle models/index.txt
	@echo "  image $@"
	$(Q)env -u ORACLE_HOME ./$(ORACLE) --write-image >/dev/null || rm -f $@

shared: $(SHARED:%=build/share/%)

MADE := $(B)/lua models/index.txt $(filter lua/oracle/command/% lua/oracle/scenario/% lua/oracle/formats/flags/%,$(LUA))
TABLES = ORACLE_HOME="$(CURDIR)" LUA_PATH="lua/?.lua;lua/?/init.lua" $(B)/lua

build/share/man/man1/oracle.1: tools/manual.lua $(MADE)
	@mkdir -p $(@D)
	$(Q)$(TABLES) $< >$@

build/share/bash-completion/completions/oracle: tools/completions.lua $(MADE)
	@mkdir -p $(@D)
	$(Q)$(TABLES) $< bash >$@

build/share/zsh/site-functions/_oracle: tools/completions.lua $(MADE)
	@mkdir -p $(@D)
	$(Q)$(TABLES) $< zsh >$@

# The names of the shipped files: a model more is one file more.
models/index.txt: models/llm models/hardware $(wildcard models/llm/*.json models/hardware/*.json) lua/oracle/models/shelf.lua tools/index.lua $(B)/lua
	$(Q)$(B)/lua tools/index.lua
	@touch $@

# Its licence asks to go with every copy.
build/report/chart.js: $(CHART_JS) Makefile
	@mkdir -p $(@D)
	@echo "  copy  $<"
	$(Q){ echo "/*"; cat $(wildcard $(CHART_LICENCE)) /dev/null | sed -n '/^ Permission/,$$p' | sed 's/^ [.]\?//'; echo "*/"; cat $<; } >$@

# What knows MPI, where there is one: loaded in an MPI job alone, so that no other run waits for it.
build/oracle/mpi.so: src/bind/host/mpi.c Makefile
	@mkdir -p $(@D)
	@echo "  mpicc $<"
	$(Q)$(MPICC) $(CFLAGS_ALL) $(LUA_INC) -shared -o $@ $<

# An interpreter with lpeg and oracle.core inside: runs busted in every variant.
$(B)/lua: tools/lua.c Makefile $(LINES) $(NEEDED)
	$(Q)$(CC) $(CFLAGS_ALL) $(LUA_INC) -MMD -MP -MF $@.d -Wl,-E -o $@ $< $(ENGINE) $(LUA_LIBS) $(LIBS)

$(B)/tests/faults/fault.so: tests/faults/fault.c Makefile $(B)/compiler
	@mkdir -p $(@D)
	@echo "  cc    $<"
	$(Q)$(CC) $(filter-out --coverage,$(CFLAGS_ALL)) -shared -o $@ $<

$(B)/tests/%: tests/%.c $(LINES) $(NEEDED)
	@mkdir -p $(@D)
	@echo "  test  $<"
	$(Q)$(CC) $(CFLAGS_ALL) -Itests/unit $(LUA_INC) -MMD -MP -MF $@.d -Wl,-E $(LINK_$(notdir $*)) -o $@ $< $(ENGINE) $(LUA_LIBS) $(LIBS)

# What libFuzzer drives brings no main of its own.
targets: $(FUZZ_BIN)

$(B)/tests/fuzz/%: tests/fuzz/%.c tests/fuzz/lua_target.h $(B)/liboracle.a
	@mkdir -p $(@D)
	@echo "  fuzz  $<"
	$(Q)$(CC) $(CFLAGS_ALL) -fsanitize=fuzzer $(LUA_INC) -Wl,-E -o $@ $< $(B)/liboracle.a $(LUA_LIBS) $(LIBS)

$(B)/bench/%: bench/%.c $(NEEDED)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -MF $@.d -Wl,-E -o $@ $< $(ENGINE) $(LUA_LIBS) $(LIBS)

-include $(OBJ:.o=.d) $(B)/main.d $(B)/repl.d $(UNIT_BIN:%=%.d) $(BENCH_BIN:%=%.d) $(B)/lua.d
