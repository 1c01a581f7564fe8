/* SPDX-License-Identifier: MIT
 * Lists, records and maps.
 */
#include "model/store.h"
