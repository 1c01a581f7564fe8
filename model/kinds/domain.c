/* SPDX-License-Identifier: MIT
 * See domain.h.
 */
#include <ctype.h>
#include <string.h>

#include "model/kinds/domain.h"

bool domain_is_valid(const char *name, bool wildcard)
{
	size_t label = 0;

	if (!*name || strlen(name) > 253)
		return false;
	if (wildcard && name[0] == '*' && (!name[1] || name[1] == '.'))
		name++, label = 1;
	for (; *name; name++) {
		if (*name == '.') {
			if (!label || label > 63 || !name[1])
				return false;
			label = 0;
			continue;
		}
		if (!isalnum((unsigned char)*name) && *name != '-' && *name != '_')
			return false;
		label++;
	}
	return label <= 63;
}

int domain_check(char **name, const char *field, struct err *e)
{
	size_t n = strlen(*name);

	if (n && (*name)[n - 1] == '.')
		(*name)[--n] = 0;
	if (!domain_is_valid(*name, false))
		return err_set(
			e, -EINVAL, "InvalidDomainName", field,
			"%.64s is no domain name: labels of 1 to 63 letters, digits, - and _, "
			"253 characters in all",
			*name);
	for (char *p = *name; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return 0;
}
