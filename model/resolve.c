/* SPDX-License-Identifier: MIT
 * Names to objects.
 */
#include "model/store.h"
