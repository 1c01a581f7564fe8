/* SPDX-License-Identifier: MIT
 * Descriptors.
 */
#include "model/store.h"
