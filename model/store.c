/* SPDX-License-Identifier: MIT
 * The store.
 */
#include "model/store.h"
