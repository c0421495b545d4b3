// Debian has musl, but none of the other libraries that .NET needs for it. Its libstdc++, libgcc_s and OpenSSL are compiled for glibc and need
// a few names that musl does not have; here they are. Compiled as ld-linux-x86-64.so.2, which that libstdc++ asks for by name.

#define _GNU_SOURCE
#include <link.h>
#include <locale.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <syslog.h>
#include <time.h>

// libstdc++ counts references without atomic operations while this is set.
char __libc_single_threaded = 0;

// Old names of libgcc_s for what it knows of the processor, which musl does not let it find in itself. Nothing here asks for them.
unsigned int __cpu_model[4];

int __cpu_indicator_init(void)
{
    return 0;
}

uint32_t arc4random(void)
{
    uint32_t value;
    if (getrandom(&value, sizeof value, 0) != sizeof value)
        abort();
    return value;
}

size_t __strftime_l(char *restrict text, size_t size, const char *restrict format, const struct tm *restrict time, locale_t locale)
{
    return strftime_l(text, size, format, time, locale);
}

// Destructors of a thread's variables, the last that was registered first.
struct destructor {
    void (*run)(void *);
    void *object;
    struct destructor *next;
};

static _Thread_local struct destructor *destructors;
static pthread_key_t at_exit;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void run_destructors(void *unused)
{
    (void)unused;
    while (destructors != NULL) {
        struct destructor *first = destructors;
        destructors = first->next;
        first->run(first->object);
        free(first);
    }
}

static void make_key(void)
{
    if (pthread_key_create(&at_exit, run_destructors) != 0)
        abort();
}

int __cxa_thread_atexit_impl(void (*run)(void *), void *object, void *library)
{
    (void)library;
    pthread_once(&once, make_key);
    struct destructor *first = malloc(sizeof *first);
    if (first == NULL || pthread_setspecific(at_exit, first) != 0)
        return -1;
    *first = (struct destructor){ run, object, destructors };
    destructors = first;
    return 0;
}

// What an unwinder asks: which library has this instruction, and where its unwind table is. The layout is glibc's.
struct dl_find_object {
    unsigned long long flags;
    void *map_start;
    void *map_end;
    struct link_map *link_map;
    void *eh_frame;
    unsigned long long reserved[7];
};

struct search {
    uintptr_t address;
    struct dl_find_object *result;
};

static int look_at_library(struct dl_phdr_info *library, size_t size, void *argument)
{
    (void)size;
    struct search *search = argument;
    uintptr_t start = UINTPTR_MAX, end = 0, table = 0;
    int has_address = 0;
    for (int i = 0; i < library->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &library->dlpi_phdr[i];
        uintptr_t from = library->dlpi_addr + part->p_vaddr, to = from + part->p_memsz;
        if (part->p_type == PT_LOAD) {
            start = from < start ? from : start;
            end = to > end ? to : end;
            has_address |= search->address >= from && search->address < to;
        } else if (part->p_type == PT_GNU_EH_FRAME) {
            table = from;
        }
    }
    if (!has_address || table == 0)
        return 0;
    *search->result = (struct dl_find_object){ 0, (void *)start, (void *)end, NULL, (void *)table, { 0 } };
    return 1;
}

int _dl_find_object(void *address, struct dl_find_object *result)
{
    struct search search = { (uintptr_t)address, result };
    return dl_iterate_phdr(look_at_library, &search) ? 0 : -1;
}

// What glibc's headers call in place of functions whose buffers the compiler knows the size of.
void *__memcpy_chk(void *to, const void *from, size_t size, size_t room)
{
    if (size > room)
        abort();
    return memcpy(to, from, size);
}

void *__memset_chk(void *to, int value, size_t size, size_t room)
{
    if (size > room)
        abort();
    return memset(to, value, size);
}

char *__strcat_chk(char *to, const char *from, size_t room)
{
    if (strlen(to) + strlen(from) >= room)
        abort();
    return strcat(to, from);
}

int __sprintf_chk(char *to, int flag, size_t room, const char *format, ...)
{
    (void)flag;
    va_list values;
    va_start(values, format);
    int written = vsnprintf(to, room, format, values);
    va_end(values);
    if (written >= 0 && (size_t)written >= room)
        abort();
    return written;
}

int __vfprintf_chk(FILE *file, int flag, const char *format, va_list values)
{
    (void)flag;
    return vfprintf(file, format, values);
}

int __fprintf_chk(FILE *file, int flag, const char *format, ...)
{
    (void)flag;
    va_list values;
    va_start(values, format);
    int written = vfprintf(file, format, values);
    va_end(values);
    return written;
}

void __syslog_chk(int priority, int flag, const char *format, ...)
{
    (void)flag;
    va_list values;
    va_start(values, format);
    vsyslog(priority, format, values);
    va_end(values);
}

long __fdelt_chk(long descriptor)
{
    if (descriptor < 0 || descriptor >= 1024)
        abort();
    return descriptor / 64;
}

// Only OpenSSL's asynchronous jobs, which .NET does not start, change stacks.
int getcontext(void *context)
{
    (void)context;
    return -1;
}

int setcontext(const void *context)
{
    (void)context;
    return -1;
}

void makecontext(void *context, void (*function)(void), int count, ...)
{
    (void)context;
    (void)function;
    (void)count;
    abort();
}
