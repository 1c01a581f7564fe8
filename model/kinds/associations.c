/* SPDX-License-Identifier: MIT
 * See associations.h.
 */
#include <string.h>

#include "model/kinds/associations.h"

const struct field elem_vpc_id = {
	.name = "VpcId", .type = T_REF, .size = sizeof(char *), .ref = KIND_VPC};

const char *ids_common(const struct list *a, const struct list *b)
{
	char **x = a->v, **y = b->v;

	for (size_t i = 0; i < a->n; i++)
		for (size_t j = 0; j < b->n; j++)
			if (!strcmp(x[i], y[j]))
				return x[i];
	return NULL;
}

int ids_unique(const struct list *ids, const char *field, struct err *e)
{
	char **v = ids->v;

	for (size_t i = 0; i < ids->n; i++)
		for (size_t j = 0; j < i; j++)
			if (!strcmp(v[i], v[j]))
				return err_set(e, -EINVAL, "InvalidParameterValue", field,
					       "%s is given twice", v[i]);
	return 0;
}
