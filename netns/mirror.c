/* SPDX-License-Identifier: MIT
 * The pair of links that copies of packets take. See fabric.h.
 */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include "netns/endpoint.h"
#include "netns/fabric.h"
#include "netns/veth.h"

/* Interfaces of attachments are numbered from below and never get here. */
#define ENTRY_IFINDEX 0x0fffff00u
#define EXIT_IFINDEX  (ENTRY_IFINDEX + 1)
#define ENTRY_NAME    "mirror0"
#define EXIT_NAME     "mirror1"
#define MIRROR_MTU    65535 /* segments are sized by their flow, not by this link */

/* What the first link cannot do the kernel does before it sends: cutting and checksums. */
static int offloads_off(int fd, struct err *e)
{
	static const __u32 commands[] = {ETHTOOL_STXCSUM, ETHTOOL_STSO, ETHTOOL_SGSO};

	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		struct ethtool_value v = {.cmd = commands[i]};
		struct ifreq r = {.ifr_name = ENTRY_NAME, .ifr_data = (char *)&v};

		if (ioctl(fd, SIOCETHTOOL, &r))
			return err_sys(e, -errno, "switch offloads off");
	}
	return 0;
}

static int pair_make(struct fabric *f, struct err *e)
{
	struct batch b = {0};
	int rc;

	veth_pair_add(&b, ENTRY_NAME, ENTRY_IFINDEX, EXIT_NAME, EXIT_IFINDEX, MIRROR_MTU);
	link_no_address(&b, ENTRY_IFINDEX);
	link_no_address(&b, EXIT_IFINDEX);
	rc = batch_send(&b, &f->rtnl, e);
	return rc ? rc : offloads_off(f->rtnl.fd, e);
}

/* What a step left undone the next call does: only a pair that is whole is up. */
int fabric_mirror_device(struct fabric *f, int prog_fd, uint32_t *ret, struct err *e)
{
	struct batch b = {0};
	int rc = link_find(&f->rtnl, ENTRY_NAME, e);

	if (rc >= 0)
		rc = rc ? offloads_off(f->rtnl.fd, e) : pair_make(f, e);
	if (!rc) {
		veth_program_add(&b, EXIT_IFINDEX, prog_fd);
		link_up(&b, "netns.mirror_up", ENTRY_IFINDEX);
		link_up(&b, "netns.mirror_up", EXIT_IFINDEX);
		rc = batch_send(&b, &f->rtnl, e);
	}
	if (rc)
		return err_wrap(e, "traffic mirroring");
	*ret = ENTRY_IFINDEX;
	return 0;
}
