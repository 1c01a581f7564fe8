/* SPDX-License-Identifier: MIT
 * Writing field tables. The type comes from the C type of the member:
 *
 *   static const struct field subnet_fields[] = {
 *           REF(subnet, vpc_id, "VpcId", KIND_VPC, .flags = REQUIRED | IMMUTABLE, .help = "…"),
 *           FIELD(subnet, cidr_block, "CidrBlock", .flags = REQUIRED | IMMUTABLE, .help = "…"),
 *           {0},
 *   };
 */
#ifndef VPCD_MODEL_FIELD_H
#define VPCD_MODEL_FIELD_H

#include "model/kinds.h"

#define MEMBER(struct_, member) (((struct struct_ *)0)->member)

/* int members are enums (.values) unless FIELD_AS says T_PROTO. */
#define FIELD_TYPE(struct_, member) \
	_Generic(MEMBER(struct_, member),                                                          \
		bool: T_BOOL,                                                                      \
		int64_t: T_INT,                                                                    \
		int: T_ENUM,                                                                       \
		char *: T_STRING,                                                                  \
		struct ip: T_IP,                                                                   \
		struct cidr: T_CIDR,                                                               \
		struct mac: T_MAC,                                                                 \
		struct list: T_LIST,                                                               \
		struct map: T_MAP)

#define FIELD_AS(struct_, member, name_, type_, ...)                                      \
	{                                                                                 \
		.name = name_, .type = type_, .offset = offsetof(struct struct_, member), \
		.size = sizeof(MEMBER(struct_, member)), __VA_ARGS__                      \
	}
#define FIELD(struct_, member, name_, ...) \
	FIELD_AS(struct_, member, name_, FIELD_TYPE(struct_, member), __VA_ARGS__)
#define REF(struct_, member, name_, kind_, ...) \
	FIELD_AS(struct_, member, name_, T_REF, .ref = kind_, __VA_ARGS__)

/* Item descriptions for T_LIST: `.elem = &elem_string`. */
extern const struct field elem_string, elem_cidr, elem_ip, elem_ip_auto;

#endif
