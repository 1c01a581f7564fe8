/* SPDX-License-Identifier: MIT
 * In place of what makes namespaces, links, processes and answers to names: the daemon's own apply,
 * links, bind and rule sets run over these. An attachment is an entry in a table here.
 */
#ifndef VPCD_TESTS_REFERENCE_FAKES_H
#define VPCD_TESTS_REFERENCE_FAKES_H

#include "netns/fabric.h"

struct fabric *fake_fabric_new(void);
void fake_fabric_free(struct fabric *f);

#endif
