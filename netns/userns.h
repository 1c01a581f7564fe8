/* SPDX-License-Identifier: MIT
 * Making namespaces and visiting them. Private to netns/.
 */
#ifndef VPCD_NETNS_USERNS_H
#define VPCD_NETNS_USERNS_H

#include <stdbool.h>

#include "lib/err.h"
#include "netns/rtnl.h"

/* This thread's network namespace; a descriptor or -errno. */
int netns_current(struct err *e);
/* A network namespace by path: a descriptor, or -EINVAL if it is none. */
int netns_open(const char *path, struct err *e);
bool netns_equal(int a_fd, int b_fd);

/* A network namespace that belongs to a new user namespace, whose ids are those of fabric.h. */
int netns_new_owned(struct err *e);
/* A network namespace of this thread's user namespace, in which nothing is forwarded and IPv6 is
 * off: for the fabric. */
int netns_new_fabric(int home_fd, struct err *e);
/* Visits net_fd from home_fd to open a netlink socket; sandbox: also to let its processes use ping
 * and low ports without capabilities. */
int netns_visit(int net_fd, int home_fd, bool sandbox, struct rtnl *ret, struct err *e);

#endif
