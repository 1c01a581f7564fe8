/* SPDX-License-Identifier: MIT
 * See config.h.
 */
#include <ctype.h>
#include <getopt.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/cleanup.h"
#include "lib/log.h"
#include "vpcd/config.h"

static const char help[] =
	"Usage: vpcd [OPTION]...\n"
	"Private clouds on one machine: VPCs, subnets, gateways, security groups and DNS from\n"
	"network namespaces and eBPF. Runs in the foreground; vpcctl talks to it.\n"
	"\n"
	"  --instance NAME      run beside other daemons: own socket, state, namespaces, maps\n"
	"  --socket PATH        API socket (default <run-dir>/vpcd.sock)\n"
	"  --state-dir DIR      database and sandboxes' logs (default /var/lib/vpcd[/NAME])\n"
	"  --run-dir DIR        namespaces, pins, control sockets (default /run/vpcd[/NAME])\n"
	"  --group NAME         members may use the API, which equals root (default vpcd)\n"
	"  --account ID         owner of all objects (default 123456789012)\n"
	"  --region NAME        (default us-east-1)\n"
	"  --public-pool CIDR   elastic IPs (default 198.51.100.0/24); NAME=CIDR: one more pool\n"
	"  --ipv6-pool CIDR     VPCs' IPv6 blocks by \"auto\" (default 2001:db8:1000::/36)\n"
	"  --uplink IFACE       let what nobody on the simulated internet takes leave the machine "
	"by\n"
	"                       this interface, masqueraded: opens the host's network to "
	"sandboxes\n"
	"                       (vpcd(8), UPLINK)\n"
	"  --uplink-allow CIDR  only to these addresses; may be repeated\n"
	"  --max-flows N        entries of the flow table, two a flow (default 524288)\n"
	"  --quota NAME=N       raise a quota of AWS's: rules-per-group (60), "
	"groups-per-interface\n"
	"                       (5), entries-per-acl (20), routes-per-table (50),\n"
	"                       addresses-per-interface (50)\n"
	"  --flow-quota N       flows that one interface may have open (default 65536); its share "
	"of\n"
	"                       the table is its own, the rest it takes of what is common\n"
	"  --max-interfaces N   (default 4096)\n"
	"  --flow-log-size MIB  of a flow log's file before it moves aside (default 16)\n"
	"  --flow-log-files N   of a flow log that moved aside to keep (default 16)\n"
	"  --linklocal-packets N  that an interface may send a second to the resolver (default "
	"1024)\n"
	"  --pool N             namespaces kept ready for the next sandboxes (default 0)\n"
	"  --lab-clock          let `vpcctl clock advance` move the network's time forward\n"
	"  --log-level LEVEL    error, warn, info or debug (default info)\n"
	"  --purge              end the instance's sandboxes, remove its network and state, exit\n"
	"  --help, --version\n"
	"\n"
	"SIGTERM and SIGINT end the daemon and leave the network running; the next start adopts "
	"it.\n"
	"\n"
	"Example: sudo vpcd --instance lab &  sudo vpcctl --instance lab up\n";

enum option_id {
	OPT_INSTANCE = 256,
	OPT_SOCKET,
	OPT_FLOW_LOG_SIZE,
	OPT_FLOW_LOG_FILES,
	OPT_STATE_DIR,
	OPT_RUN_DIR,
	OPT_GROUP,
	OPT_ACCOUNT,
	OPT_REGION,
	OPT_PUBLIC_POOL,
	OPT_IPV6_POOL,
	OPT_UPLINK,
	OPT_UPLINK_ALLOW,
	OPT_MAX_FLOWS,
	OPT_FLOW_QUOTA,
	OPT_QUOTA,
	OPT_MAX_INTERFACES,
	OPT_LINKLOCAL_PACKETS,
	OPT_POOL,
	OPT_LAB_CLOCK,
	OPT_LOG_LEVEL,
	OPT_PURGE,
	OPT_HELP,
	OPT_VERSION,
};

static const struct option options[] = {
	{"instance", required_argument, NULL, OPT_INSTANCE},
	{"socket", required_argument, NULL, OPT_SOCKET},
	{"state-dir", required_argument, NULL, OPT_STATE_DIR},
	{"run-dir", required_argument, NULL, OPT_RUN_DIR},
	{"group", required_argument, NULL, OPT_GROUP},
	{"account", required_argument, NULL, OPT_ACCOUNT},
	{"region", required_argument, NULL, OPT_REGION},
	{"public-pool", required_argument, NULL, OPT_PUBLIC_POOL},
	{"ipv6-pool", required_argument, NULL, OPT_IPV6_POOL},
	{"uplink", required_argument, NULL, OPT_UPLINK},
	{"uplink-allow", required_argument, NULL, OPT_UPLINK_ALLOW},
	{"max-flows", required_argument, NULL, OPT_MAX_FLOWS},
	{"quota", required_argument, NULL, OPT_QUOTA},
	{"flow-quota", required_argument, NULL, OPT_FLOW_QUOTA},
	{"max-interfaces", required_argument, NULL, OPT_MAX_INTERFACES},
	{"flow-log-size", required_argument, NULL, OPT_FLOW_LOG_SIZE},
	{"flow-log-files", required_argument, NULL, OPT_FLOW_LOG_FILES},
	{"linklocal-packets", required_argument, NULL, OPT_LINKLOCAL_PACKETS},
	{"pool", required_argument, NULL, OPT_POOL},
	{"lab-clock", no_argument, NULL, OPT_LAB_CLOCK},
	{"log-level", required_argument, NULL, OPT_LOG_LEVEL},
	{"purge", no_argument, NULL, OPT_PURGE},
	{"help", no_argument, NULL, OPT_HELP},
	{"version", no_argument, NULL, OPT_VERSION},
	{0},
};

static int bad(struct err *e, const char *option, const char *value, const char *rule)
{
	return err_set(e, -EINVAL, "InvalidParameterValue", option, "--%s %s: %s", option, value,
		       rule);
}

/* A name that is a directory's and a log's: letters, digits, - and _. */
static int set_instance(struct config *c, const char *name, struct err *e)
{
	size_t n = strlen(name);

	if (!n || n >= sizeof(c->instance) || n > 32)
		return bad(e, "instance", name, "1 to 32 characters");
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)name[i]) && name[i] != '-' && name[i] != '_')
			return bad(e, "instance", name, "letters, digits, - and _ only");
	strcpy(c->instance, name);
	return 0;
}

static int set_path(char *dst, const char *option, const char *value, struct err *e)
{
	if (value[0] != '/' || strlen(value) >= PATH_MAX - 256)
		return bad(e, option, value, "must be an absolute path");
	snprintf(dst, PATH_MAX, "%s", value);
	return 0;
}

static int set_number(uint32_t *dst, const char *option, const char *value, uint32_t min,
		      uint32_t max, struct err *e)
{
	char *end, rule[64];
	unsigned long v;

	errno = 0;
	v = strtoul(value, &end, 10);
	snprintf(rule, sizeof(rule), "must be a number from %u to %u", min, max);
	if (errno || end == value || *end || v < min || v > max)
		return bad(e, option, value, rule);
	*dst = (uint32_t)v;
	return 0;
}

/* What defaults do not exceed, options together may. */
static int check_quotas(const struct quotas *q, struct err *e)
{
	struct quotas all = *q;

	return quotas_complete(&all, e);
}

static int set_account(struct config *c, const char *value, struct err *e)
{
	if (strlen(value) != 12 || strspn(value, "0123456789") != 12)
		return bad(e, "account", value, "must be 12 digits");
	c->account = value;
	return 0;
}

static int set_ipv6_pool(struct config *c, const char *value, struct err *e)
{
	if (cidr_parse(value, &c->ipv6_pool) || !cidr_is_canonical(&c->ipv6_pool) ||
	    c->ipv6_pool.ip.family != AF_INET6 || c->ipv6_pool.len > 56)
		return bad(e, "ipv6-pool", value, "must be an IPv6 block with room for a /56");
	return 0;
}

/* CIDR: the default pool; NAME=CIDR: one more. */
static int set_pool(struct config *c, const char *v, struct err *e)
{
	const char *range = strchr(v, '=');
	size_t n = range ? (size_t)(range - v) : 0;
	struct address_pool p = {0};

	if (range && (!n || n >= sizeof(p.name)))
		return bad(e, "public-pool", v, "its name has 1 to 32 characters");
	memcpy(p.name, v, n);
	if (cidr_parse(range ? range + 1 : v, &p.range) || !cidr_is_canonical(&p.range) ||
	    p.range.ip.family != AF_INET || p.range.len < 16)
		return bad(e, "public-pool", v, "must be an IPv4 block, /16 to /32");
	if (!range) {
		c->pool = p.range;
		return 0;
	}
	if (c->n_more_pools == ADDRESS_POOLS_MAX)
		return bad(e, "public-pool", v, "too many pools");
	for (size_t i = 0; i < c->n_more_pools; i++)
		if (!strcmp(c->more_pools[i].name, p.name) ||
		    cidr_overlaps(&c->more_pools[i].range, &p.range))
			return bad(e, "public-pool", v, "has another pool's name or addresses");
	if (!strcmp(p.name, ADDRESS_POOL_AMAZON))
		return bad(e, "public-pool", v, "is the default pool's name");
	c->more_pools[c->n_more_pools++] = p;
	return 0;
}

/* It goes into rules and paths: a name, not a pattern. */
static int set_uplink(struct config *c, const char *v, struct err *e)
{
	size_t n = strlen(v);

	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)v[i]) && !strchr("._-@:", v[i]))
			n = sizeof(c->uplink);
	if (!n || n >= sizeof(c->uplink) || v[0] == '.')
		return bad(e, "uplink", v, "must be the name of an interface");
	strcpy(c->uplink, v);
	return 0;
}

static int add_uplink_allowed(struct config *c, const char *v, struct err *e)
{
	struct cidr block;

	if (cidr_parse(v, &block) || block.ip.family != AF_INET || !cidr_is_canonical(&block))
		return bad(e, "uplink-allow", v, "must be an IPv4 block");
	if (uplink_never_carries(&block))
		return bad(e, "uplink-allow", v,
			   "is not of the internet: private, special and simulated addresses never "
			   "leave by the uplink");
	if (c->n_uplink_allowed == UPLINK_ALLOWED_MAX)
		return bad(e, "uplink-allow", v, "too many blocks");
	c->uplink_allowed[c->n_uplink_allowed++] = block;
	return 0;
}

static int set_log_level(const char *value, struct err *e)
{
	int level = log_level_parse(value);

	if (level < 0)
		return bad(e, "log-level", value, "must be error, warn, info or debug");
	log_level_set((enum log_level)level);
	return 0;
}

static int set_option(struct config *c, int opt, const char *v, struct err *e)
{
	switch (opt) {
	case OPT_INSTANCE:
		return set_instance(c, v, e);
	case OPT_SOCKET:
		return set_path(c->socket, "socket", v, e);
	case OPT_STATE_DIR:
		return set_path(c->state_dir, "state-dir", v, e);
	case OPT_RUN_DIR:
		return set_path(c->run_dir, "run-dir", v, e);
	case OPT_GROUP:
		snprintf(c->group, sizeof(c->group), "%s", v);
		return 0;
	case OPT_ACCOUNT:
		return set_account(c, v, e);
	case OPT_REGION:
		c->region = v;
		return v[0] ? 0 : bad(e, "region", v, "must not be empty");
	case OPT_PUBLIC_POOL:
		return set_pool(c, v, e);
	case OPT_IPV6_POOL:
		return set_ipv6_pool(c, v, e);
	case OPT_UPLINK:
		return set_uplink(c, v, e);
	case OPT_UPLINK_ALLOW:
		return add_uplink_allowed(c, v, e);
	case OPT_QUOTA:
		return quota_set(&c->quotas, v, e);
	case OPT_MAX_FLOWS:
		return set_number(&c->max_flows, "max-flows", v, 1024, 1u << 26, e);
	case OPT_FLOW_QUOTA:
		return set_number(&c->flow_quota, "flow-quota", v, 1, 1u << 26, e);
	case OPT_MAX_INTERFACES:
		return set_number(&c->max_interfaces, "max-interfaces", v, 16, 1u << 20, e);
	case OPT_LINKLOCAL_PACKETS:
		return set_number(&c->linklocal_packets, "linklocal-packets", v, 1, UINT32_MAX, e);
	case OPT_FLOW_LOG_SIZE:
		return set_number(&c->flow_log_size, "flow-log-size", v, 1, 4096, e);
	case OPT_FLOW_LOG_FILES:
		return set_number(&c->flow_log_files, "flow-log-files", v, 1, 10000, e);
	case OPT_POOL:
		return set_number(&c->namespace_pool, "pool", v, 0, 4096, e);
	case OPT_LAB_CLOCK:
		c->lab_clock = true;
		return 0;
	case OPT_LOG_LEVEL:
		return set_log_level(v, e);
	case OPT_PURGE:
		c->purge = true;
		return 0;
	case OPT_HELP:
		fputs(help, stdout);
		return 1;
	case OPT_VERSION:
		puts("vpcd " VPCD_VERSION);
		return 1;
	default:
		return err_set(e, -EINVAL, "InvalidParameterValue", "", "see vpcd --help");
	}
}

static void set_defaults(struct config *c)
{
	bool named = strcmp(c->instance, "default") != 0;
	const char *sub = named ? c->instance : "";
	const struct group *g;

	if (!c->state_dir[0])
		snprintf(c->state_dir, PATH_MAX, "/var/lib/vpcd%s%s", named ? "/" : "", sub);
	if (!c->run_dir[0])
		snprintf(c->run_dir, PATH_MAX, "/run/vpcd%s%s", named ? "/" : "", sub);
	if (!c->socket[0])
		snprintf(c->socket, PATH_MAX, "%.*s/vpcd.sock", PATH_MAX - 16, c->run_dir);
	g = getgrnam(c->group);
	c->gid = g ? g->gr_gid : (gid_t)-1;
}

int config_parse(int argc, char **argv, struct config *ret, struct err *e)
{
	int opt, rc;

	memset(ret, 0, sizeof(*ret));
	strcpy(ret->instance, "default");
	strcpy(ret->group, "vpcd");
	optind = 1;
	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		rc = set_option(ret, opt, optarg, e);
		if (rc)
			return rc;
	}
	if (optind < argc)
		return err_set(e, -EINVAL, "InvalidParameterValue", "",
			       "unexpected argument %s: see vpcd --help", argv[optind]);
	set_defaults(ret);
	if (ret->n_uplink_allowed && !ret->uplink[0])
		return err_set(e, -EINVAL, "InvalidParameterCombination", "uplink-allow",
			       "--uplink-allow without --uplink");
	return check_quotas(&ret->quotas, e);
}
