/* SPDX-License-Identifier: MIT
 * SQL.
 */
#include "model/store.h"
