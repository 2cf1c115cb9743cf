#ifndef PADTAX_KERNELS_H
#define PADTAX_KERNELS_H

#include <functional>
#include <string>

// Takes a kernel's arguments, as a launch gives them, and returns what one thread runs.
using Binder = std::function<std::function<void()>(void **)>;

// Null where no kernel has the name.
const Binder *find_kernel(const std::string &name);

#endif
