/*
** fault.c - the world fails at a chosen moment: a library that is loaded before the program's (LD_PRELOAD).
**   ORACLE_FAULT=KIND:N    the N-th call of a kind fails (from 1); KIND:N+ fails that one and all after it
**   ORACLE_FAULT=KIND:0    none fails
**   ORACLE_FAULT_COUNT=F   how many calls of the kind there were is written to the file F at the end
** KIND is memory (malloc, calloc, realloc, aligned_alloc: no memory), or a call of the system: open (too many files), write
** (no space; stderr's excepted), sync (input/output error), rename (no permission), truncate (no space).
**
** Calls of the system are caught where the kernel begins, so that those inside stdio count too: a seccomp filter turns them
** into SIGSYS, whose handler makes the call itself - a sixth argument that the kernel ignores lets it through - or does not.
*/
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

enum { PASS = 0x0fa17, MOST = 8, BROKEN = 125 };

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t align, size_t size);

typedef struct kind {
  const char *name;
  int error;
  long calls[MOST];
} kind;

static const kind kinds[] = {
  { "memory", ENOMEM, { -1 } },
  { "open",
    EMFILE,
    {
#ifdef SYS_open
        SYS_open,
#endif
        SYS_openat, -1 } },
  { "write", ENOSPC, { SYS_write, SYS_writev, SYS_pwrite64, -1 } },
  { "sync", EIO, { SYS_fsync, SYS_fdatasync, -1 } },
  { "rename",
    EACCES,
    {
#ifdef SYS_rename
        SYS_rename,
#endif
#ifdef SYS_renameat
        SYS_renameat,
#endif
        SYS_renameat2, -1 } },
  { "truncate", ENOSPC, { SYS_ftruncate, -1 } },
};

static const kind *chosen;
static long first; /* 0: none */
static bool all_after;
static atomic_long calls;

/* Whether this call is one that fails; counts it. */
static bool fails(void)
{
  const long n = atomic_fetch_add(&calls, 1) + 1;
  return first > 0 && (n == first || (all_after && n > first));
}

static bool no_memory(void)
{
  if (chosen == NULL || chosen != kinds || !fails()) return false;
  errno = ENOMEM;
  return true;
}

void *malloc(size_t size)
{
  return no_memory() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
  return no_memory() ? NULL : __libc_calloc(count, size);
}

/* Lua counts on a block that shrinks. */
void *realloc(void *old, size_t size)
{
  return size > 0 && no_memory() ? NULL : __libc_realloc(old, size);
}

void *aligned_alloc(size_t align, size_t size)
{
  return no_memory() ? NULL : __libc_memalign(align, size);
}

#if defined __x86_64__
enum { ARCH = AUDIT_ARCH_X86_64 };
static long *result(ucontext_t *c)
{
  return (long *)&c->uc_mcontext.gregs[REG_RAX];
}
static long argument(const ucontext_t *c, int i)
{
  static const int registers[] = { REG_RDI, REG_RSI, REG_RDX, REG_R10, REG_R8 };
  return (long)c->uc_mcontext.gregs[registers[i]];
}
#elif defined __aarch64__
enum { ARCH = AUDIT_ARCH_AARCH64 };
static long *result(ucontext_t *c)
{
  return (long *)&c->uc_mcontext.regs[0];
}
static long argument(const ucontext_t *c, int i)
{
  return (long)c->uc_mcontext.regs[i];
}
#else
#error "what registers hold a call of the system is known of x86-64 and AArch64"
#endif

static long pass(long call, const ucontext_t *c)
{
  const long r = syscall(call, argument(c, 0), argument(c, 1), argument(c, 2), argument(c, 3),
                         argument(c, 4), (long)PASS);
  return r == -1 ? -errno : r;
}

static void on_call(int number, siginfo_t *info, void *context)
{
  (void)number;
  const int before = errno;
  ucontext_t *c = context;
  const bool error_text = strcmp(chosen->name, "write") == 0 && argument(c, 0) == STDERR_FILENO;
  *result(c) = !error_text && fails() ? -chosen->error : pass(info->si_syscall, c);
  errno = before;
}

static _Noreturn void broken(const char *why)
{
  fprintf(stderr, "fault: %s\n", why);
  _exit(BROKEN);
}

/* Calls of the kind that do not come from `pass` raise SIGSYS. */
static void catch_calls(void)
{
  struct sock_filter f[MOST + 8];
  unsigned short n = 0, count = 0;
  while (chosen->calls[count] >= 0)
    count++;
  f[n++] =
      (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
  f[n++] =
      (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 0, (unsigned char)(count + 1));
  f[n++] =
      (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  for (unsigned short i = 0; i < count; i++) {
    f[n] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)chosen->calls[i],
                                        (unsigned char)(count - i), 0);
    n++;
  }
  f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                        offsetof(struct seccomp_data, args[5]));
  f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PASS, 1, 0);
  f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP);
  f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  const struct sock_fprog program = { .len = n, .filter = f };
  struct sigaction action = { .sa_sigaction = on_call, .sa_flags = SA_SIGINFO | SA_NODEFER };
  sigemptyset(&action.sa_mask);
  if (sigaction(SIGSYS, &action, NULL) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
    broken("this system allows no seccomp filter");
}

__attribute__((constructor)) static void begin(void)
{
  const char *wanted = getenv("ORACLE_FAULT");
  if (wanted == NULL) return;
  const char *colon = strchr(wanted, ':');
  if (colon == NULL) broken("ORACLE_FAULT=KIND:N expected");
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (strncmp(kinds[i].name, wanted, (size_t)(colon - wanted)) == 0) chosen = &kinds[i];
  if (chosen == NULL) broken("memory, open, write, sync, rename or truncate expected");
  char *end;
  first = strtol(colon + 1, &end, 10);
  all_after = *end == '+';
  if (chosen != kinds) catch_calls();
}

__attribute__((destructor)) static void finish(void)
{
  const char *path = getenv("ORACLE_FAULT_COUNT");
  const long n = atomic_load(&calls);
  if (chosen == NULL || path == NULL) return;
  char text[32];
  const int length = snprintf(text, sizeof text, "%ld\n", n);
  const int file =
      (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0666, 0L, (long)PASS);
  if (file < 0) return;
  (void)!syscall(SYS_write, file, text, (long)length, 0L, 0L, (long)PASS);
  close(file);
}
