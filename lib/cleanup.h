/* SPDX-License-Identifier: MIT
 * Ownership bound to scope: `cleanup_free char *s`, `cleanup_close int fd = -1`, and TAKE() to hand
 * it over.
 */
#ifndef VPCD_LIB_CLEANUP_H
#define VPCD_LIB_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define cleanup(f) __attribute__((cleanup(f)))

static inline void cleanup_freep(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_fclosep(FILE **f)
{
	if (*f)
		fclose(*f);
}

#define cleanup_free   cleanup(cleanup_freep)
#define cleanup_close  cleanup(cleanup_closep)
#define cleanup_fclose cleanup(cleanup_fclosep)

/* Defines a cleanup function `<f>p` for a destructor that takes a pointer and accepts NULL. */
#define DEFINE_CLEANUP(type, f)          \
	static inline void f##p(type *p) \
	{                                \
		f(*p);                   \
	}

/* The pointer's value; the pointer itself becomes NULL. */
#define TAKE(p)                            \
	({                                 \
		__auto_type take_p_ = (p); \
		(p) = NULL;                \
		take_p_;                   \
	})

/* The descriptor's value; the variable itself becomes -1. */
#define TAKE_FD(fd)                  \
	({                           \
		int take_fd_ = (fd); \
		(fd) = -1;           \
		take_fd_;            \
	})

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
