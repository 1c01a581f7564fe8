/* SPDX-License-Identifier: MIT
 * Relations between objects.
 */
#include "model/store.h"
