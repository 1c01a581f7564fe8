/* SPDX-License-Identifier: MIT
 * Help, made of the tables that the parser reads.
 */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static void commands_print(const struct command *from, const struct command *to)
{
	for (const struct command *cmd = from; cmd < to && cmd->name; cmd++)
		if (cmd->help)
			printf("  %-15s %s\n", cmd->name, cmd->help);
}

void help_main(void)
{
	const struct command *run = command_find(commands, "run");
	const struct command *packets = command_find(commands, "capture");
	const struct command *events = command_find(commands, "events");
	const struct command *end = events;

	while (end->name)
		end++;
	puts("Usage: vpcctl [OPTION…] COMMAND [ARG…]\n"
	     "       vpcctl [OPTION…] KIND [create|list|show|set|delete] [ARG…]\n\n"
	     "Virtual private clouds on this machine. Objects go by id, unique id prefix, name or\n"
	     "vpc/name.\n\nLabs:");
	commands_print(commands, run);
	puts("\nSandboxes:");
	commands_print(run, packets);
	puts("\nPackets:");
	commands_print(packets, events);
	puts("\nOther:");
	commands_print(events, end);
	puts("\nKinds:");
	for (int i = KIND_NONE + 1; i < KIND_COUNT; i++)
		printf("  %-28s %-6s %s\n", kinds[i]->name,
		       kinds[i]->short_name ? kinds[i]->short_name : "", kinds[i]->help);
	puts("\nExit codes: 0 done, 1 refused or failed, 2 usage or invalid file, 3 no such "
	     "object,\n"
	     "4 daemon unreachable, 5 timed out.\n\nExample: vpcctl up -f examples/functions.json");
}

static void option_print(const struct opt *o)
{
	char left[80];

	snprintf(left, sizeof(left), "%s%c%s--%s%s%s%s", o->letter ? "-" : " ",
		 o->letter ? o->letter : ' ', o->letter ? ", " : "  ", o->name,
		 o->arg == OPT_MAYBE ? "[="
		 : o->metavar	     ? " "
				     : "",
		 o->metavar ? o->metavar : "", o->arg == OPT_MAYBE ? "]" : "");
	printf("  %-32s %s\n", left, o->help ? o->help : "");
}

static void options_print(const struct opt *const *tables)
{
	for (size_t i = 0; tables[i]; i++) {
		puts(tables[i] == global_opts ? "\nCommon options:" : i ? "" : "\nOptions:");
		for (const struct opt *o = tables[i]; o->name; o++)
			option_print(o);
	}
}

/* Sentences of the fields that a new object needs. */
static const char *const create_examples[KIND_COUNT] = {
	[KIND_VPC] = "--name shop --cidr-block 10.0.0.0/16",
	[KIND_SUBNET] = "--name public --vpc-id shop --cidr-block 10.0.0.0/24",
	[KIND_ROUTE_TABLE] = "--name public --vpc-id shop",
	[KIND_INTERNET_GATEWAY] = "--name igw --vpc-id shop",
	[KIND_EGRESS_ONLY_INTERNET_GATEWAY] = "--name eigw --vpc-id shop",
	[KIND_VPC_PEERING_CONNECTION] = "--name shop-other --vpc-id shop --peer-vpc-id other",
	[KIND_PREFIX_LIST] = "--name offices --entries '[{\"Cidr\": \"203.0.113.0/24\"}]'",
	[KIND_NAT_GATEWAY] = "--name nat --subnet-id public --allocation-id nat-ip",
	[KIND_ELASTIC_IP] = "--name nat-ip",
	[KIND_SECURITY_GROUP] = "--vpc-id shop --group-name db --description databases",
	[KIND_SECURITY_GROUP_RULE] = "--group-id db --ip-protocol tcp --from-port 5432 --to-port "
				     "5432 --cidr-ipv4 10.0.0.0/16",
	[KIND_NETWORK_ACL] = "--name strict --vpc-id shop",
	[KIND_NETWORK_INTERFACE] = "--subnet-id public --groups db",
	[KIND_INSTANCE] = "--name web --subnet-id public -- python3 -m http.server 80",
	[KIND_FUNCTION] = "--name orders --subnet-ids private-a,private-b -- python3 orders.py",
	[KIND_INTERNET_HOST] = "--domain-name www.example.com --address 203.0.113.80",
	[KIND_HOSTED_ZONE] = "--domain-name shop.test --vpc-ids shop",
	[KIND_RECORD_SET] =
		"--hosted-zone-id shop.test --record-name db --type A --values 10.0.2.10",
	[KIND_DHCP_OPTIONS] = "--name corp --domain-name corp.internal --domain-name-servers "
			      "AmazonProvidedDNS",
	[KIND_RESOLVER_RULE] =
		"--domain-name corp.test --target-ips Ip=203.0.113.90 --vpc-ids shop",
	[KIND_FIREWALL_DOMAIN_LIST] = "--name bad --domains bad.example,*.bad.example",
	[KIND_FIREWALL_RULE_GROUP] = "--name wall --vpc-ids shop --firewall-rules "
				     "FirewallDomainListId=bad,Priority=1,Action=BLOCK",
	[KIND_QUERY_LOG_CONFIG] = "--name log --vpc-ids shop",
	[KIND_FLOW_LOG] = "--name traffic --vpc-id shop --max-aggregation-interval 60",
	[KIND_TRAFFIC_MIRROR_TARGET] = "--name ids --network-interface-id ids",
	[KIND_TRAFFIC_MIRROR_FILTER] = "--name all --egress-filter-rules RuleNumber=100,"
				       "RuleAction=accept,SourceCidrBlock=0.0.0.0/0,"
				       "DestinationCidrBlock=0.0.0.0/0",
	[KIND_TRAFFIC_MIRROR_SESSION] = "--name web-to-ids --network-interface-id web "
					"--traffic-mirror-target-id ids "
					"--traffic-mirror-filter-id all --session-number 1",
};

void help_command(const struct kind *k, const struct command *cmd)
{
	struct opt *fields = k && cmd->fields ? kind_opts(k) : NULL;
	const struct opt *tables[OPT_TABLES_MAX];

	command_tables(cmd, fields, tables);
	printf("Usage: vpcctl %s%s%s [OPTION…] %s%s\n\n%s.\n", k ? k->name : "", k ? " " : "",
	       cmd->name, cmd->usage,
	       fields && k && field_find(k->fields, "Command") ? " [-- COMMAND…]" : "",
	       cmd->help ? cmd->help : "");
	options_print(tables);
	if (k && !strcmp(cmd->name, "create"))
		printf("\nExample: vpcctl %s create %s\n", k->name, create_examples[k->kind]);
	else if (k)
		printf("\nExample: vpcctl %s %s\n", k->name, cmd->example);
	else
		printf("\nExample: %s\n", cmd->example ? cmd->example : "");
	kind_opts_free(fields);
}

void help_kind(const struct kind *k)
{
	printf("Usage: vpcctl %s VERB [OPTION…]\n\n%s.\nAlso spelled: %s%s%s.\n\nVerbs:\n", k->name,
	       k->help, k->plural, k->short_name ? ", " : "", k->short_name ? k->short_name : "");
	for (const struct command *cmd = kind_commands; cmd->name; cmd++)
		if (!cmd->only || cmd->only == k->kind)
			printf("  %-15s %s\n", cmd->name, cmd->help);
	printf("\nFields: vpcctl explain %s\nExample: vpcctl %s create %s\n", k->name, k->name,
	       create_examples[k->kind]);
}

int cmd_help(struct cli *c)
{
	const char *word = c->args.n_pos ? c->args.pos[0] : NULL;
	const struct command *cmd = word ? command_find(commands, word) : NULL;
	const struct kind *k = word && !cmd ? kind_find(word) : NULL;
	const struct command *verb;

	if (!word) {
		help_main();
	} else if (cmd) {
		help_command(NULL, cmd);
	} else if (k && c->args.n_pos > 1) {
		verb = verb_find(k, c->args.pos[1]);
		if (!verb)
			return cli_usage(c, "no verb %s for %s", c->args.pos[1], k->plural);
		help_command(k, verb);
	} else if (k) {
		help_kind(k);
	} else {
		return cli_usage(c, "no command or kind %s", word);
	}
	return EXIT_DONE;
}
