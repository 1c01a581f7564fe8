/* SPDX-License-Identifier: MIT
 * The resource kinds' structs: the data model of vpcd at a glance. The tables and checks live in
 * kinds/<kind>.c. char * members that end in _id are references (ids); `struct list` members name
 * their item type.
 */
#ifndef VPCD_MODEL_KINDS_H
#define VPCD_MODEL_KINDS_H

#include "model/schema.h"

struct vpc {
	struct object o;
	struct cidr cidr_block;
	struct list secondary_cidr_blocks; /* struct cidr */
	struct cidr ipv6_cidr_block;	   /* unset: no IPv6 */
	bool enable_dns_support;	   /* default true */
	bool enable_dns_hostnames;	   /* default false */
	bool enable_dnssec_validation;	   /* default false */
	struct list dnssec_trust_anchors;  /* char *: "example.com. DS 12345 13 2 …" */
	char *dhcp_options_id;		   /* NULL: AmazonProvidedDNS and the region's domain */
	char *state;			   /* computed: "available" */
};

struct subnet {
	struct object o;
	char *vpc_id;
	struct cidr cidr_block;
	struct cidr ipv6_cidr_block; /* unset: no IPv6 */
	char *availability_zone;     /* default <region>a */
	bool map_public_ip_on_launch;
	bool assign_ipv6_address_on_creation;
	char *route_table_id; /* NULL: the VPC's main table. "RouteTableId" */
	char *network_acl_id; /* NULL: the VPC's default ACL. "NetworkAclId" */
	char *state;
};

/* Destination and target are exactly one member each; a dangling target makes the route a
 * blackhole. A route to a block of the VPC retargets the implied local route. */
struct route {
	struct cidr destination;      /* "DestinationCidrBlock" */
	struct cidr ipv6_destination; /* "DestinationIpv6CidrBlock" */
	char *prefix_list_id;	      /* "DestinationPrefixListId" */
	bool local;		      /* "Local": the VPC itself; EC2's GatewayId "local" */
	char *gateway_id;	      /* igw-… */
	char *egress_only_internet_gateway_id;
	char *nat_gateway_id;
	char *vpc_peering_connection_id;
	char *network_interface_id;
	char *instance_id;
	char *state; /* "State": computed where it is printed (model_route_active), never stored */
};

struct route_table {
	struct object o;
	char *vpc_id;
	bool main;	    /* made with the VPC; exactly one a VPC */
	char *gateway_id;   /* edge association: the internet gateway whose inbound packets it
			     * routes; NULL: a subnet's table */
	struct list routes; /* struct route, without the implied local ones */
};

struct prefix_list_entry {
	struct cidr cidr;
	char *description;
};

/* A customer-managed prefix list: where it is referred to, it counts with its maximum size. */
struct prefix_list {
	struct object o;
	int address_family; /* enum prefix_list_family */
	int64_t max_entries;
	struct list entries; /* struct prefix_list_entry */
};
enum prefix_list_family { PREFIX_LIST_IPV4, PREFIX_LIST_IPV6 };

struct egress_only_internet_gateway {
	struct object o;
	char *vpc_id;
};

struct peering_options {
	bool allow_dns_resolution_from_remote_vpc;
};

/* VPC Peering Guide, lifecycle; model/peering.h. Only an active one carries packets. */
struct vpc_peering_connection {
	struct object o;
	char *vpc_id;	   /* requester's */
	char *peer_vpc_id; /* accepter's */
	bool accept;	   /* "Accept": input; accepted as soon as it may be */
	int status;	   /* computed: enum peering_status */
	char *status_message;
	int64_t expiration_time; /* computed, Unix seconds; while pending acceptance; 0: none */
	int64_t status_time;	 /* computed, Unix seconds: since when it has its status */
	/* Whether public names of this side's instances mean private addresses to the other. */
	struct peering_options requester_options, accepter_options;
};
enum peering_status {
	PEERING_PENDING_ACCEPTANCE,
	PEERING_ACTIVE,
	PEERING_REJECTED,
	PEERING_EXPIRED,
	PEERING_FAILED,
	PEERING_DELETED
};

struct internet_gateway {
	struct object o;
	char *vpc_id; /* attachment; NULL: detached */
};

struct nat_gateway {
	struct object o;
	char *subnet_id;
	int connectivity_type;		      /* enum nat_connectivity */
	char *allocation_id;		      /* elastic IP, for a public one */
	struct list secondary_allocation_ids; /* char *: more of them */
	struct ip private_ip_address;	      /* primary; absent: the lowest free one */
	struct list
		secondary_private_ip_addresses; /* struct ip; as many as secondary elastic IPs */
	int64_t secondary_private_ip_address_count; /* private type: that many are chosen */
	char *network_interface_id;		    /* computed: its ENI, which has the addresses */
	char *state; /* computed: pending available failed deleting deleted */
	char *failure_code, *failure_message;
	int64_t delete_time; /* computed, Unix seconds; 0: it is not deleted */
};
/* How long a deleted one is shown, and one that failed at creation (VPC User Guide,
 * nat-gateway-troubleshooting: about an hour). */
#define NAT_GATEWAY_PAST_LIFE 3600
/* One primary, seven secondary (VPC User Guide, nat-gateway-basics). */
#define NAT_SECONDARY_MAX 7
enum nat_connectivity { NAT_PUBLIC, NAT_PRIVATE };

struct elastic_ip {
	struct object o;
	struct ip public_ip;	    /* given, or allocated from the pool */
	char *public_ipv4_pool;	    /* its pool's name; absent: by the address, or "amazon" */
	char *network_interface_id; /* association; NULL: none */
	struct ip private_ip;	    /* "PrivateIpAddress": default the ENI's primary one */
	bool auto_assigned;	    /* computed: came with an instance, goes with it */
};

struct security_group {
	struct object o;
	char *vpc_id;
	char *group_name;
	char *description;
};

struct security_group_rule {
	struct object o;
	char *group_id;
	bool is_egress;
	int ip_protocol;		  /* -1: all */
	int64_t from_port, to_port;	  /* -1: all; ICMP: type and code */
	struct cidr cidr_ipv4, cidr_ipv6; /* one of these four */
	char *referenced_group_id;	  /* of the same VPC, or of one with an active peering */
	char *prefix_list_id;
	char *description;
};

struct network_acl_entry {
	int64_t rule_number;
	bool egress;
	int protocol;
	int64_t from_port, to_port;
	struct cidr cidr_block, ipv6_cidr_block; /* one of these two */
	int rule_action;			 /* enum acl_action */
};
enum acl_action { ACL_ALLOW, ACL_DENY };

struct network_acl {
	struct object o;
	char *vpc_id;
	bool is_default;
	struct list entries; /* struct network_acl_entry */
};

enum interface_type { INTERFACE_INTERFACE, INTERFACE_NAT_GATEWAY, INTERFACE_LAMBDA };

/* "ConnectionTrackingSpecification": idle time-outs in seconds, 0: the default. EC2 User Guide,
 * security group connection tracking. */
struct connection_tracking {
	int64_t tcp_established_timeout; /* 60 to 432000 */
	int64_t udp_timeout;		 /* 30 to 60 */
	int64_t udp_stream_timeout;	 /* 60 to 180 */
};

struct network_interface {
	struct object o;
	char *subnet_id;
	struct ip private_ip_address;		    /* primary */
	struct list secondary_private_ip_addresses; /* struct ip */
	struct list ipv6_addresses;		    /* struct ip; the first is the primary one */
	struct connection_tracking connection_tracking;
	struct list groups; /* char *: security group ids; empty input: the VPC's default group */
	struct mac mac_address;
	bool source_dest_check; /* default true */
	int interface_type;	/* enum interface_type */
	char *attachment_id; /* computed: id of the instance, function or NAT gateway that has it */
	char *description;
	char *status; /* computed: available in-use failed */
	char *status_reason;
};

/* What instance, function and internet host have in common: a sandbox runs it. */
struct sandbox {
	struct list command; /* char * */
	struct map environment;
	struct list capabilities; /* char *: "net_raw" …, without CAP_ */
	char *directory;	  /* "WorkingDirectory" */
	int desired_state;	  /* enum sandbox_desired: "DesiredState" running|stopped */
	int stdio;	    /* enum sandbox_stdio: "Stdio" log|attach: attach waits for a client */
	bool auto_remove;   /* "AutoRemove": delete the object when the command ends */
	char *netns_path;   /* "NetnsPath": a namespace of somebody else; no process of ours */
	char *state;	    /* computed: pending running stopped failed */
	char *state_reason; /* computed */
	int64_t exit_code;  /* computed; -1 while none */
};
enum sandbox_desired { SANDBOX_RUNNING, SANDBOX_STOPPED };
enum sandbox_stdio { STDIO_LOG, STDIO_ATTACH };

struct instance {
	struct object o;
	char *subnet_id;
	struct ip private_ip_address; /* input for its ENI; allocated if absent */
	struct list secondary_private_ip_addresses, ipv6_addresses; /* struct ip; as above */
	struct connection_tracking connection_tracking;		    /* as above */
	struct list security_group_ids;				    /* char * */
	bool source_dest_check;
	struct sandbox sandbox;
	char *network_interface_id; /* computed */
};

struct function {
	struct object o;
	struct list subnet_ids; /* char *; its ENI lies in the first with a free address */
	struct list security_group_ids;
	bool ipv6_allowed_for_dual_stack; /* default false */
	struct sandbox sandbox;
	char *network_interface_id; /* computed */
};

struct internet_host {
	struct object o;
	char *domain_name; /* "DomainName": its public DNS name; NULL: none */
	struct ip address;
	struct ip ipv6_address; /* unset: none */
	int64_t packet_loss;	/* "PacketLossPercent": 0 to 100, each way */
	struct mac mac_address; /* allocated */
	struct sandbox sandbox;
};

struct hosted_zone {
	struct object o;
	char *domain;	     /* "DomainName": lower case, no final dot */
	struct list vpc_ids; /* char *; empty: a public zone of the simulated internet */
};

struct record_set {
	struct object o;
	char *hosted_zone_id;
	char *record_name;  /* relative to the zone, "@" for its apex, or "*" … */
	char *type;	    /* "A" "CNAME" "TXT" … */
	int64_t ttl;	    /* seconds, default 60 */
	struct list values; /* char *: RDATA in master-file form, or "@NAME": an alias to the
			     * address of an instance, function, interface or NAT gateway, resolved
			     * when answers are built */
	/* Several sets of one name and type (Route 53 Developer Guide, routing policies): told
	 * apart by the identifier, weighted unless multi_value_answer. */
	char *set_identifier; /* NULL: simple */
	int64_t weight;	      /* 0 to 255 */
	bool multi_value_answer;
};

/* VPC User Guide, "DHCP option sets". Never changed, only replaced. */
struct dhcp_options {
	struct object o;
	char *domain_name;
	struct list domain_name_servers;	       /* char *: addresses, or AmazonProvidedDNS */
	struct list ntp_servers, netbios_name_servers; /* struct ip */
	int64_t netbios_node_type;		       /* 0: none */
};

struct resolver_target {
	struct ip ip;
	int64_t port;
};

/* Route 53 Developer Guide, "Managing forwarding rules". */
struct resolver_rule {
	struct object o;
	char *domain;		/* "DomainName": lower case, no final dot; "." is every name */
	int rule_type;		/* enum resolver_rule_type */
	struct list target_ips; /* struct resolver_target; of a forwarding rule */
	struct list vpc_ids;	/* char *: associations */
};
enum resolver_rule_type { RULE_FORWARD, RULE_SYSTEM };

/* Route 53 Developer Guide, "Route 53 Resolver DNS Firewall". */
struct firewall_domain_list {
	struct object o;
	struct list domains; /* char *: "example.com", "*.example.com" or "*" */
};

struct firewall_rule {
	char *firewall_domain_list_id;
	int64_t priority;   /* unique in the group; the lower is asked first */
	int action;	    /* enum firewall_action */
	int block_response; /* enum firewall_block_response */
	char *block_override_domain;
	int64_t block_override_ttl;
};
enum firewall_action { FIREWALL_ALLOW, FIREWALL_ALERT, FIREWALL_BLOCK };
enum firewall_block_response { BLOCK_NODATA, BLOCK_NXDOMAIN, BLOCK_OVERRIDE };

struct firewall_rule_group {
	struct object o;
	struct list firewall_rules; /* struct firewall_rule */
	struct list vpc_ids;	    /* char *: associations */
	int64_t priority;	    /* among the groups of a VPC; the lower is asked first */
};

struct query_log_config {
	struct object o;
	struct list vpc_ids; /* char *: associations */
};

/* Of exactly one resource; what has an interface stands for it. */
struct flow_log {
	struct object o;
	char *vpc_id, *subnet_id, *network_interface_id, *instance_id, *function_id;
	int traffic_type;		  /* enum flow_log_traffic */
	int64_t max_aggregation_interval; /* seconds, 60 or 600 */
	char *log_format;		  /* NULL: version 2's; model/flow_record.h */
	int log_destination_type;	  /* "file" */
};
enum flow_log_traffic { FLOW_LOG_ACCEPT, FLOW_LOG_REJECT, FLOW_LOG_ALL };

/* VPC Traffic Mirroring guide. A target stays when its interface goes, and gets nothing then. */
struct traffic_mirror_target {
	struct object o;
	char *network_interface_id; /* NULL: it went */
	int type;		    /* computed: "network-interface" */
	char *description;
};

struct port_range {
	int64_t from_port, to_port; /* both 0: all */
};

struct traffic_mirror_rule {
	int64_t rule_number;
	int rule_action; /* enum traffic_mirror_action */
	int protocol;	 /* -1: all */
	struct cidr source, destination;
	struct port_range source_ports, destination_ports; /* of TCP and UDP */
	char *description;
};
enum traffic_mirror_action { MIRROR_ACCEPT, MIRROR_REJECT };

struct traffic_mirror_filter {
	struct object o;
	struct list ingress, egress; /* struct traffic_mirror_rule */
	struct list services;	     /* int: 0 is amazon-dns, the only one */
	char *description;
};

struct traffic_mirror_session {
	struct object o;
	char *network_interface_id; /* source; the session goes with it */
	char *target_id, *filter_id;
	int64_t session_number;
	int64_t packet_length; /* 0: all */
	int64_t virtual_network_id;
	char *description;
};

/* The kind's struct of an object; no check at run time beyond an assert. */
#define AS(type, obj)	    ((struct type *)(obj))
#define AS_CONST(type, obj) ((const struct type *)(obj))

/* The sandbox part of an instance, function or internet host; NULL for other kinds. */
struct sandbox *object_sandbox(struct object *o);
const struct sandbox *object_sandbox_const(const struct object *o);

#endif
