/* SPDX-License-Identifier: MIT
 * The topology file: JSON with comments, maps keyed by name, EC2's fields, two shorthands (rules,
 * routes). See docs/topology.md. Loading is one transaction: parse, check, then create, update,
 * replace and delete so that the lab's objects match the file.
 */
#ifndef VPCD_MODEL_TOPOLOGY_H
#define VPCD_MODEL_TOPOLOGY_H

#include "model/store.h"

/* One fault of a file. */
struct fault {
	char pointer[256];  /* RFC 6901, into the file */
	unsigned line, col; /* from 1; 0: unknown */
	struct err err;
};
struct faults {
	size_t n;
	struct fault *v;
};
void faults_done(struct faults *f);

/* The plan that diff, up and down print. */
enum plan_op { PLAN_CREATE, PLAN_UPDATE, PLAN_REPLACE, PLAN_DELETE };
struct plan_step {
	enum plan_op op;
	enum kind_id kind;
	char id[40];  /* "" for creations in a dry run */
	char *name;   /* "shop/private-a" */
	char *detail; /* "CidrBlock is immutable", changed fields "MapPublicIpOnLaunch: false ->
			 true" */
};
struct plan_steps {
	size_t n;
	struct plan_step *v;
};
void plan_steps_done(struct plan_steps *p);

#define LAB_NAME_MAX 128 /* bytes */

/* A lab's name is short, not empty, and has no control characters. */
int lab_name_check(const char *name, struct err *e);

/* Makes the transaction's objects of the lab match the text. lab_override (may be NULL) beats the
 * file's Lab, which beats lab_default. directory: where relative commands are looked up and what
 * WorkingDirectory becomes. adopt: objects of the file's kinds and names that belong to no lab
 * become the lab's, instead of standing beside it. All faults of the file are collected; with any,
 * -EINVAL (or the first fault's rc) and the caller aborts the transaction. *ret_lab: malloc'd. */
int topology_load(struct txn *t, const char *text, size_t len, const char *lab_override,
		  const char *lab_default, const char *directory, bool adopt, char **ret_lab,
		  struct plan_steps *ret_steps, struct faults *ret_faults);

/* Deletes all objects of a lab. */
int topology_unload(struct txn *t, const char *lab, struct plan_steps *ret_steps, struct err *e);

/* The lab (NULL: everything) as a topology document; canonical: long forms for rules and routes. */
int topology_export(const struct model *m, const char *lab, bool canonical, struct json **ret,
		    struct err *e);

/* JSON Schema (draft 2020-12) of the file, for editors: from the same tables of keys and fields by
 * which it is read. What it cannot say (which names there are, which ranges overlap) `validate`
 * does. */
struct json *topology_json_schema(void);

/* "tcp 5432 from orders" to a security group rule's spec and back. A peer is a CIDR block, a group,
 * "vpc/group", or a prefix list ("pl:NAME" insists); groups win: rule_settle. */
int rule_parse(const char *text, struct json **ret_spec, struct err *e);
/* "100 allow tcp 80 from 0.0.0.0/0" to an ACL's entry, and back: acl_entry_format (malloc'd). */
int acl_entry_parse(const char *text, struct json **ret, struct err *e);
char *acl_entry_format(const struct network_acl_entry *en);
/* A word that names no group of the VPC, nor another, but a prefix list means that one. */
void rule_settle(const struct model *m, const char *scope_vpc, struct json *spec);
/* After a rule was refused: a word that is no group may have been meant as a prefix list. */
void rule_hint(const struct model *m, const struct json *spec, struct err *e);
char *rule_format(const struct model *m, const struct security_group_rule *r);
/* The rule of a group that means what a spec says: InvalidPermission.NotFound. */
int rule_find(const struct model *m, const struct object *group, const struct json *spec,
	      const struct object **ret, struct err *e);

#endif
