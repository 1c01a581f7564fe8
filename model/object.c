/* SPDX-License-Identifier: MIT
 * Objects.
 */
#include "model/store.h"
