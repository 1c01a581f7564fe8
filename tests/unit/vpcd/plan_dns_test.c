/* SPDX-License-Identifier: MIT
 * DNS items: a VPC's own names, peers', rules, firewall and logs; and after every change the plan
 * that followed it equals the plan that is made anew.
 */

#include "plan_env.h"

static int setup(void **state)
{
	*state = fixture_new();
	return 0;
}

/* ---- changes ---- */

/* The plan that followed the commits is the whole plan. */
static void commit(struct fixture *f, struct txn *t)
{
	struct plan *anew = plan_new();
	char difference[256];
	struct err e;

	if (txn_commit(t, NULL, &e))
		fail_msg("%s", e.msg);
	plan_full(anew, store_model(f->store));
	if (!plan_equal(f->plan, anew, difference, sizeof(difference)))
		fail_msg("%s", difference);
	plan_free(anew);
}

__attribute__((format(printf, 3, 4))) static const char *make(struct fixture *f, enum kind_id kind,
							      const char *fmt, ...)
{
	static char ids[16][40];
	static unsigned next;
	char text[1024], *id = ids[next++ % 16];
	cleanup_json struct json *spec = NULL;
	const struct object *o;
	struct txn *t = txn_begin(f->store);
	struct err e;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	spec = spec_of(text);
	if (txn_create(t, kinds[kind], spec, NULL, &o, &e))
		fail_msg("%s: %s", text, e.msg);
	memcpy(id, o->id, sizeof(ids[0]));
	commit(f, t);
	return id;
}

static void change(struct fixture *f, const char *id, const char *patch)
{
	cleanup_json struct json *j = spec_of(patch);
	struct txn *t = txn_begin(f->store);
	struct err e;

	if (txn_update(t, id, j, &e))
		fail_msg("%s: %s", patch, e.msg);
	commit(f, t);
}

/* ---- what is planned ---- */

/* "VIEW OWNER TYPE RDATA" is a record of the plan. */
static bool has(struct fixture *f, const char *view, const char *owner, const char *type,
		const char *rdata)
{
	for (const struct item *it = plan_next(f->plan, ITEM_DNS_RECORD, NULL); it;
	     it = plan_next(f->plan, ITEM_DNS_RECORD, it)) {
		const struct item_record *r = it->body;
		const char *t = r->text + strlen(r->text) + 1, *d = t + strlen(t) + 1;

		if (!strcmp(r->view, view) && !strcmp(r->text, owner) && !strcmp(t, type) &&
		    !strcmp(d, rdata))
			return true;
	}
	return false;
}

static bool has_zone(struct fixture *f, const char *view, const char *origin)
{
	for (const struct item *it = plan_next(f->plan, ITEM_DNS_ZONE, NULL); it;
	     it = plan_next(f->plan, ITEM_DNS_ZONE, it)) {
		const struct item_record *r = it->body;

		if (!strcmp(r->view, view) && !strcmp(r->text, origin))
			return true;
	}
	return false;
}

static unsigned count(struct fixture *f, enum item_type type, const char *view)
{
	unsigned n = 0;

	for (const struct item *it = plan_next(f->plan, type, NULL); it;
	     it = plan_next(f->plan, type, it))
		n += !strncmp(it->key, view, strlen(view));
	return n;
}

struct net {
	const char *vpc, *subnet, *instance;
};

static struct net net_make(struct fixture *f, const char *name, unsigned octet)
{
	struct net n;

	n.vpc = make(f, KIND_VPC,
		     "{'Name': '%s', 'CidrBlock': '10.%u.0.0/16', 'EnableDnsHostnames': true}",
		     name, octet);
	n.subnet =
		make(f, KIND_SUBNET, "{'VpcId': '%s', 'CidrBlock': '10.%u.1.0/24'}", n.vpc, octet);
	n.instance = make(f, KIND_INSTANCE,
			  "{'Name': 'db', 'SubnetId': '%s', 'PrivateIpAddress': '10.%u.1.50'}",
			  n.subnet, octet);
	return n;
}

static const char *eni_of(struct fixture *f, const char *instance)
{
	return AS_CONST(instance, model_get(store_model(f->store), instance))->network_interface_id;
}

#define PUBLIC_NAME "ec2-198-51-100-7.compute-1.amazonaws.com"

static void public_name(struct fixture *f, struct net n)
{
	make(f, KIND_INTERNET_GATEWAY, "{'VpcId': '%s'}", n.vpc);
	make(f, KIND_ELASTIC_IP, "{'PublicIp': '198.51.100.7', 'NetworkInterfaceId': '%s'}",
	     eni_of(f, n.instance));
}

/* ---- cases ---- */

static void names_follow_the_dns_attributes(void **state)
{
	struct fixture *f = *state;
	struct net n = net_make(f, "one", 0);

	public_name(f, n);
	assert_true(has(f, n.vpc, "ip-10-0-1-50.ec2.internal", "A", "10.0.1.50"));
	assert_true(has(f, n.vpc, "db.ec2.internal", "A", "10.0.1.50"));
	assert_true(has(f, n.vpc, "50.1.0.10.in-addr.arpa", "PTR", "ip-10-0-1-50.ec2.internal"));
	assert_true(has(f, n.vpc, PUBLIC_NAME, "A", "10.0.1.50"));
	assert_true(has(f, SYMBOL_INTERNET, PUBLIC_NAME, "A", "198.51.100.7"));
	change(f, n.vpc, "{'EnableDnsHostnames': false}");
	assert_false(has(f, n.vpc, "ip-10-0-1-50.ec2.internal", "A", "10.0.1.50"));
	assert_false(has(f, n.vpc, PUBLIC_NAME, "A", "10.0.1.50"));
	assert_false(has(f, SYMBOL_INTERNET, PUBLIC_NAME, "A", "198.51.100.7"));
	assert_true(has(f, n.vpc, "db.ec2.internal", "A", "10.0.1.50"));
	assert_true(has(f, n.vpc, "50.1.0.10.in-addr.arpa", "PTR", "db.ec2.internal"));
	change(f, n.vpc, "{'EnableDnsSupport': false}");
	assert_int_equal(count(f, ITEM_DNS_RECORD, n.vpc), 0);
	assert_int_equal(count(f, ITEM_DNS_ZONE, n.vpc), 0);
}

static void blocks_have_reverse_zones(void **state)
{
	struct fixture *f = *state;
	const char *vpc = make(f, KIND_VPC,
			       "{'CidrBlock': '100.64.0.0/18', 'Ipv6CidrBlock': "
			       "'2001:db8:1234:5600::/56'}");

	assert_true(has_zone(f, vpc, "0.64.100.in-addr.arpa"));
	assert_true(has_zone(f, vpc, "63.64.100.in-addr.arpa"));
	assert_false(has_zone(f, vpc, "64.64.100.in-addr.arpa"));
	assert_true(has_zone(f, vpc, "6.5.4.3.2.1.8.b.d.0.1.0.0.2.ip6.arpa"));
	assert_true(has_zone(f, vpc, "31.172.in-addr.arpa"));
	assert_true(has_zone(f, vpc, "254.169.254.169.in-addr.arpa"));
}

/* VPC Peering Guide: public names mean private addresses where that side allows it. */
static void peers_see_private_addresses_where_allowed(void **state)
{
	struct fixture *f = *state;
	struct net one = net_make(f, "one", 0);
	const char *two = make(f, KIND_VPC,
			       "{'Name': 'two', 'CidrBlock': '100.64.0.0/24', "
			       "'EnableDnsHostnames': true}");
	const char *pcx;

	public_name(f, one);
	pcx = make(f, KIND_VPC_PEERING_CONNECTION,
		   "{'VpcId': '%s', 'PeerVpcId': '%s', 'Accept': true}", one.vpc, two);
	assert_true(has_zone(f, one.vpc, "0.64.100.in-addr.arpa"));
	assert_false(has(f, two, PUBLIC_NAME, "A", "10.0.1.50"));
	change(f, pcx,
	       "{'AccepterPeeringConnectionOptions': {'AllowDnsResolutionFromRemoteVpc': true}}");
	assert_false(has(f, two, PUBLIC_NAME, "A", "10.0.1.50"));
	change(f, pcx,
	       "{'RequesterPeeringConnectionOptions': {'AllowDnsResolutionFromRemoteVpc': true}}");
	assert_true(has(f, two, PUBLIC_NAME, "A", "10.0.1.50"));
	change(f, two, "{'EnableDnsHostnames': false}");
	assert_false(has(f, two, PUBLIC_NAME, "A", "10.0.1.50"));
	change(f, two, "{'EnableDnsHostnames': true}");
	assert_true(has(f, two, PUBLIC_NAME, "A", "10.0.1.50"));
}

static void aliases_follow_their_target(void **state)
{
	struct fixture *f = *state;
	struct net n = net_make(f, "one", 0);
	const char *private =
		make(f, KIND_HOSTED_ZONE, "{'DomainName': 'shop.test', 'VpcIds': ['%s']}", n.vpc);
	const char *public = make(f, KIND_HOSTED_ZONE, "{'DomainName': 'example.com'}");

	make(f, KIND_RECORD_SET,
	     "{'HostedZoneId': '%s', 'RecordName': 'db', 'Type': 'A', 'Values': ['@db']}", private);
	make(f, KIND_RECORD_SET,
	     "{'HostedZoneId': '%s', 'RecordName': 'db', 'Type': 'A', 'Values': ['@db']}", public);
	assert_true(has(f, n.vpc, "db.shop.test", "A", "10.0.1.50"));
	assert_int_equal(count(f, ITEM_DNS_RECORD, SYMBOL_INTERNET), 0);
	public_name(f, n);
	assert_true(has(f, SYMBOL_INTERNET, "db.example.com", "A", "198.51.100.7"));
	change(f, n.instance, "{'Name': 'other'}");
	assert_false(has(f, n.vpc, "db.shop.test", "A", "10.0.1.50"));
}

static void rules_firewall_and_logs_need_dns_support(void **state)
{
	struct fixture *f = *state;
	struct net n = net_make(f, "one", 0);
	const char *list = make(f, KIND_FIREWALL_DOMAIN_LIST, "{'Domains': ['bad.test']}");
	const struct item *it;

	make(f, KIND_RESOLVER_RULE,
	     "{'DomainName': 'corp.test', 'TargetIps': [{'Ip': '192.0.2.53'}], 'VpcIds': ['%s']}",
	     n.vpc);
	make(f, KIND_FIREWALL_RULE_GROUP,
	     "{'VpcIds': ['%s'], 'FirewallRules': [{'FirewallDomainListId': '%s', 'Priority': 1, "
	     "'Action': 'BLOCK'}, {'FirewallDomainListId': '%s', 'Priority': 2, 'Action': "
	     "'ALERT'}]}",
	     n.vpc, list, list);
	make(f, KIND_QUERY_LOG_CONFIG, "{'VpcIds': ['%s']}", n.vpc);
	assert_int_equal(count(f, ITEM_DNS_RULE, n.vpc), 1);
	assert_int_equal(count(f, ITEM_DNS_FIREWALL, n.vpc), 2);
	assert_int_equal(count(f, ITEM_DNS_LOG, n.vpc), 1);
	it = plan_get(f->plan, ITEM_DNS_DOMAINS, list);
	assert_non_null(it);
	assert_string_equal(it->body, "bad.test");
	change(f, n.vpc, "{'EnableDnsSupport': false, 'EnableDnsHostnames': false}");
	assert_int_equal(count(f, ITEM_DNS_RULE, n.vpc), 0);
	assert_int_equal(count(f, ITEM_DNS_FIREWALL, n.vpc), 0);
	assert_int_equal(count(f, ITEM_DNS_LOG, n.vpc), 0);
}

#define dns_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		dns_test(names_follow_the_dns_attributes),
		dns_test(blocks_have_reverse_zones),
		dns_test(peers_see_private_addresses_where_allowed),
		dns_test(aliases_follow_their_target),
		dns_test(rules_firewall_and_logs_need_dns_support),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
