/* SPDX-License-Identifier: MIT
 * DHCP option set. VPC User Guide, "DHCP option sets in Amazon VPC"; EC2 API Reference,
 * CreateDhcpOptions. It is never changed: a VPC is given another one.
 */
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "model/kinds/common.h"
#include "model/kinds/domain.h"

#define SERVERS_MAX 4 /* of each family */
#define AMAZON_DNS  "AmazonProvidedDNS"

static const struct field elem_server = {
	.name = "Server", .type = T_STRING, .size = sizeof(char *), .min = 1, .max = 45};

static const struct field fields[] = {
	FIELD(dhcp_options, domain_name, "DomainName", .flags = IMMUTABLE | COLUMN, .max = 254,
	      .help = "Search domain of the sandboxes; default: the region's"),
	FIELD(dhcp_options, domain_name_servers, "DomainNameServers", .flags = IMMUTABLE | COLUMN,
	      .elem = &elem_server,
	      .help = "Name servers: addresses, or AmazonProvidedDNS for the VPC's resolver"),
	FIELD(dhcp_options, ntp_servers, "NtpServers", .flags = IMMUTABLE, .elem = &elem_ip,
	      .help = "Time servers"),
	FIELD(dhcp_options, netbios_name_servers, "NetbiosNameServers", .flags = IMMUTABLE,
	      .elem = &elem_ip, .help = "NetBIOS name servers"),
	FIELD(dhcp_options, netbios_node_type, "NetbiosNodeType", .flags = IMMUTABLE, .def = "0",
	      .min = 0, .max = 8, .help = "NetBIOS node type: 1, 2, 4 or 8; 0: none"),
	{0},
};

static int servers_check(const struct dhcp_options *d, struct err *e)
{
	char **v = d->domain_name_servers.v;
	size_t v4 = 0, v6 = 0;

	for (size_t i = 0; i < d->domain_name_servers.n; i++) {
		struct ip ip;

		if (!strcasecmp(v[i], AMAZON_DNS)) {
			v4++;
			continue;
		}
		if (ip_parse(v[i], &ip))
			return err_set(e, -EINVAL, "InvalidParameterValue", "DomainNameServers",
				       "%.64s is neither an address nor " AMAZON_DNS, v[i]);
		for (size_t j = 0; j < i; j++)
			if (!strcasecmp(v[i], v[j]))
				return err_set(e, -EINVAL, "InvalidParameterValue",
					       "DomainNameServers", "%s is given twice", v[i]);
		v4 += ip.family == AF_INET;
		v6 += ip.family == AF_INET6;
	}
	if (v4 > SERVERS_MAX || v6 > SERVERS_MAX)
		return err_set(e, -EINVAL, "InvalidParameterValue", "DomainNameServers",
			       "more than %d servers of a family", SERVERS_MAX);
	return 0;
}

static int list_check(const struct list *l, const char *field, struct err *e)
{
	return l->n > SERVERS_MAX ? err_set(e, -EINVAL, "InvalidParameterValue", field,
					    "more than %d servers", SERVERS_MAX)
				  : 0;
}

static int check(struct txn *t, const struct object *old, struct object *new, struct err *e)
{
	struct dhcp_options *d = AS(dhcp_options, new);
	int64_t node = d->netbios_node_type;
	int rc = d->domain_name ? domain_check(&d->domain_name, "DomainName", e) : 0;

	if (!rc)
		rc = servers_check(d, e);
	if (!rc)
		rc = list_check(&d->ntp_servers, "NtpServers", e);
	if (!rc)
		rc = list_check(&d->netbios_name_servers, "NetbiosNameServers", e);
	if (!rc && node != 0 && node != 1 && node != 2 && node != 4 && node != 8)
		rc = err_set(e, -EINVAL, "InvalidParameterValue", "NetbiosNodeType",
			     "%d: 1, 2, 4 and 8 are node types", (int)node);
	if (!rc && !d->domain_name && !d->domain_name_servers.n && !d->ntp_servers.n &&
	    !d->netbios_name_servers.n && !node)
		rc = err_set(e, -EINVAL, "MissingParameter", "DomainNameServers",
			     "a DHCP option set has one option at least");
	return rc;
}

const struct kind dhcp_options_kind = {
	.kind = KIND_DHCP_OPTIONS,
	.name = "dhcp-options",
	.plural = "dhcp-option-sets",
	.short_name = "dopt",
	.id_prefix = "dopt-",
	.id_field = "DhcpOptionsId",
	.help = "Domain and name servers that a VPC's sandboxes get",
	.size = sizeof(struct dhcp_options),
	.fields = fields,
	.check = check,
};
