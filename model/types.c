/* SPDX-License-Identifier: MIT
 * Value types: one table of operations a type.
 */
#include "model/store.h"
