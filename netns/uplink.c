/* SPDX-License-Identifier: MIT
 * See uplink.h.
 */
#include "netns/uplink.h"

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <nftables/libnftables.h>
#include <stdio.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/fault.h"
#include "netns/veth.h"

/* ---- nftables ---- */

static void nft_freep(struct nft_ctx **ctx)
{
	if (*ctx)
		nft_ctx_free(*ctx);
}

/* Runs commands as one transaction. ret_output (may be NULL): what they print, malloc'd. */
static int nft_run(const char *commands, char **ret_output, struct err *e)
{
	cleanup(nft_freep) struct nft_ctx *ctx = NULL;
	int rc = fault_hit("netns.nft");

	if (!rc) {
		ctx = nft_ctx_new(NFT_CTX_DEFAULT);
		rc = ctx && !nft_ctx_buffer_error(ctx) && !nft_ctx_buffer_output(ctx) ? 0 : -ENOMEM;
	}
	if (rc)
		return err_sys(e, rc, "nftables");
	if (nft_run_cmd_from_buffer(ctx, commands)) {
		const char *text = nft_ctx_get_error_buffer(ctx);

		return err_sys(e, -EIO, "nftables: %.*s", (int)strcspn(text, "\n"), text);
	}
	if (ret_output)
		*ret_output = strdup(nft_ctx_get_output_buffer(ctx));
	return ret_output && !*ret_output ? err_sys(e, -ENOMEM, "nftables") : 0;
}

/* Guards of an interface, by the chain's name: who made it forward. */
struct guards {
	bool own;     /* this table has one */
	bool another; /* and so has one of another instance */
};

static void guard_name(const char *iface, char *ret, size_t len)
{
	snprintf(ret, len, "vpcd_guard_%u", if_nametoindex(iface));
}

static int guards_find(const char *table, const char *iface, struct guards *ret, struct err *e)
{
	cleanup_free char *chains = NULL;
	char own[128], guard[64], name[32], *rest, *line;
	bool in_own = false;
	int rc = nft_run("list chains ip", &chains, e);

	*ret = (struct guards){0};
	guard_name(iface, name, sizeof(name));
	snprintf(own, sizeof(own), "table ip %s {", table);
	snprintf(guard, sizeof(guard), "\tchain %s {", name);
	for (line = rc ? NULL : strtok_r(chains, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest)) {
		if (!strncmp(line, "table ", 6))
			in_own = !strcmp(line, own);
		if (strcmp(line, guard))
			continue;
		ret->own = ret->own || in_own;
		ret->another = ret->another || !in_own;
	}
	return rc;
}

static void put_sources(const struct uplink_spec *s, struct buf *b)
{
	char text[CIDR_STRLEN];

	buf_puts(b, "set sources { type ipv4_addr; flags interval; elements = {");
	for (size_t i = 0; i < s->n_sources; i++)
		buf_printf(b, "%s %s", i ? "," : "", cidr_format(&s->sources[i], text));
	buf_puts(b, " } }\n");
}

static void put_table(const struct uplink_spec *s, bool guarded, struct buf *b)
{
	const char *link = s->link, *iface = s->iface;
	char guard[32];

	/* Added so that deleting it is no error. */
	buf_printf(b, "add table ip %s\ndelete table ip %s\ntable ip %s {\n", s->table, s->table,
		   s->table);
	put_sources(s, b);
	buf_printf(b,
		   "chain forward {\n"
		   "type filter hook forward priority filter; policy accept;\n"
		   "iifname \"%s\" oifname \"%s\" ip saddr @sources"
		   " ct state { new, established, related } accept\n"
		   "iifname \"%s\" oifname \"%s\" ct state { established, related } accept\n"
		   "iifname \"%s\" drop\n"
		   "oifname \"%s\" drop\n"
		   "}\n",
		   link, iface, iface, link, link, link);
	buf_printf(b,
		   "chain input {\n"
		   "type filter hook input priority filter; policy accept;\n"
		   "iifname \"%s\" drop\n"
		   "}\n"
		   "chain output {\n"
		   "type filter hook output priority filter; policy accept;\n"
		   "oifname \"%s\" ct state != { established, related } drop\n"
		   "}\n",
		   link, link);
	buf_printf(b,
		   "chain postrouting {\n"
		   "type nat hook postrouting priority srcnat; policy accept;\n"
		   "oifname \"%s\" ip saddr @sources masquerade\n"
		   "}\n",
		   iface);
	guard_name(iface, guard, sizeof(guard));
	if (guarded)
		buf_printf(b,
			   "chain %s {\n"
			   "type filter hook forward priority filter; policy accept;\n"
			   "iifname \"%s\" oifname != \"" UPLINK_LINK_PREFIX "*\" drop\n"
			   "}\n",
			   guard, iface);
	buf_puts(b, "}\n");
}

/* ---- forwarding ---- */

static FILE *forwarding_open(const char *iface, const char *mode)
{
	char path[128];

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/forwarding", iface);
	return fopen(path, mode);
}

/* Through /proc, which tells the driver too (LRO and forwarding do not go together). */
static int forwarding_set(const char *iface, bool on, struct err *e)
{
	cleanup_fclose FILE *f = forwarding_open(iface, "w");

	if (!f || fputs(on ? "1\n" : "0\n", f) < 0 || fflush(f))
		return err_sys(e, -errno, "net.ipv4.conf.%s.forwarding", iface);
	return 0;
}

static int forwarding_get(const char *iface, bool *ret, struct err *e)
{
	cleanup_fclose FILE *f = forwarding_open(iface, "r");
	int value;

	if (!f || fscanf(f, "%d", &value) != 1)
		return err_sys(e, f ? -EIO : -errno, "net.ipv4.conf.%s.forwarding", iface);
	*ret = value != 0;
	return 0;
}

int uplink_put(const struct uplink_spec *spec, struct err *e)
{
	cleanup_buf struct buf b = {0};
	bool forwards = false;
	struct guards guards;
	int rc = forwarding_get(spec->iface, &forwards, e);

	if (!rc)
		rc = guards_find(spec->table, spec->iface, &guards, e);
	if (rc)
		return err_wrap(e, "uplink");
	put_table(spec, guards.own || guards.another || !forwards, &b);
	if (b.rc)
		return err_sys(e, -ENOMEM, "uplink");
	/* The guard first: nothing is forwarded that was not before. */
	rc = nft_run(b.p, NULL, e);
	if (!rc && !forwards)
		rc = forwarding_set(spec->iface, true, e);
	return rc ? err_wrap(e, "uplink") : 0;
}

int uplink_remove(const char *table, const char *iface, struct err *e)
{
	char commands[256];
	struct guards guards;
	int rc = guards_find(table, iface, &guards, e);

	/* Before the guard goes. */
	if (!rc && guards.own && !guards.another)
		rc = forwarding_set(iface, false, e);
	snprintf(commands, sizeof(commands), "add table ip %s\ndelete table ip %s\n", table, table);
	if (!rc)
		rc = nft_run(commands, NULL, e);
	return rc ? err_wrap(e, "uplink") : 0;
}

/* ---- what stands against it ---- */

struct route_search {
	const struct uplink_spec *spec;
	uint32_t own;	 /* interface index of the link; 0: not there */
	uint32_t found;	 /* interface index of a route in the way */
	struct cidr dst; /* of it */
};

static int route_look(void *arg, struct nlmsghdr *h)
{
	struct route_search *s = arg;
	struct rtmsg *r = nlmsg_data(h);
	struct nlattr *attrs[RTA_MAX + 1];
	struct cidr dst = {.ip = {.family = AF_INET, .b = {[10] = 0xff, [11] = 0xff}}};
	uint32_t oif;

	if (h->nlmsg_type != RTM_NEWROUTE || nlmsg_parse(h, sizeof(*r), attrs, RTA_MAX, NULL) < 0)
		return 0;
	if (r->rtm_family != AF_INET || !attrs[RTA_DST] || !attrs[RTA_OIF] || s->found)
		return 0;
	memcpy(dst.ip.b + 12, nla_data(attrs[RTA_DST]), 4);
	dst.len = r->rtm_dst_len;
	oif = nla_get_u32(attrs[RTA_OIF]);
	for (size_t i = 0; i < s->spec->n_sources; i++)
		/* A wider one is less specific than ours will be. */
		if (oif != s->own && cidr_contains(&s->spec->sources[i], &dst)) {
			s->found = oif;
			s->dst = dst;
		}
	return 0;
}

static int routes_check(struct rtnl *r, const struct uplink_spec *spec, struct err *e)
{
	struct route_search s = {.spec = spec, .own = if_nametoindex(spec->link)};
	struct rtmsg header = {.rtm_family = AF_INET};
	struct nl_msg *m = nlmsg_alloc_simple(RTM_GETROUTE, NLM_F_DUMP);
	char name[IF_NAMESIZE] = "?", text[CIDR_STRLEN];
	int rc;

	if (!m || nlmsg_append(m, &header, sizeof(header), NLMSG_ALIGNTO)) {
		nlmsg_free(m);
		return err_sys(e, -ENOMEM, "list routes");
	}
	rc = rtnl_request(r, m, route_look, &s, e);
	if (rc || !s.found)
		return rc;
	if_indextoname(s.found, name);
	return err_set(e, -EEXIST, "InvalidParameterValue", "uplink",
		       "the host routes %s to %s already: give this instance's elastic IPs another "
		       "range (--public-pool)",
		       cidr_format(&s.dst, text), name);
}

struct link_facts {
	uint32_t mtu, flags;
};

static int link_read(void *arg, struct nlmsghdr *h)
{
	struct link_facts *l = arg;
	struct ifinfomsg *i = nlmsg_data(h);
	struct nlattr *attrs[IFLA_MAX + 1];

	if (nlmsg_parse(h, sizeof(*i), attrs, IFLA_MAX, NULL) < 0 || !attrs[IFLA_MTU])
		return -EPROTO;
	*l = (struct link_facts){.mtu = nla_get_u32(attrs[IFLA_MTU]), .flags = i->ifi_flags};
	return 0;
}

static int iface_check(struct rtnl *r, const char *iface, uint32_t *ret_mtu, struct err *e)
{
	struct ifinfomsg header = {0};
	struct nl_msg *m = nlmsg_alloc_simple(RTM_GETLINK, 0);
	struct link_facts l = {0};
	int rc;

	if (!m || nlmsg_append(m, &header, sizeof(header), NLMSG_ALIGNTO) ||
	    nla_put_string(m, IFLA_IFNAME, iface)) {
		nlmsg_free(m);
		return err_sys(e, -ENOMEM, "look up %s", iface);
	}
	rc = rtnl_request(r, m, link_read, &l, e);
	if (rc == -ENODEV)
		return err_set(e, rc, "InvalidParameterValue", "uplink",
			       "--uplink %s: there is no such interface", iface);
	if (!rc && l.flags & IFF_LOOPBACK)
		return err_set(e, -EINVAL, "InvalidParameterValue", "uplink",
			       "--uplink %s: the loopback interface leads nowhere", iface);
	*ret_mtu = l.mtu;
	return rc;
}

int uplink_check(const struct uplink_spec *spec, uint32_t *ret_mtu, struct err *e)
{
	struct rtnl r = RTNL_CLOSED;
	int rc = rtnl_open(&r, e);

	if (!rc)
		rc = iface_check(&r, spec->iface, ret_mtu, e);
	if (!rc)
		rc = routes_check(&r, spec, e);
	rtnl_close(&r);
	return rc;
}
