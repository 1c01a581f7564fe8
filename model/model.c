/* SPDX-License-Identifier: MIT
 * The model in memory.
 */
#include "model/store.h"
