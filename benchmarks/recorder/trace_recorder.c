// Records the calls of malloc and its kin of a program that this library is preloaded into. `benchmarks -- trace convert` makes a trace of
// what it writes (see "Traces" in benchmarks/README.md).
//
//   HAKMEM_TRACE_FILE     where to write; %p stands for the process's number. Without it nothing is recorded. A child that is forked gets a
//                         file of its own if the name has %p, and is not recorded otherwise.
//   HAKMEM_TRACE_PROGRAM  the only program to record, by the last part of its path; every one without it.
//   HAKMEM_TRACE_EVENTS   how many events a file has room for; later ones are counted and dropped.
//
// The file is a header and an array of records, mapped shared and sparse. A call takes the next record with one atomic addition and writes
// it, so nothing is lost where a process ends without a farewell, and the records are in an order in which every block is freed before its
// address is allocated again: a free takes its record before the real free, an allocation after the real one, and a resize, which is both, takes
// one before and one after.
//
// Calls before the library's constructor are not recorded, nor those of processes that vfork has made and that have not called exec.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

// Must be what RawTrace.cs reads.
enum kind { KIND_NONE, KIND_ALLOC, KIND_ALLOC_ZEROED, KIND_FREE, KIND_RESIZE_BEGIN, KIND_RESIZE_END };

struct record {
  uint64_t nanoseconds;
  uint64_t address;
  uint64_t byte_count;
  uint32_t thread;
  _Atomic uint32_t kind;  // Written last: a record without one was never finished.
};

struct trace {
  char magic[8];
  uint64_t capacity;
  _Atomic uint64_t next;  // Goes beyond the capacity by as many events as were dropped.
  _Atomic uint32_t thread_count;
  uint32_t record_bytes;
  uint64_t reserved[4];
  struct record records[];
};

_Static_assert(sizeof(struct record) == 32, "a record has 32 bytes");
_Static_assert(sizeof(struct trace) == 64, "the header has 64 bytes");

#define DEFAULT_EVENTS (4u << 20)

static void *(*real_malloc)(size_t);
static void *(*real_calloc)(size_t, size_t);
static void *(*real_realloc)(void *, size_t);
static void (*real_free)(void *);
static int (*real_posix_memalign)(void **, size_t, size_t);
static void *(*real_memalign)(size_t, size_t);
static void *(*real_aligned_alloc)(size_t, size_t);
static size_t (*real_malloc_usable_size)(void *);

static _Atomic(struct trace *) current_trace;
static size_t trace_bytes;
static uint64_t trace_capacity;
static const char *trace_path;

// A thread's number belongs to one file; a fork begins another.
static _Atomic uint32_t generation = 1;
#define THREAD_LOCAL static __thread __attribute__((tls_model("initial-exec")))
THREAD_LOCAL uint32_t thread_generation;
THREAD_LOCAL uint32_t thread_number;

// What dlsym allocates while it looks for the real functions. Never given back.
static _Alignas(16) char early_memory[64 << 10];
static size_t early_used;
static bool is_resolving;

static bool is_early(const void *block) {
  return (const char *)block >= early_memory && (const char *)block < early_memory + sizeof early_memory;
}

static void *allocate_early(size_t byte_count) {
  size_t rounded = (byte_count + 15) & ~(size_t)15;
  if (rounded < byte_count || rounded > sizeof early_memory - early_used) {
    abort();
  }
  void *block = early_memory + early_used;
  early_used += rounded;
  return block;
}

static void *find(const char *name) {
  void *function = dlsym(RTLD_NEXT, name);
  if (function == NULL) {
    abort();
  }
  return function;
}

// The first call of a process finds the real functions, before there can be a second thread.
static void resolve(void) {
  is_resolving = true;
  real_calloc = find("calloc");
  real_realloc = find("realloc");
  real_free = find("free");
  real_posix_memalign = find("posix_memalign");
  real_memalign = find("memalign");
  real_aligned_alloc = find("aligned_alloc");
  real_malloc_usable_size = find("malloc_usable_size");
  real_malloc = find("malloc");
  is_resolving = false;
}

// Whether the real functions can be called; otherwise early memory has to serve.
static inline bool is_ready(void) {
  if (__builtin_expect(real_malloc == NULL, 0)) {
    if (is_resolving) {
      return false;
    }
    resolve();
  }
  return true;
}

static void record(enum kind kind, const void *address, size_t byte_count) {
  struct trace *trace = atomic_load_explicit(&current_trace, memory_order_acquire);
  if (trace == NULL) {
    return;
  }
  uint64_t index = atomic_fetch_add(&trace->next, 1);
  if (index >= trace_capacity) {
    return;
  }
  uint32_t now = atomic_load_explicit(&generation, memory_order_relaxed);
  if (thread_generation != now) {
    thread_generation = now;
    thread_number = atomic_fetch_add(&trace->thread_count, 1);
  }
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  struct record *slot = &trace->records[index];
  slot->nanoseconds = (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
  slot->address = (uintptr_t)address;
  slot->byte_count = byte_count;
  slot->thread = thread_number;
  atomic_store_explicit(&slot->kind, kind, memory_order_release);
}

static void *recorded(enum kind kind, void *block, size_t byte_count) {
  if (block != NULL) {
    record(kind, block, byte_count);
  }
  return block;
}

void *malloc(size_t byte_count) {
  return is_ready() ? recorded(KIND_ALLOC, real_malloc(byte_count), byte_count) : allocate_early(byte_count);
}

void *calloc(size_t count, size_t byte_count) {
  if (is_ready()) {
    return recorded(KIND_ALLOC_ZEROED, real_calloc(count, byte_count), count * byte_count);
  }
  size_t product;
  return __builtin_mul_overflow(count, byte_count, &product) ? NULL : allocate_early(product);  // Fresh, so it is zero.
}

void free(void *block) {
  if (block == NULL || is_early(block)) {
    return;
  }
  if (is_ready()) {
    record(KIND_FREE, block, 0);
    real_free(block);
  }
}

void *realloc(void *block, size_t byte_count) {
  if (block == NULL) {
    return malloc(byte_count);
  }
  if (is_early(block) || !is_ready()) {
    size_t behind = (size_t)(early_memory + sizeof early_memory - (char *)block);
    void *copy = malloc(byte_count);
    return copy == NULL ? NULL : memcpy(copy, block, byte_count < behind ? byte_count : behind);
  }
  record(KIND_RESIZE_BEGIN, block, byte_count);
  void *resized = real_realloc(block, byte_count);
  record(KIND_RESIZE_END, resized, byte_count);
  return resized;
}

void *reallocarray(void *block, size_t count, size_t byte_count) {
  size_t product;
  if (__builtin_mul_overflow(count, byte_count, &product)) {
    errno = ENOMEM;
    return NULL;
  }
  return realloc(block, product);
}

int posix_memalign(void **block, size_t alignment, size_t byte_count) {
  if (!is_ready()) {
    return ENOMEM;
  }
  int error = real_posix_memalign(block, alignment, byte_count);
  if (error == 0) {
    recorded(KIND_ALLOC, *block, byte_count);
  }
  return error;
}

void *memalign(size_t alignment, size_t byte_count) {
  return is_ready() ? recorded(KIND_ALLOC, real_memalign(alignment, byte_count), byte_count) : NULL;
}

void *aligned_alloc(size_t alignment, size_t byte_count) {
  return is_ready() ? recorded(KIND_ALLOC, real_aligned_alloc(alignment, byte_count), byte_count) : NULL;
}

void *valloc(size_t byte_count) {
  return memalign((size_t)sysconf(_SC_PAGESIZE), byte_count);
}

void *pvalloc(size_t byte_count) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  return memalign(page, (byte_count + page - 1) & ~(page - 1));
}

size_t malloc_usable_size(void *block) {
  if (is_early(block)) {
    return 0;
  }
  return is_ready() ? real_malloc_usable_size(block) : 0;
}

static void fail(const char *what) {
  fprintf(stderr, "trace_recorder: cannot %s %s: %s\n", what, trace_path, strerror(errno));
  _exit(1);
}

// Begins the file of this process.
static void begin(void) {
  char path[4096];
  const char *number = strstr(trace_path, "%p");
  int length = number == NULL
      ? snprintf(path, sizeof path, "%s", trace_path)
      : snprintf(path, sizeof path, "%.*s%d%s", (int)(number - trace_path), trace_path, (int)getpid(), number + 2);
  if (length < 0 || (size_t)length >= sizeof path) {
    errno = ENAMETOOLONG;
    fail("name");
  }
  int file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) {
    fail("open");
  }
  if (ftruncate(file, (off_t)trace_bytes) != 0) {
    fail("make room in");
  }
  struct trace *trace = mmap(NULL, trace_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (trace == MAP_FAILED) {
    fail("map");
  }
  close(file);
  memcpy(trace->magic, "HKRAWTR1", sizeof trace->magic);
  trace->capacity = trace_capacity;
  trace->record_bytes = sizeof(struct record);
  atomic_store_explicit(&current_trace, trace, memory_order_release);
}

static void in_child(void) {
  struct trace *of_parent = atomic_exchange(&current_trace, NULL);
  if (of_parent == NULL) {
    return;
  }
  munmap(of_parent, trace_bytes);
  atomic_fetch_add(&generation, 1);
  if (strstr(trace_path, "%p") != NULL) {
    begin();
  }
}

__attribute__((constructor)) static void start(void) {
  trace_path = getenv("HAKMEM_TRACE_FILE");
  const char *program = getenv("HAKMEM_TRACE_PROGRAM");
  if (trace_path == NULL || trace_path[0] == '\0' ||
      (program != NULL && strcmp(program, program_invocation_short_name) != 0)) {
    return;
  }
  const char *events = getenv("HAKMEM_TRACE_EVENTS");
  trace_capacity = events == NULL ? DEFAULT_EVENTS : strtoull(events, NULL, 10);
  if (trace_capacity == 0 || trace_capacity > UINT32_MAX) {
    errno = ERANGE;
    fail("have HAKMEM_TRACE_EVENTS events in");
  }
  trace_bytes = sizeof(struct trace) + trace_capacity * sizeof(struct record);
  pthread_atfork(NULL, NULL, in_child);
  begin();
}
