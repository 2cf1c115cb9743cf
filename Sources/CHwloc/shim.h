// hwloc 2 for Swift; almost all of it imports as it is.
#ifndef CHWLOC_SHIM_H
#define CHWLOC_SHIM_H

#include <hwloc.h>

#endif
