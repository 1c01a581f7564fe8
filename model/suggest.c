/* SPDX-License-Identifier: MIT
 * Did you mean.
 */
#include "model/store.h"
