/* SPDX-License-Identifier: MIT
 * Transactions.
 */
#include "model/store.h"
